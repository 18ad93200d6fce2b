"""The impact of a revision: how long each lock is held, and what work on big tables runs under it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from domain.migration.analysis.heavy_writes import heavy_writes
from domain.migration.locks import LockMode
from domain.migration.names import split
from domain.migration.snapshot import attributes
from domain.migration.statistics import BIG_ROWS, NO_ROOM, Statistics
from domain.migration.trace import RevisionTrace, RowCounts, StatementTrace


@dataclass(frozen=True)
class LockWindow:
    """A lock from the statement that takes it to the end of its transaction.

    Attributes:
        relation: Locked table, view or sequence that existed before the revision, or a locked index of such a table.
        mode: Lock mode.
        from_statement: Index of the statement that takes the lock.
        to_statement: Index of the last statement of the transaction, after which the lock is released.
        table: Table whose queries wait; the relation itself, unless it is an index or a sequence that a table owns.
        estimate_seconds: Shortest and longest expected duration, in seconds; None without an estimate.
        kind: What was locked: a table or an index of one, a view, or a sequence, whose next number nobody gets.
    """

    relation: str
    mode: LockMode
    from_statement: int
    to_statement: int
    table: str
    estimate_seconds: tuple[float, float] | None = None
    kind: Literal["table", "view", "sequence"] = "table"

    @property
    def blocks_reads(self) -> bool:
        """Whether a SELECT waits."""
        return self.mode.blocks_reads

    @property
    def blocks_writes(self) -> bool:
        """Whether an INSERT, UPDATE or DELETE waits."""
        return self.mode.blocks_writes

    @property
    def blocks(self) -> bool:
        """Whether a SELECT, INSERT, UPDATE or DELETE waits."""
        return self.blocks_reads or self.blocks_writes

    def covers(self, statement: int) -> bool:
        """Return whether the lock is held while the statement with this index runs."""
        return self.from_statement <= statement <= self.to_statement


class WorkKind(Enum):
    """Work that grows with a table's size, heaviest first."""

    REWRITE = "rewrites"
    INDEX = "builds an index on"
    WRITE = "writes most rows of"
    LOCK = "locks most rows of"
    INSERT = "adds many rows to"
    SCAN = "reads every row of"


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


def lock_windows(trace: RevisionTrace) -> tuple[LockWindow, ...]:
    """Return the locks of the upgrade on tables that existed before it, without ACCESS SHARE.

    A lock is held until the last statement of its transaction. Without a transaction, it is held as long as its
    statement runs. A lock that is raised to a stronger mode counts as another window.
    """
    if "windows" not in trace.memo:
        trace.memo["windows"] = tuple(_windows(trace))
    windows: tuple[LockWindow, ...] = trace.memo["windows"]
    return windows


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
        for table in _touched(trace, statement):
            if table not in emptied and not is_partitioned(trace, table):
                work = _work(trace, index, statement, table, heavy)
                if work is not None:
                    yield work


