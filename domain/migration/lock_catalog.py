"""The lock catalog: locks, rewrites and scans of each operation, on each major version of Postgres."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domain.migration.locks import LockMode

OPERATION = "operation"
OWN_LOCK = "lock on its table"
OTHER_LOCKS = "other locks"
STOPS = "stops"
REWRITES = "rewrites"
SCANS = "scans"
BUILDS = "builds index"
TRANSACTION = "in a transaction"
COLUMNS = (OWN_LOCK, OTHER_LOCKS, STOPS, REWRITES, SCANS, BUILDS, TRANSACTION)
NOTHING = "–"  # noqa: RUF001 - a dash in a table
FAILS = "fails"


@dataclass(frozen=True)
class Measurement:
    """The measurement of an operation on one major version.

    Attributes:
        sql: Text of the statement that the server received.
        locks: Strongest lock mode on each relation that existed before, without ACCESS SHARE.
        rewritten: Tables and indexes that were rewritten to a new file.
        scanned: Tables that were scanned.
        built: Indexes that were built.
        in_transaction: Whether the server runs the statement inside a transaction block.
        error: Message of the server if the statement failed; None if it succeeded.
    """

    sql: str
    locks: Mapping[str, LockMode]
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    in_transaction: bool = True
    error: str | None = None

    def facts(self, table: str) -> dict[str, str]:
        """Return the measurement in words, one text for each column of the page.

        Args:
            table: Table on which the operation works.
        """
        shown_locks = _without_covered_locks(self.locks, observed=not self.in_transaction)
        own_lock = shown_locks.pop(table, None)
        blocking = {table: own_lock, **shown_locks} if own_lock else shown_locks
        locks = own_lock.sql if own_lock else NOTHING
        if self.error is not None:
            locks = f"{FAILS}: {self.error}" + (f" ({own_lock.sql})" if own_lock else "")
        return {
            OWN_LOCK: locks,
            OTHER_LOCKS: _listed(f"{name} {mode.sql}" for name, mode in shown_locks.items()),
            STOPS: _listed(
                _blocked(mode) if name == table else f"{name}: {_blocked(mode)}"
                for name, mode in blocking.items()
                if mode.blocks_writes
            ),
            REWRITES: _listed(self.rewritten),
            SCANS: _listed(self.scanned),
            BUILDS: _listed(self.built),
            TRANSACTION: "no" if not self.in_transaction else NOTHING if self.error else "yes",
        }


@dataclass(frozen=True)
class CatalogRow:
    """One operation on the page.

    Attributes:
        group: Section of the page.
        name: Name of the operation.
        code: SQL of the operation, and the Alembic operation that emits it if there is one.
        note: Further remark; empty for none.
        facts: Text for each of `COLUMNS`, by major version.
    """

    group: str
    name: str
    code: tuple[str, ...]
    note: str
    facts: Mapping[int, Mapping[str, str]]


def differences(page: Iterable[CatalogRow], measured: Iterable[CatalogRow]) -> list[str]:
    """Return the differences between a page and measurements, one line each. Unmeasured versions do not count."""
    page_rows = {(row.group, row.name): row for row in page}
    measured_rows = {(row.group, row.name): row for row in measured}
    majors = {major for row in measured_rows.values() for major in row.facts} - {
        major for row in page_rows.values() for major in row.facts
    }
    lines = [f"Postgres {major} is not on the page" for major in sorted(majors)]
    lines += [f"{name} ({group}): not on the page" for group, name in measured_rows if (group, name) not in page_rows]
    lines += [
        f"{name} ({group}): on the page, but no operation of ours"
        for group, name in page_rows
        if (group, name) not in measured_rows
    ]
    for key, row in measured_rows.items():
        if key in page_rows:
            lines += _row_differences(page_rows[key], row)
    return lines


def _row_differences(page: CatalogRow, measured: CatalogRow) -> list[str]:
    lines = []
    for label, before, after in (("SQL", page.code, measured.code), ("note", page.note, measured.note)):
        if before != after:
            lines.append(f"{measured.name}, {label}: the page has {before!r}, measured was {after!r}")
    for major in sorted(page.facts.keys() & measured.facts.keys()):
        for column in COLUMNS:
            before, after = page.facts[major][column], measured.facts[major][column]
            if before != after:
                lines.append(f"{measured.name}, {column}: the page says {before!r}, Postgres {major} does {after!r}")
    return lines


def _without_covered_locks(locks: Mapping[str, LockMode], *, observed: bool) -> dict[str, LockMode]:
    """Return locks without those on indexes and sequences of a table (`orders_pkey`) that the table's lock covers.

    Args:
        locks: Lock modes by relation.
        observed: Whether the locks were observed from another session. Locks on indexes are then left out, because it
            is a matter of luck to see them: REINDEX CONCURRENTLY holds ACCESS EXCLUSIVE on the old index only while it
            drops it.
    """
    return {
        name: mode
        for name, mode in sorted(locks.items())
        if not any(name.startswith(f"{table}_") and (observed or mode <= locks[table]) for table in locks)
    }


def _blocked(mode: LockMode) -> str:
    return "reads and writes" if mode.blocks_reads else "writes"


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items) or NOTHING
