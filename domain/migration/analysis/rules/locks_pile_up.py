"""One transaction takes blocking locks on several tables.

Each lock is held until the transaction ends. While the transaction waits for the second table behind a long query,
everybody waits for the first table, too. An application that locks both tables in the other order can meet a deadlock.
The safe way is a revision of its own, and so a transaction of its own, for each table, or a commit in between.
"""

from collections.abc import Iterator

from domain.migration.analysis.impact import blocking_tables
from domain.migration.analysis.rule import ORDERS, Example
from domain.migration.analysis.wording import listed
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
    """Report statements with which a transaction locks one more table that others use."""
    locked_tables: dict[int, list[str]] = {}
    for statement, windows in sorted(blocking_tables(trace).items()):
        transaction = trace.upgrade[statement].transaction
        if transaction is None:
            continue
        tables = locked_tables.setdefault(transaction, [])
        new_tables = [table for table in windows if table not in tables]
        if tables and new_tables:
            window = windows[new_tables[0]]
            verb = "is" if len(tables) == 1 else "are"
            everything = "both" if len(tables) + len(new_tables) == 2 else "all of them"  # noqa: PLR2004 - a pair
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                new_tables[0],
                f"Statement {statement + 1} locks {listed(new_tables)} while {listed(tables)} {verb} locked already; "
                f"{everything} stay locked until the transaction ends with statement {window.to_statement + 1}.",
                "Give each table a revision of its own, or commit in between.",
            )
        tables.extend(new_tables)
