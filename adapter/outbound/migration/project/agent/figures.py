"""What two looks at a transaction tell of the statement between them: locks, rows read, written and locked."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .session import Session

# Lock modes by strength, as pg_locks writes them.
_STRENGTH = {
    "AccessShareLock": 1,
    "RowShareLock": 2,
    "RowExclusiveLock": 3,
    "ShareUpdateExclusiveLock": 4,
    "ShareLock": 5,
    "ShareRowExclusiveLock": 6,
    "ExclusiveLock": 7,
    "AccessExclusiveLock": 8,
}
_LARGEST = """
SELECT pg_catalog.max(n) FROM
    (SELECT count(*) AS n FROM ONLY {} WHERE xmin::text::bigint >= {} GROUP BY xmin::text) AS transactions
"""
_LOCKS_ROWS = re.compile(r"\bfor\s+(no\s+key\s+update|update|share)\b", re.IGNORECASE)
_KEY_SHARE = re.compile(r"\bfor\s+key\s+share\b", re.IGNORECASE)
_LOCKED_ROWS = "SELECT count(*) FROM ONLY {} WHERE xmax::text::bigint >= {}"


def taken(known: dict[int, str], before: list[Any], after: list[Any]) -> dict[str, str]:
    """Return the strongest mode on each known relation, where it is stronger than what was held before."""
    held = _strongest(before)
    return {
        known[oid]: mode
        for oid, mode in sorted(_strongest(after).items())
        if oid in known and _STRENGTH[mode] > _STRENGTH.get(held.get(oid, ""), 0)
    }


def _strongest(locks: list[Any]) -> dict[int, str]:
    found: dict[int, str] = {}
    for oid, mode in locks:
        if mode in _STRENGTH and _STRENGTH[mode] > _STRENGTH.get(found.get(oid, ""), 0):
            found[oid] = mode
    return found


def used(report: dict[str, Any], tables: Collection[str]) -> list[str]:
    """Return the tables that a statement read or wrote as queries do; those of an earlier lock by their scans."""
    locked = {name for name, mode in report["locks"].items() if _STRENGTH[mode] <= _STRENGTH["RowExclusiveLock"]}
    return sorted((locked | report["scanned"].keys()) & set(tables))


def counted(names: Mapping[int, str], before: list[Any], after: list[Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the rows that were read in sequential scans, and those that were written, by table.

    Args:
        names: Of relations, by oid.
        before: The server's counters.
        after: The same, afterwards.
    """
    earlier = {row[0]: row[1:] for row in before}
    scanned: dict[str, int] = {}
    rows: dict[str, Any] = {}
    for oid, *figures in after:
        if oid not in names:
            continue
        # TRUNCATE sets counters back.
        old = earlier.get(oid, [0] * len(figures))
        scans, read, *written = (max(0, figure - old[place]) for place, figure in enumerate(figures))
        if scans or read:
            scanned[names[oid]] = read
        if any(written):
            rows[names[oid]] = written
    return scanned, rows


def most_written(
    session: Session, tables: Collection[str], rows: Mapping[str, Any], first: int, numbered: int, inside: int
) -> dict[str, int]:
    """Count the existing rows that one of the transactions within a statement wrote, by table.

    New versions of rows bear the number of their transaction. Deleted rows are gone, and subtransactions have
    numbers of their own: there the mean is known, as the server numbers transactions, too.

    Args:
        session: The connection.
        tables: Those that there are.
        rows: What the statement wrote.
        first: The first number that its transactions may have.
        numbered: How many numbers were given.
        inside: How many transactions it began and ended; the last one, after its last COMMIT, wrote nothing.
    """
    many = max(1, min(numbered, inside - 1))
    most = {}
    for name in sorted(rows.keys() & set(tables)):
        _, updated, deleted = rows[name]
        if not (updated or deleted):
            continue
        largest = 0
        with suppress(Exception):  # the role may not read it
            largest = int(session.value(_LARGEST.format(name, first)) or 0)
        most[name] = max(min(largest, updated), -(-(updated + deleted) // many))
    return most


class LockedRows:
    """Counts the rows that a SELECT … FOR UPDATE has locked, up to the end of its transaction."""

    def __init__(self) -> None:
        self._held: dict[Any, dict[str, int]] = {}  # rows by table, in the transaction of that number

    def count(
        self,
        session: Session,
        report: dict[str, Any],
        after: dict[str, Any],
        names: Mapping[int, str],
        tables: Collection[str],
    ) -> dict[str, Any]:
        """Count them; they bear the transaction's number, or a later one.

        Those of FOR KEY SHARE do not count, as foreign keys take it: whoever writes anything but keys goes on.

        Returns:
            What the transaction has done up to now, for this has read tables.
        """
        if _KEY_SHARE.search(report["sql"]):
            return after
        before = self._held.get(report["transaction"], {})
        if report["rows"] and not before:
            return after
        mine = {name for name, mode in report["locks"].items() if mode == "RowShareLock"}
        if before or _LOCKS_ROWS.search(report["sql"]):  # the table may be locked so already
            mine |= {names.get(oid, "") for oid, mode in after["locks"] or [] if mode == "RowShareLock"}
        locked = sorted(mine & set(tables))
        if not locked:
            return after
        session.run("SAVEPOINT hexalembic")
        try:
            counts = {name: session.value(_LOCKED_ROWS.format(name, after["xid"])) for name in locked}
        except Exception:  # noqa: BLE001 - the role may not read them
            session.run("ROLLBACK TO SAVEPOINT hexalembic")
            counts = {}
        session.run("RELEASE SAVEPOINT hexalembic")
        if not report["rows"]:
            more = {name: count - before.get(name, 0) for name, count in counts.items()}
            report["locked"] = {name: count for name, count in more.items() if count > 0}
        if report["transaction"] is not None:
            self._held = {report["transaction"]: {**before, **counts}}
        return session.probe()


def local_number(transaction: str | None) -> int:
    """Return the number that a server's process gives a transaction; it counts them one by one."""
    return int((transaction or "0/0").rpartition("/")[2])
