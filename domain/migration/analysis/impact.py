"""The impact of a revision: what work on big tables runs, and under which locks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from domain.migration.analysis.changes import index_table
from domain.migration.analysis.heavy_writes import heavy_writes
from domain.migration.analysis.lock_windows import (
    LockWindow,
    is_concurrent,
    is_copy,
    is_readable,
    lock_windows,
    other_windows,
)
from domain.migration.analysis.lookups import are_lookups
from domain.migration.snapshot import names_of
from domain.migration.statistics import BIG_ROWS, NO_ROOM, Statistics
from domain.migration.trace import RevisionTrace, RowCounts, StatementTrace


class WorkKind(Enum):
    """Work that grows with a table's size, heaviest first."""

    REWRITE = "rewrites"
    INDEX = "builds an index on"
    WRITE = "writes most rows of"
    LOCK = "locks most rows of"
    INSERT = "adds many rows to"
    SCAN = "reads every row of"
    SAMPLE = "reads a sample of the rows of"


@dataclass(frozen=True)
class Work:
    """Work of one statement on one table that existed before the revision.

    Attributes:
        statement: Index of the statement.
        table: The table, or the materialized view.
        kind: Heaviest kind of work that the statement does on the table.
        indexes: Names of the indexes that were built.
    """

    statement: int
    table: str
    kind: WorkKind
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlockedWork:
    """Work on a big table while statements of the application wait.

    Attributes:
        work: The work.
        windows: Blocking locks that are held while the work runs, those on the same table first.
    """

    work: Work
    windows: tuple[LockWindow, ...]


def work_of(trace: RevisionTrace) -> tuple[Work, ...]:
    """Return the work that grows with the size of tables that existed before and have not been emptied since."""
    if "work" not in trace.memo:
        trace.memo["work"] = tuple(_all_work(trace))
    works: tuple[Work, ...] = trace.memo["work"]
    return works


def _all_work(trace: RevisionTrace) -> Iterator[Work]:
    heavy = heavy_writes(trace)
    for index, statement in enumerate(trace.upgrade):
        emptied = emptied_before(trace, index)
        sampled = analyzed_tables(trace, statement)
        for table in _touched(trace, statement, sampled):
            if table not in emptied and not is_partitioned(trace, table):
                work = _work(trace, index, table, heavy, sampled)
                if work is not None:
                    yield work


def _touched(trace: RevisionTrace, statement: StatementTrace, sampled: set[str]) -> list[str]:
    """Return the tables that existed before and that a statement read, wrote, or whose indexes it built."""
    index_tables = (_table_then(trace, statement, name) for name in (*statement.indexes_built, *statement.rewritten))
    names = {*statement.rewritten, *statement.scanned, *statement.rows, *statement.locked, *filter(None, index_tables)}
    return sorted(name for name in names | sampled if name in trace.tables)


def analyzed_tables(trace: RevisionTrace, statement: StatementTrace) -> set[str]:
    """Return the tables that existed before and whose rows an ANALYZE in a statement sampled."""
    return {table for table in statement.analyzed if table in trace.tables}


def work_on_new_tables(trace: RevisionTrace) -> Iterator[tuple[Work, frozenset[str]]]:
    """Return index builds, rewrites and scans of tables that the revision created and filled with many rows.

    Yields:
        The work, and the existing tables from which the new table was filled.
    """
    rows: dict[str, int] = {}
    sources: dict[str, set[str]] = {}
    for index, statement in enumerate(trace.upgrade):
        for table in sorted(table for table, count in rows.items() if count >= BIG_ROWS):
            work = _work_on_new(trace, index, statement, table, rows[table])
            if work is not None:
                yield work, frozenset(sources[table])
        for table, counts in statement.rows.items():
            if table not in trace.tables:
                rows[table] = rows.get(table, 0) + counts.inserted
                sources.setdefault(table, set()).update(name for name in statement.scanned if name in trace.tables)


