"""A column must now be given by every INSERT, and the code before does not know it.

A new NOT NULL column without default, or a NOT NULL column that loses its default, makes the INSERTs of the old code
fail, even when the rows that exist were filled in the same revision. The safe way keeps a default until all deployed
code writes the column:

    op.add_column("users", sa.Column("plan", sa.Text(), nullable=False, server_default="free"))
"""

from collections.abc import Iterator

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.judging import added, attributes, bare, is_live, kept, schema_argument, split, statement_of
from domain.migration.rule import USERS, Example
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "required-column"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    """
op.add_column("users", sa.Column("plan", sa.Text(), nullable=False, server_default="free"))
op.alter_column("users", "plan", server_default=None)
""",
    'op.drop_column("users", "plan")',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("plan", sa.Text(), nullable=False, server_default="free"))',
    'op.drop_column("users", "plan")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find columns that an INSERT could leave out before."""
    last = len(trace.upgrade) - 1
    columns = [(name, "is new") for name in added(trace, "column")]
    columns += [
        (name, "has lost its default")
        for name in kept(trace, "column")
        if _optional(trace, name) and attributes(trace.before, "column", name)["not_null"]
    ]
    for name, what in columns:
        table, column = split(name)
        if is_live(trace, table, last) and _required(trace, name):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "column", name),
                table,
                f"The column {name} {what}, NOT NULL and without default: INSERTs of the code that ran before fail.",
                "Keep a server default until all deployed code writes the column.",
                f'op.alter_column("{bare(table)}", "{bare(column)}", '
                f'server_default=sa.text("…"){schema_argument(table)})\n',
            )


def _required(trace: RevisionTrace, column: str) -> bool:
    held = attributes(trace.after, "column", column)
    given = any(held.get(attribute) for attribute in ("identity", "generated"))
    default = held.get("default") or attributes(trace.after, "type", str(held["type"])).get("default")
    return bool(held["not_null"]) and default is None and not given


def _optional(trace: RevisionTrace, column: str) -> bool:
    held = attributes(trace.before, "column", column)
    return any(held.get(attribute) for attribute in ("default", "identity", "generated"))
