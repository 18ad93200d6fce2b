"""The locks of an upgrade: from the statement that takes one to the end of its transaction."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from domain.migration.analysis.changes import index_table
from domain.migration.locks import LockMode
from domain.migration.names import split
from domain.migration.snapshot import attributes, names_of
from domain.migration.trace import RevisionTrace, StatementTrace


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


def lock_windows(trace: RevisionTrace) -> tuple[LockWindow, ...]:
    """Return the locks of the upgrade on tables that existed before it, without ACCESS SHARE.

    A lock is held until the last statement of its transaction. Without a transaction, it is held as long as its
    statement runs. A lock that is raised to a stronger mode counts as another window.
    """
    if "windows" not in trace.memo:
        trace.memo["windows"] = tuple(_windows(trace))
    windows: tuple[LockWindow, ...] = trace.memo["windows"]
    return windows


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
    views, sequences = names_of(trace.before, "view"), names_of(trace.before, "sequence")
    for index, statement in enumerate(trace.upgrade):
        end = index if statement.transaction is None else ends[statement.transaction]
        for view in sorted(views & statement.locks.keys()):
            mode = statement.locks[view]
            if is_readable(trace, view) and (mode.blocks_reads if is_copy(trace, view) else mode.blocks_writes):
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


def is_copy(trace: RevisionTrace, view: str) -> bool:
    """Return whether a view was materialized before."""
    return attributes(trace.before, "view", view).get("kind") == "materialized view"


def is_readable(trace: RevisionTrace, view: str) -> bool:
    """Return whether a view could be read before; a materialized one without data cannot."""
    return attributes(trace.before, "view", view).get("populated") is not False


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


# With a comment between its words it is not recognized, and judged as a REINDEX that blocks.
_REINDEX_CONCURRENTLY = re.compile(
    r"\s*REINDEX\s*(\([\w\s,]*\)\s*)?(INDEX|TABLE|SCHEMA|DATABASE|SYSTEM)\s+CONCURRENTLY\b", re.IGNORECASE
)