def work_on_views(trace: RevisionTrace) -> Iterator[Work]:
    """Return the index builds and scans of materialized views that readers had before.

    They have no rows in the sandbox, so every sequential scan of one counts, whatever it read. What a REFRESH does is
    the work on the tables that it reads.
    """
    views = {name for name in names_of(trace.before, "view") if is_copy(trace, name) and is_readable(trace, name)}
    for index, statement in enumerate(trace.upgrade):
        built = {name: _table_then(trace, statement, name) for name in statement.indexes_built}
        for view in sorted(views & {*statement.scanned, *statement.rewritten, *filter(None, built.values())}):
            indexes = tuple(name for name, owner in built.items() if owner == view)
            if _REFRESH.search(statement.sql) is None:
                kind = WorkKind.INDEX if indexes else WorkKind.SCAN
                yield Work(index, view, WorkKind.REWRITE if view in statement.rewritten else kind, indexes)


def blocked_work(trace: RevisionTrace, statistics: Statistics) -> tuple[BlockedWork, ...]:
    """Return the work on big tables that runs while reads or writes of any live table wait."""
    windows = [window for window in (*lock_windows(trace), *other_windows(trace)) if window.blocks]
    works = [work for work in (*work_of(trace), *work_on_views(trace)) if is_big(trace, statistics, work.table)]
    works += [
        work
        for work, sources in work_on_new_tables(trace)
        if not sources or any(is_big(trace, statistics, source) for source in sources)
    ]
    blocked: list[BlockedWork] = []
    for work in sorted(works, key=lambda work: work.statement):
        emptied = emptied_before(trace, work.statement)
        # A concurrent build commits before its work begins, so its own locks do not last.
        own_statement = work.statement if is_concurrent(trace.upgrade[work.statement]) else None
        blocking_locks = [
            window
            for window in windows
            if window.covers(work.statement) and window.table not in emptied and window.from_statement != own_statement
        ]
        if blocking_locks:
            blocking_locks.sort(key=lambda window, table=work.table: window.table != table)  # type: ignore[misc]
            blocked.append(BlockedWork(work, tuple(blocking_locks)))
    return tuple(blocked)


def unbatched_writes(trace: RevisionTrace, statistics: Statistics) -> tuple[Work, ...]:
    """Return the work of transactions that write or lock most rows of a big table, for which other writers wait."""
    kinds = {WorkKind.WRITE, WorkKind.LOCK}
    return tuple(work for work in work_of(trace) if work.kind in kinds and is_big(trace, statistics, work.table))


def is_big(trace: RevisionTrace, statistics: Statistics, table: str) -> bool:
    """Return whether a table is big enough for a scan or rewrite of it to matter.

    A table of unknown size counts as big, unless its unique keys allow few rows only.
    """
    if table in statistics:
        return statistics.is_big(table)
    return NO_ROOM not in trace.unfilled.get(table, "")


def emptied_before(trace: RevisionTrace, index: int) -> frozenset[str]:
    """Return the tables that are empty when a statement works: emptied before it or by it, and not filled again."""
    if "emptied" not in trace.memo:
        trace.memo["emptied"] = list(_emptied(trace))
    emptied: list[frozenset[str]] = trace.memo["emptied"]
    return emptied[index] if emptied else frozenset()


def _emptied(trace: RevisionTrace) -> Iterator[frozenset[str]]:
    emptied: frozenset[str] = frozenset()
    for statement in trace.upgrade:
        emptied |= truncated(statement)
        emptied -= {table for table in emptied if _adds_many(trace, statement, table)}
        yield emptied
        emptied |= {
            table
            for table, rows in statement.rows.items()
            if table in trace.tables and rows.deleted >= trace.tables[table].rows > 0
        }


def truncated(statement: StatementTrace) -> frozenset[str]:
    """Return the tables that a TRUNCATE emptied: they have a new file, as after a rewrite, but were not scanned."""
    if not statement.rewritten or _TRUNCATE.search(statement.sql) is None:
        return frozenset()
    return frozenset(name for name in statement.rewritten if not statement.scanned.get(name))


