"""The wording of diagnostics: statements, work, waits and tables in sentences."""

from collections.abc import Iterable, Sequence

from domain.migration.analysis.impact import Work
from domain.migration.analysis.lock_windows import LockWindow
from domain.migration.one_line import in_one_line
from domain.migration.trace import RevisionTrace


def activity(works: Sequence[Work]) -> str:
    """Return what work a statement does, with each table if they are few."""
    kinds = dict.fromkeys(work.kind for work in works)
    if len(works) <= _SHOWN + 1:
        return " and ".join(f"{work.kind.value} {work.table}" for work in works)
    return " and ".join(f"{kind.value} {listed([work.table for work in works if work.kind is kind])}" for kind in kinds)


def label(trace: RevisionTrace, statement: int) -> str:
    """Return how a sentence refers to a statement: its number from 1, and the beginning of its text."""
    return f"Statement {statement + 1} ({in_one_line(trace.upgrade[statement].sql, _WIDTH)})"


def waiting(windows: Iterable[LockWindow], statement: int) -> str:
    """Return what waits for some locks, and until when; of many tables the first ones, and the number of others."""
    by_table: dict[str, list[LockWindow]] = {}
    for window in windows:
        by_table.setdefault(window.table, []).append(window)
    shown = list(by_table) if len(by_table) <= _SHOWN + 1 else list(by_table)[:_SHOWN]
    tables_by_wait: dict[tuple[str, str], list[str]] = {}
    for table in shown:
        for window in by_table[table]:
            tables = tables_by_wait.setdefault(_wait(window, statement), [])
            tables += [table] if table not in tables else []
    sentences = [f"{waiters} of {listed(tables)} wait {until}" for (waiters, until), tables in tables_by_wait.items()]
    others = len(by_table) - len(shown)
    return " and ".join([*sentences, *([f"so do those of {others} other tables"] if others else [])])


def listed(tables: Sequence[str]) -> str:
    """Return table names in a list; of many tables the first ones, and the number of others."""
    if len(tables) <= _SHOWN + 2:
        return ", ".join(tables)
    return f"{', '.join(tables[:_SHOWN])} and {len(tables) - _SHOWN} other tables"


def end_of(window: LockWindow) -> str:
    """Return when a lock is released."""
    if window.to_statement == window.from_statement:
        return "until it has finished"
    return f"until the transaction ends with statement {window.to_statement + 1}"


def _wait(window: LockWindow, statement: int) -> tuple[str, str]:
    """Return what waits, and until when."""
    waiters = "reads and writes" if window.blocks_reads else "writes"
    if window.kind == "sequence":
        waiters = "calls of nextval()" if window.relation == window.table else "INSERTs"
    if window.to_statement == statement:
        until = "until it has finished"
    else:
        until = f"until the transaction ends with statement {window.to_statement + 1}"
    return waiters, f"{until} ({window.mode.sql})"


_WIDTH = 70


_SHOWN = 2  # tables that a sentence names when there are many
