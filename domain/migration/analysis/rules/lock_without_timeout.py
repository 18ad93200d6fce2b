"""A blocking lock is requested without a `lock_timeout`.

The lock itself may last an instant. But it must wait for every running query of the table. Behind one long query, all
later reads and writes of the table wait, too, as long as that query runs. The safe way is to limit the wait, and to
try again when the limit is reached:

    op.execute("SET LOCAL lock_timeout = '2s'")

SET LOCAL does nothing where each statement commits by itself (an engine with AUTOCOMMIT, an autocommit block). Use SET
before the statement there, and RESET after it.
"""

from collections.abc import Iterator

from domain.migration.analysis.impact import blocking_tables
from domain.migration.analysis.lock_windows import other_windows
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.op_code import execute, lines
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

CODE = "lock-without-timeout"
SEVERITY = Severity.NOTE
BAD = Example(
    USERS,
    'op.add_column("users", sa.Column("note", sa.Text()))',
    'op.drop_column("users", "note")',
)
GOOD = Example(
    USERS,
    """
op.execute("SET LOCAL lock_timeout = '2s'")
op.add_column("users", sa.Column("note", sa.Text()))
""",
    'op.drop_column("users", "note")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report the first statement that may wait without a limit; a revision gets one note."""
    locked = {(statement, table) for statement, tables in blocking_tables(trace).items() for table in tables}
    locked |= {(window.from_statement, window.relation) for window in other_windows(trace)}
    waits = {pair for pair in locked if trace.upgrade[pair[0]].lock_timeout in {"0", "0ms", ""}}
    if not waits:
        return
    first = min(waits)[0]
    tables = sorted({table for _, table in waits})
    yield Diagnostic(
        CODE,
        SEVERITY,
        first,
        tables[0],
        f"The upgrade waits for its locks on {listed(tables)} without a lock_timeout. While it waits for one long "
        "query, all later queries wait, too.",
        "Set a lock_timeout of a few seconds, and run the upgrade again if it times out.",
        _fix(trace.upgrade[first]),
    )


def _fix(statement: StatementTrace) -> str:
    """Return operations that set the timeout for the transaction.

    A statement that commits by itself gets the setting for the session, with a RESET afterwards.
    """
    if statement.transaction is not None:
        return lines(execute("SET LOCAL lock_timeout = '2s'"))
    return OwnTransactions((statement.sql,), ("lock_timeout = '2s'",)).expand.fix
