"""One transaction takes blocking locks on several tables, one after the other.

Each lock is held until the transaction ends. While the second one waits for a long query, everybody waits for the first
table, too; and an application that takes both in the other order meets a deadlock. The safe way is a revision, so a
transaction, for each table, or a commit in between.
"""

from collections.abc import Iterator

from domain.migration.analysis.judging import blocking_tables, listed
from domain.migration.analysis.rule import ORDERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "locks-pile-up"
SEVERITY = Severity.WARNING
BAD = Example(
    ORDERS,
    """
op.add_column("users", sa.Column("note", sa.Text()))
op.add_column("orders", sa.Column("note", sa.Text()))
""",
    """
op.drop_column("orders", "note")
op.drop_column("users", "note")
""",
)
GOOD = Example(
    ORDERS,
    'op.add_column("users", sa.Column("note", sa.Text()))',
    'op.drop_column("users", "note")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find the statement with which a transaction holds several tables that others use."""
    held: dict[int, list[str]] = {}
    for statement, windows in sorted(blocking_tables(trace).items()):
        transaction = trace.upgrade[statement].transaction
        if transaction is None:
            continue
        tables = held.setdefault(transaction, [])
        new = [table for table in windows if table not in tables]
        if tables and new:
            window = windows[new[0]]
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                new[0],
                f"Statement {statement + 1} locks {listed(new)} while {listed(tables)} is locked already; both "
                f"stay locked until the transaction ends with statement {window.to_statement + 1}.",
                "Give each table a revision of its own, or commit in between.",
            )
        tables.extend(new)