def is_partitioned(trace: RevisionTrace, table: str) -> bool:
    """Return whether a table is partitioned, so that it has no rows of its own."""
    if trace.before is None:
        return False
    return trace.before.objects.get(("table", table), {}).get("kind") == "partitioned table"


def _table_then(trace: RevisionTrace, statement: StatementTrace, index: str) -> str | None:
    """Return the table that an index was built on.

    A copy may take over the name and the indexes of a table later, so the trace of the statement decides first.
    """
    return statement.built_on.get(index) or index_table(trace, index)


def _work(trace: RevisionTrace, index: int, table: str, heavy: set[tuple[int, str]], sampled: set[str]) -> Work | None:
    statement = trace.upgrade[index]
    if table not in truncated(statement):
        if table in statement.rewritten:
            return Work(index, table, WorkKind.REWRITE)
        names = dict.fromkeys((*statement.indexes_built, *statement.rewritten))
        indexes = tuple(name for name in names if _table_then(trace, statement, name) == table)
        if indexes:
            return Work(index, table, WorkKind.INDEX, indexes)
    if (index, table) in heavy:
        return Work(index, table, WorkKind.WRITE if table in statement.rows else WorkKind.LOCK)
    if _adds_many(trace, statement, table):
        return Work(index, table, WorkKind.INSERT)
    if table in sampled:
        return Work(index, table, WorkKind.SAMPLE)
    return Work(index, table, WorkKind.SCAN) if _is_scanned(trace, statement, table) else None


def _adds_many(trace: RevisionTrace, statement: StatementTrace, table: str) -> bool:
    """Return whether a statement inserts at least half as many rows as an existing table had, and many."""
    rows = statement.rows.get(table, RowCounts())
    return table in trace.tables and rows.inserted >= max(trace.tables[table].rows / 2, BIG_ROWS)


def _is_scanned(trace: RevisionTrace, statement: StatementTrace, table: str) -> bool:
    """Return whether a statement reads at least half of a table, and not to look up a key in a few pages."""
    rows = trace.tables[table].rows
    if not rows:
        # A scan of an empty table reads no rows, so only an ALTER counts, which must check the whole table.
        is_checked = table in statement.scanned and table in trace.unfilled
        return is_checked and _CHANGES.match(statement.sql) is not None
    return statement.scanned.get(table, 0) / statement.count >= rows / 2 and not are_lookups(trace, statement, table)


def _work_on_new(trace: RevisionTrace, index: int, statement: StatementTrace, table: str, rows: int) -> Work | None:
    if table in truncated(statement):
        return None
    if table in statement.rewritten:
        return Work(index, table, WorkKind.REWRITE)
    indexes = tuple(name for name in statement.indexes_built if _table_then(trace, statement, name) == table)
    if indexes:
        return Work(index, table, WorkKind.INDEX, indexes)
    return Work(index, table, WorkKind.SCAN) if statement.scanned.get(table, 0) >= rows / 2 else None


def is_live(trace: RevisionTrace, table: str, statement: int) -> bool:
    """Return whether a table is in use: it existed before, and the revision has not emptied it."""
    return table in trace.tables and table not in emptied_before(trace, statement)


def blocking_tables(trace: RevisionTrace) -> dict[int, dict[str, LockWindow]]:
    """Return the blocking locks on live tables, by the statement that takes them and by table."""
    blocking: dict[int, dict[str, LockWindow]] = {}
    for window in lock_windows(trace):
        if window.blocks and is_live(trace, window.table, window.from_statement):
            blocking.setdefault(window.from_statement, {})[window.table] = window
    return blocking


_CHANGES = re.compile(r"\s*ALTER\b", re.IGNORECASE)
_REFRESH = re.compile(r"\bREFRESH\s+MATERIALIZED\s+VIEW\b", re.IGNORECASE)
_TRUNCATE = re.compile(r"\bTRUNCATE\b", re.IGNORECASE)
