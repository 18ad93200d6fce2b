"""The revision inserts rows with keys of its own, and the sequence behind the column does not know of them.

The application's next INSERT takes the key that the sequence counts to, and fails with a duplicate. The safe way leaves
the key to the sequence, or moves it behind the rows:

    op.execute("SELECT setval('roles_id_seq', (SELECT max(id) FROM roles))")
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import execute
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "sequence-behind-rows"
SEVERITY = Severity.WARNING
_SETUP = "CREATE TABLE users (id int PRIMARY KEY)"
_CREATE = 'op.create_table("roles", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("name", sa.Text()))\n'
_INSERT = "op.execute(\"INSERT INTO roles (id, name) VALUES (1, 'admin'), (2, 'user')\")\n"
_DROP = 'op.drop_table("roles")'
BAD = Example(_SETUP, _CREATE + _INSERT, _DROP)
GOOD = Example(
    _SETUP,
    _CREATE + _INSERT + "op.execute(\"SELECT setval('roles_id_seq', (SELECT max(id) FROM roles))\")",  # noqa: S608 - an example
    _DROP,
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find sequences that count to keys which the upgrade has given away."""
    for one in trace.sequences_behind:
        writers = (
            index for index, statement in enumerate(trace.upgrade) if getattr(statement.rows.get(one.table), "total", 0)
        )
        quoted = one.sequence.replace("'", "''")
        yield Diagnostic(
            CODE,
            SEVERITY,
            next(writers, None),
            one.table,
            f"The upgrade writes {one.column} up to {one.largest} into {one.table}, and {one.sequence} still counts to "
            f"{one.following}: the application's next INSERT fails with a duplicate key.",
            f"Leave {one.column} to the sequence, or move it behind the rows.",
            execute(f"SELECT setval('{quoted}', (SELECT max({one.column}) FROM {one.table}))"),  # noqa: S608 - a text
        )
