"""Computes the locks and the rows of a statement from two probes of its transaction, one before and one after it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .questions import RowLocks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .catalog import Catalog
    from .channel import Channel
    from .protocol import Statement
    from .session import Session

STRONGEST_MODE = "AccessExclusiveLock"
# Lock modes by strength, as pg_locks writes them.
_STRENGTH = {
    "AccessShareLock": 1,
    "RowShareLock": 2,
    "RowExclusiveLock": 3,
    "ShareUpdateExclusiveLock": 4,
    "ShareLock": 5,
    "ShareRowExclusiveLock": 6,
    "ExclusiveLock": 7,
    STRONGEST_MODE: 8,
}
_LARGEST_TRANSACTION = """
SELECT pg_catalog.max(n) FROM
    (SELECT count(*) AS n FROM ONLY {} WHERE xmin::text::bigint >= {} GROUP BY xmin::text) AS transactions
"""
# Locks that statements have on a table whose rows they lock or change.
_LOCKS_OF_ROWS = {"RowShareLock", "RowExclusiveLock"}
_OWN_ROWS = """
SELECT count(*) FILTER (WHERE xmin::text::bigint < {1}) || ' ' || count(*) FILTER (WHERE xmax::text <> '0')
FROM ONLY {0}
"""


def new_locks(known: dict[int, str], before: list[Any], after: list[Any]) -> dict[str, str]:
    """Return the strongest lock mode on each known relation, when it is stronger than the one held before.

    Args:
        known: Names of relations by OID.
        before: OID and mode of each lock before the statement.
        after: OID and mode of each lock after it.
    """
    earlier = _strongest_modes(before)
    return {
        known[oid]: mode
        for oid, mode in sorted(_strongest_modes(after).items())
        if oid in known and _STRENGTH[mode] > _STRENGTH.get(earlier.get(oid, ""), 0)
    }


def undone_locks(
    known: dict[int, str],
    scanned: Mapping[str, int],
    before: list[Any] | None,
    after: list[Any] | None,
    *,
    is_undone: bool,
) -> dict[str, str]:
    """Return the strongest mode on tables that a statement has changed and left as they were.

    A block with an EXCEPTION clause is a savepoint, where what was done is rolled back and locks are given back, but
    counters stay. A scan without a lock was there, and as the catalog was written, it may have been that of a rewrite.

    Args:
        known: Names of relations by OID.
        scanned: Number of rows that the statement read in scans, by table.
        before: OID and mode of each lock before the statement.
        after: OID and mode of each lock after it.
        is_undone: Whether the catalog is as before, although it was written.
    """
    earlier, later = ({known.get(oid) for oid, _ in locks or []} for locks in (before, after))
    return {
        table: STRONGEST_MODE
        for table in scanned
        if table in known.values() and (table not in later or (is_undone and table in earlier))
    }


def is_strong(mode: str) -> bool:
    """Return whether a lock mode is stronger than those of queries and of writes of rows."""
    return _STRENGTH.get(mode, 0) > _STRENGTH["RowExclusiveLock"]


def _strongest_modes(locks: list[Any]) -> dict[int, str]:
    modes: dict[int, str] = {}
    for oid, mode in locks:
        if mode in _STRENGTH and _STRENGTH[mode] > _STRENGTH.get(modes.get(oid, ""), 0):
            modes[oid] = mode
    return modes


def used_tables(report: Statement, tables: Collection[str]) -> list[str]:
    """Return the tables that a statement read or wrote.

    They are recognized by new locks as weak as those of queries. Tables that were locked before are recognized by their
    scans.
    """
    locked = {name for name, mode in report.locks.items() if _STRENGTH[mode] <= _STRENGTH["RowExclusiveLock"]}
    return sorted((locked | report.scanned.keys()) & set(tables))


def row_figures(names: Mapping[int, str], before: list[Any], after: list[Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the numbers of rows that were read in sequential scans and that were written, both by table.

    Args:
        names: Names of relations by OID.
        before: The server's counters before the statement.
        after: The server's counters after it.
    """
    earlier_figures = {row[0]: row[1:] for row in before}
    scanned: dict[str, int] = {}
    rows: dict[str, Any] = {}
    for oid, *figures in after:
        if oid not in names:
            continue
        # TRUNCATE resets the counters
        old_figures = earlier_figures.get(oid, [0] * len(figures))
        scans, read, *written = (max(0, figure - old_figures[index]) for index, figure in enumerate(figures))
        if scans or read:
            scanned[names[oid]] = read
        if any(written):
            rows[names[oid]] = written
    return scanned, rows


