"""The revision sleeps or waits while it holds a lock that others wait for.

A `pg_sleep` or a `time.sleep`, a call to a service or another program: whatever the size of the tables, reads or writes
wait for all of that time. The time is measured without what a busy machine adds to it. The safe way is to wait before
the first lock, or between transactions:

    time.sleep(2)
    op.add_column("users", sa.Column("note", sa.Text()))
"""

from collections.abc import Iterator

from domain.migration.analysis.impact import is_live
from domain.migration.analysis.lock_windows import LockWindow, last_statements, lock_windows, other_windows
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "waits-under-lock"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.MAINTENANCE_WINDOW
BLOCKS = True
_ADD = 'op.add_column("users", sa.Column("note", sa.Text()))'
BAD = Example(USERS, f'{_ADD}\nop.execute("SELECT pg_sleep(1.5)")', 'op.drop_column("users", "note")')
GOOD = Example(USERS, f'op.execute("SELECT pg_sleep(0.1)")\n{_ADD}', 'op.drop_column("users", "note")')
_LONG_MS = 500  # milliseconds from which users notice a stall


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report each table whose lock is held while the revision waits."""
    last = max(last_statements(trace).values(), default=-1)
    reported: set[str] = set()
    for window in (*lock_windows(trace), *other_windows(trace)):
        if not window.blocks or window.table in reported or not _is_in_use(trace, window):
            continue
        waited = _waited_ms(trace, window, is_last=window.to_statement == last)
        if waited >= _LONG_MS:
            reported.add(window.table)
            who = "reads and writes" if window.blocks_reads else "writes"
            yield Diagnostic(
                CODE,
                SEVERITY,
                window.from_statement,
                window.table,
                f"The revision waits for {waited / 1000:.1f} s, without work, while it holds the lock of "
                f"{label(trace, window.from_statement)}: {who} of {window.table} wait as long ({window.mode.sql}).",
                "Wait before the first lock, or between transactions.",
            )


def _is_in_use(trace: RevisionTrace, window: LockWindow) -> bool:
    return window.kind != "table" or is_live(trace, window.table, window.from_statement)


def _waited_ms(trace: RevisionTrace, window: LockWindow, *, is_last: bool) -> float:
    """Return the milliseconds that passed idly while a lock was held; before the statement that takes it, it is not."""
    first, end = window.from_statement, window.to_statement
    waits = [statement.slept_ms for statement in trace.upgrade[first : end + 1]]
    waits += [statement.waited_ms for statement in trace.upgrade[first + 1 : end + 1]]
    in_transaction = trace.upgrade[end].transaction is not None
    return sum(waits) + (trace.waited_ms if is_last and in_transaction else 0.0)