def _touched(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Return the tables that existed before and that a statement read, wrote, or whose indexes it built."""
    index_tables = (_table_then(trace, statement, name) for name in (*statement.indexes_built, *statement.rewritten))
    names = {*statement.rewritten, *statement.scanned, *statement.rows, *statement.locked, *filter(None, index_tables)}
    return sorted(name for name in names if name in trace.tables)


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
    views = {name for name in _names(trace, "view") if _is_copy(trace, name) and _is_readable(trace, name)}
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
    """Return the tables that are empty when a statement works: emptied before it, or truncated by it."""
    if "emptied" not in trace.memo:
        trace.memo["emptied"] = list(_emptied(trace))
    emptied: list[frozenset[str]] = trace.memo["emptied"]
    return emptied[index] if emptied else frozenset()


def _emptied(trace: RevisionTrace) -> Iterator[frozenset[str]]:
    emptied: frozenset[str] = frozenset()
    for statement in trace.upgrade:
        emptied |= truncated(statement)
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


def index_table(trace: RevisionTrace, index: str) -> str | None:
    """Return the table of an index; None when neither schema has the index."""
    for snapshot in (trace.after, trace.before):
        if snapshot is not None and ("index", index) in snapshot.objects:
            return str(snapshot.objects[("index", index)]["table"])
    return None


def _table_then(trace: RevisionTrace, statement: StatementTrace, index: str) -> str | None:
    """Return the table that an index was built on.

    A copy may take over the name and the indexes of a table later, so the trace of the statement decides first.
    """
    return statement.built_on.get(index) or index_table(trace, index)


def last_statements(trace: RevisionTrace) -> dict[int, int]:
    """Return the index of the last statement of each transaction of the upgrade."""
    return {
        statement.transaction: index
        for index, statement in enumerate(trace.upgrade)
        if statement.transaction is not None
    }


def _windows(trace: RevisionTrace) -> Iterator[LockWindow]:
    ends = last_statements(trace)
    strongest: dict[tuple[int, str], LockMode] = {}
    for index, statement in enumerate(trace.upgrade):
        for relation, mode in sorted(statement.locks.items()):
            table = _locked_table(trace, statement, relation, mode)
            if table is None:
                continue
            end = index
            if statement.transaction is not None:
                end = ends[statement.transaction]
                if strongest.get((statement.transaction, relation), LockMode.ACCESS_SHARE) >= mode:
                    continue
                strongest[statement.transaction, relation] = mode
            yield LockWindow(relation, mode, index, end, table)


def other_windows(trace: RevisionTrace) -> Iterator[LockWindow]:
    """Return the locks on views and sequences that existed before and that block their users.

    They are held for an instant, unless other work runs under them. A view blocks as a table does, a materialized view
    only readers, for only REFRESH writes it, and a sequence those who need its next number. A lock on a sequence adds
    nothing to a lock that keeps writers from its table.
    """
    ends = last_statements(trace)
    views, sequences = _names(trace, "view"), _names(trace, "sequence")
    for index, statement in enumerate(trace.upgrade):
        end = index if statement.transaction is None else ends[statement.transaction]
        for view in sorted(views & statement.locks.keys()):
            mode = statement.locks[view]
            if _is_readable(trace, view) and (mode.blocks_reads if _is_copy(trace, view) else mode.blocks_writes):
                yield LockWindow(view, mode, index, end, view, kind="view")
        for sequence in sorted(sequences & statement.locks.keys()):
            mode, table = statement.locks[sequence], _owner(trace, sequence) or sequence
            locked = any(w.table == table and w.blocks_writes and w.covers(index) for w in lock_windows(trace))
            if mode.blocks_writes and not locked:
                yield LockWindow(sequence, mode, index, end, table, kind="sequence")


def _owner(trace: RevisionTrace, sequence: str) -> str | None:
    """Return the table that owns a sequence; None where none does."""
    column = attributes(trace.before, "sequence", sequence).get("owned_by")
    return split(str(column))[0] if column else None


def _is_copy(trace: RevisionTrace, view: str) -> bool:
    return attributes(trace.before, "view", view).get("kind") == "materialized view"


def _is_readable(trace: RevisionTrace, view: str) -> bool:
    return attributes(trace.before, "view", view).get("populated") is not False


def _names(trace: RevisionTrace, kind: str) -> frozenset[str]:
    return (
        frozenset()
        if trace.before is None
        else frozenset(name for object_kind, name in trace.before.objects if object_kind == kind)
    )


def _locked_table(trace: RevisionTrace, statement: StatementTrace, relation: str, mode: LockMode) -> str | None:
    """Return the table whose queries a lock affects, None where it affects none.

    ACCESS EXCLUSIVE on an index blocks the planning of all queries of its table. A concurrent build takes this lock
    for an instant only, at its end, so it does not count.
    """
    if mode is LockMode.ACCESS_SHARE:
        return None
    if relation in trace.tables:
        return relation
    if mode is not LockMode.ACCESS_EXCLUSIVE or is_concurrent(statement):
        return None
    table = index_table(trace, relation)
    if table is None or statement.locks.get(table) is LockMode.ACCESS_EXCLUSIVE:
        return None
    return table if table in trace.tables else None


def is_concurrent(statement: StatementTrace) -> bool:
    """Return whether a statement commits between its phases and works under a lock that nobody waits for.

    That is what CONCURRENTLY does: Postgres refuses such a statement inside a transaction block. REINDEX CONCURRENTLY
    of a partitioned table takes SHARE for a moment besides, to list the partitions. The index itself may be locked
    whole for an instant, at the end; one that is locked for longer has its table locked as well.
    """
    if statement.transaction is not None or not statement.cannot_run_in_transaction:
        return False
    indexes = {*statement.indexes_built, *(dropped.name for dropped in statement.dropped if dropped.kind == "index")}
    modes = {mode for relation, mode in statement.locks.items() if relation not in indexes}
    blocking = {mode for mode in modes if mode.blocks_reads or mode.blocks_writes}
    return not blocking or (blocking == {LockMode.SHARE} and _REINDEX_CONCURRENTLY.match(statement.sql) is not None)


def _work(
    trace: RevisionTrace, index: int, statement: StatementTrace, table: str, heavy: set[tuple[int, str]]
) -> Work | None:
    if table in statement.rewritten:
        return Work(index, table, WorkKind.REWRITE)
    names = dict.fromkeys((*statement.indexes_built, *statement.rewritten))
    indexes = tuple(name for name in names if _table_then(trace, statement, name) == table)
    if indexes:
        return Work(index, table, WorkKind.INDEX, indexes)
    if (index, table) in heavy:
        return Work(index, table, WorkKind.WRITE if table in statement.rows else WorkKind.LOCK)
    rows = trace.tables[table].rows
    if statement.rows.get(table, RowCounts()).inserted >= max(rows / 2, BIG_ROWS):
        return Work(index, table, WorkKind.INSERT)
    rows_read = statement.scanned.get(table, 0) / statement.count
    # A scan of an empty table reads no rows, so only an ALTER counts, which must check the whole table.
    must_scan = table in statement.scanned and table in trace.unfilled and _CHANGES.match(statement.sql)
    return Work(index, table, WorkKind.SCAN) if (rows_read >= rows / 2 if rows else must_scan) else None


def _work_on_new(trace: RevisionTrace, index: int, statement: StatementTrace, table: str, rows: int) -> Work | None:
    if table in truncated(statement):
        return None
    if table in statement.rewritten:
        return Work(index, table, WorkKind.REWRITE)
    indexes = tuple(name for name in statement.indexes_built if _table_then(trace, statement, name) == table)
    if indexes:
        return Work(index, table, WorkKind.INDEX, indexes)
    return Work(index, table, WorkKind.SCAN) if statement.scanned.get(table, 0) >= rows / 2 else None


_CHANGES = re.compile(r"\s*ALTER\b", re.IGNORECASE)
_REFRESH = re.compile(r"\bREFRESH\s+MATERIALIZED\s+VIEW\b", re.IGNORECASE)
_TRUNCATE = re.compile(r"\bTRUNCATE\b", re.IGNORECASE)
# With a comment between its words it is not recognized, and judged as a REINDEX that blocks.
_REINDEX_CONCURRENTLY = re.compile(
    r"\s*REINDEX\s*(\([\w\s,]*\)\s*)?(INDEX|TABLE|SCHEMA|DATABASE|SYSTEM)\s+CONCURRENTLY\b", re.IGNORECASE
)
