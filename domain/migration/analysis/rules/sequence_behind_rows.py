"""The keys of a column are ahead of its sequence: the revision inserts explicit keys, or gives the column a sequence.

The next INSERT of the application takes the next number of the sequence. That number is in use, and the INSERT fails
with a duplicate key. A column with values that becomes an identity column, or that gets a default from a new sequence,
starts again at the first number. The safe way is to let the sequence number the rows, or to set it to the highest key:

    op.execute("SELECT setval('roles_id_seq', (SELECT max(id) FROM roles))")
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import execute
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, SequenceBehind

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
    """Report sequences whose next number is a key that the upgrade has inserted, or that was there before."""
    for sequence in trace.sequences_behind:
        if sequence.is_given and _fails_already(trace, sequence.table):
            continue
        writers = (
            index
            for index, statement in enumerate(trace.upgrade)
            if getattr(statement.rows.get(sequence.table), "total", 0)
        )
        quoted = sequence.sequence.replace("'", "''")
        yield Diagnostic(
            CODE,
            SEVERITY,
            next(writers, None),
            sequence.table,
            f"{_cause(sequence)} the next number of {sequence.sequence} is {sequence.following}, so an INSERT of the "
            "application fails with a duplicate key.",
            f"Let the sequence set {sequence.column}, or set the sequence to the highest key.",
            execute(f"SELECT setval('{quoted}', (SELECT max({sequence.column}) FROM {sequence.table}))"),  # noqa: S608 - a text
        )


def _cause(sequence: SequenceBehind) -> str:
    if sequence.is_given:
        return f"{sequence.table}.{sequence.column} has values, and draws from a sequence from now on:"
    return f"The upgrade inserts rows with {sequence.column} up to {sequence.largest} into {sequence.table}, but"


def _fails_already(trace: RevisionTrace, table: str) -> bool:
    """Return whether an INSERT of the old code fails, which another rule reports."""
    return trace.compatibility is not None and "INSERT" in trace.compatibility.failing(table)