def most_written(
    session: Session, tables: Collection[str], rows: Mapping[str, Any], first: int, numbered: int, inside: int
) -> dict[str, int]:
    """Return the most existing rows that a single transaction within a statement wrote, by table.

    Each new version of a row has the ID of its transaction. Deleted rows are gone, and subtransactions have IDs of
    their own. For these, the mean over all transactions is used.

    Args:
        session: The connection.
        tables: Names of the existing tables.
        rows: Numbers of rows that the statement inserted, updated and deleted, by table.
        first: The first transaction ID that the transactions may have.
        numbered: How many transaction IDs were assigned.
        inside: How many transactions the statement began and ended; the last one, after its last COMMIT, wrote nothing.
    """
    transactions = max(1, min(numbered, inside - 1))
    most = {}
    for name in sorted(rows.keys() & set(tables)):
        _, updated, deleted = rows[name]
        if not (updated or deleted):
            continue
        largest = 0
        with suppress(Exception):  # the role may lack the privilege
            largest = int(session.value(_LARGEST_TRANSACTION.format(name, first)) or 0)
        most[name] = max(min(largest, updated), -(-(updated + deleted) // transactions))
    return most


def tables_with_locks_of_rows(probe: dict[str, Any], catalog: Catalog) -> dict[int, str]:
    """Return OID and name of each table of which a transaction may have locked rows, from a probe of it."""
    held = {oid for oid, mode in probe["locks"] or [] if mode in _LOCKS_OF_ROWS} if probe["xid"] else set()
    names = {oid: catalog.names.get(oid, "") for oid in sorted(held)}
    return {oid: name for oid, name in names.items() if name in catalog.tables}


class LockedRows:
    """A counter of the rows that a transaction has locked and not changed, so that other sessions must wait."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._locked: dict[Any, dict[str, int]] = {}  # rows by table, in the transaction of that number

    def count(self, session: Session, transaction: int | None, tables: Mapping[int, str], first: int) -> dict[str, int]:
        """Return the number of rows by table that a transaction has locked since they were last counted.

        The parent tries from a second session which rows it can lock, because nothing in this one tells how strongly a
        row is locked. Locks of FOR KEY SHARE do not count: foreign keys take them, and they block only writers of keys.

        Args:
            session: The connection, in the transaction.
            transaction: Number of the transaction; None when the tracer has begun it.
            tables: The tables that may have such rows; see `tables_with_locks_of_rows`.
            first: ID of the transaction.
        """
        session.run("SAVEPOINT hexalembic")
        own = {oid: _own_rows(session, name, first) for oid, name in tables.items()}
        session.run("RELEASE SAVEPOINT hexalembic")
        marked = [oid for oid, (_, count) in own.items() if count]
        counts = dict.fromkeys(tables.values(), 0)
        for oid, rows, locked in (self._channel.ask(RowLocks(marked)) or []) if marked else []:
            changed = rows - own[oid][0]
            counts[tables[oid]] = max(0, locked - changed)
        before = self._locked.get(transaction, {})
        if transaction is not None:
            self._locked = {transaction: {**before, **counts}}
        return {name: count - before.get(name, 0) for name, count in counts.items() if count > before.get(name, 0)}


def _own_rows(session: Session, table: str, first: int) -> tuple[int, int]:
    """Return how many rows of a table are older than a transaction, and how many have or had a lock or a writer.

    Args:
        session: The connection, behind a savepoint.
        table: Name of the table.
        first: ID of the transaction.
    """
    try:
        older, marked = str(session.value(_OWN_ROWS.format(table, first))).split()
    except Exception:  # noqa: BLE001 - the role may lack the privilege
        session.run("ROLLBACK TO SAVEPOINT hexalembic")
        return 0, 0
    return int(older), int(marked)


def local_number(transaction: str | None) -> int:
    """Return the local number of a virtual transaction ID; each server process counts its transactions one by one."""
    return int((transaction or "0/0").rpartition("/")[2])
