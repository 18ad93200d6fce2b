"""Computes the locks and the rows of a statement from two probes of its transaction, one before and one after it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .plans import BLANK

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
_FOR_UPDATE = re.compile(r"\bfor\s+(no\s+key\s+update|update|share)\b", re.IGNORECASE)
_KEY_SHARE = re.compile(r"\bfor\s+key\s+share\b", re.IGNORECASE)
_RUNS_EARLIER = re.compile(BLANK + r"(fetch|move|execute)\b", re.IGNORECASE | re.DOTALL)
_RUNS_LATER = re.compile(BLANK + r"(declare|prepare)\b", re.IGNORECASE | re.DOTALL)
_EARLIER_TEXTS = """
SELECT pg_catalog.json_agg(pg_catalog.json_build_array(name, statement))::text FROM
    (SELECT name, statement FROM pg_catalog.pg_cursors
     UNION ALL SELECT name, statement FROM pg_catalog.pg_prepared_statements) s
"""
_LOCKED_ROWS = "SELECT count(*) FROM ONLY {} WHERE xmax::text::bigint >= {}"


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


class LockedRows:
    """A counter of the rows that SELECT … FOR UPDATE has locked in the current transaction."""

    def __init__(self) -> None:
        self._locked: dict[Any, dict[str, int]] = {}  # rows by table, in the transaction of that number

    def count(
        self,
        session: Session,
        report: Statement,
        after: dict[str, Any],
        names: Mapping[int, str],
        tables: Collection[str],
    ) -> dict[str, Any]:
        """Count the rows that a statement has locked, and add them to its report.

        A locked row has the ID of the transaction, or a later ID of a savepoint. Locks of FOR KEY SHARE do not count,
        because foreign keys take them and they block only writers of keys.

        Args:
            session: The connection, in the transaction.
            report: The report of the statement.
            after: The probe of the transaction after the statement.
            names: Names of relations by OID.
            tables: Names of the existing tables.

        Returns:
            The probe of the transaction now, because the count itself reads tables.
        """
        text = _text_that_runs(session, report)
        if _KEY_SHARE.search(text):
            return after
        before = self._locked.get(report.transaction, {})
        if report.rows and not before:
            return after
        row_share_tables = {name for name, mode in report.locks.items() if mode == "RowShareLock"}
        # A table may have that lock already. Foreign keys leave it on parents, which the text does not name.
        held = {names.get(oid, "") for oid, mode in after["locks"] or [] if mode == "RowShareLock"}
        is_named = bool(_FOR_UPDATE.search(text))
        row_share_tables |= {name for name in held if name in before or (is_named and _names(text, name))}
        locked_tables = sorted(row_share_tables & set(tables))
        if not locked_tables:
            return after
        session.run("SAVEPOINT hexalembic")
        try:
            counts = {name: session.value(_LOCKED_ROWS.format(name, after["xid"])) for name in locked_tables}
        except Exception:  # noqa: BLE001 - the role may lack the privilege
            session.run("ROLLBACK TO SAVEPOINT hexalembic")
            counts = {}
        session.run("RELEASE SAVEPOINT hexalembic")
        if not report.rows:
            new_counts = {name: count - before.get(name, 0) for name, count in counts.items()}
            report.locked = {name: count for name, count in new_counts.items() if count > 0}
        if report.transaction is not None:
            self._locked = {report.transaction: {**before, **counts}}
        return session.probe()


def _names(text: str, name: str) -> bool:
    """Return whether a text has the last part of a name as a word."""
    own = name.rpartition(".")[2].strip('"')
    return re.search(rf"(?<!\w){re.escape(own)}(?!\w)", text, re.IGNORECASE) is not None


def _text_that_runs(session: Session, report: Statement) -> str:
    """Return the text that a statement runs.

    DECLARE and PREPARE run nothing yet; FETCH, MOVE and EXECUTE run the text of the cursor or prepared statement.
    """
    if _RUNS_LATER.match(report.sql):
        return ""
    if _RUNS_EARLIER.match(report.sql) is None:
        return report.sql
    with suppress(Exception):  # the transaction has ended, so there is nothing to lock
        earlier = json.loads(session.value(_EARLIER_TEXTS) or "[]")
        return "\n".join(text for name, text in earlier if _names(report.sql, name))
    return ""


def local_number(transaction: str | None) -> int:
    """Return the local number of a virtual transaction ID; each server process counts its transactions one by one."""
    return int((transaction or "0/0").rpartition("/")[2])
