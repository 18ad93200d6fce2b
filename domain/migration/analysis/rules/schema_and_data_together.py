"""Rows are read or written in bulk in a transaction that holds a blocking lock.

A schema change alone holds its lock for an instant. In one transaction with an UPDATE of the table, it holds the lock
as long as the UPDATE runs, and reads and writes wait. The safe way is to change the schema in one revision, and to fill
the rows in the next revision, in batches:

    # revision 1
    op.add_column("users", sa.Column("active", sa.Boolean()))

    # revision 2
    with op.get_context().autocommit_block():
        while op.get_bind().execute(sa.text(
            "UPDATE users SET active = true WHERE id IN (SELECT id FROM users WHERE active IS NULL LIMIT 1000)"
        )).rowcount:
            pass
"""

from collections.abc import Iterator

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "schema-and-data-together"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.TWO_PHASES
BLOCKS = True
BAD = Example(
    USERS,
    """
op.add_column("users", sa.Column("active", sa.Boolean()))
op.execute("UPDATE users SET active = true")
""",
    'op.drop_column("users", "active")',
)
GOOD = Example(
    USERS,
    """
op.add_column("users", sa.Column("active", sa.Boolean()))
with op.get_context().autocommit_block():
    while op.get_bind().execute(sa.text(
        "UPDATE users SET active = true WHERE id IN (SELECT id FROM users WHERE active IS NULL LIMIT 500)"
    )).rowcount:
        pass
""",
    'op.drop_column("users", "active")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report bulk reads and writes under the lock of a schema change."""
    advice = "Change the schema in one revision, and the rows in the next one, in batches that commit."
    return work_diagnostics(trace, statistics, Cause.DATA, CODE, advice)
