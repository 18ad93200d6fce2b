"""The lock catalog: what Postgres does in one operation, on each major version, as plain rows."""

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
    """What one major version did in an operation.

    Attributes:
        sql: The statement, as the server got it.
        locks: Strongest mode on each relation that was there before, ACCESS SHARE left out.
        rewritten: Tables and indexes that got another file.
        scanned: Tables that were read from end to end.
        built: Indexes that were built.
        in_transaction: Whether the server runs it inside a transaction block.
        error: What the server said when it failed.
    """

    sql: str
    locks: Mapping[str, LockMode]
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    in_transaction: bool = True
    error: str | None = None

    def facts(self, table: str) -> dict[str, str]:
        """Describe it, one text a column.

        Args:
            table: The table that the operation is about.
        """
        shown = _worth_showing(self.locks, observed=not self.in_transaction)
        own = shown.pop(table, None)
        waits = {table: own, **shown} if own else shown
        locks = own.sql if own else NOTHING
        if self.error is not None:
            locks = f"{FAILS}: {self.error}" + (f" ({own.sql})" if own else "")
        return {
            OWN_LOCK: locks,
            OTHER_LOCKS: _listed(f"{name} {mode.sql}" for name, mode in shown.items()),
            STOPS: _listed(
                _stopped(mode) if name == table else f"{name}: {_stopped(mode)}"
                for name, mode in waits.items()
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
        group: Its section.
        name: What it is.
        code: The SQL, and the call of Alembic that makes it where there is one.
        note: What to know besides; empty for nothing.
        facts: A text for each of `COLUMNS`, by major version.
    """

    group: str
    name: str
    code: tuple[str, ...]
    note: str
    facts: Mapping[int, Mapping[str, str]]


def differences(page: Iterable[CatalogRow], measured: Iterable[CatalogRow]) -> list[str]:
    """Return where a page and a measurement disagree, a line each; majors that were not measured do not count."""
    old = {(row.group, row.name): row for row in page}
    new = {(row.group, row.name): row for row in measured}
    majors = {major for row in new.values() for major in row.facts} - {
        major for row in old.values() for major in row.facts
    }
    found = [f"Postgres {major} is not on the page" for major in sorted(majors)]
    found += [f"{name} ({group}): not on the page" for group, name in new if (group, name) not in old]
    found += [
        f"{name} ({group}): on the page, but no operation of ours" for group, name in old if (group, name) not in new
    ]
    for key, row in new.items():
        if key in old:
            found += _row_differences(old[key], row)
    return found


def _row_differences(page: CatalogRow, measured: CatalogRow) -> list[str]:
    found = []
    for label, before, after in (("SQL", page.code, measured.code), ("note", page.note, measured.note)):
        if before != after:
            found.append(f"{measured.name}, {label}: the page has {before!r}, measured was {after!r}")
    for major in sorted(page.facts.keys() & measured.facts.keys()):
        for column in COLUMNS:
            before, after = page.facts[major][column], measured.facts[major][column]
            if before != after:
                found.append(f"{measured.name}, {column}: the page says {before!r}, Postgres {major} does {after!r}")
    return found


def _worth_showing(locks: Mapping[str, LockMode], *, observed: bool) -> dict[str, LockMode]:
    """Leave out locks on a table's own indexes and sequences (`orders_pkey`) that the table's own lock covers.

    Args:
        locks: By relation.
        observed: They were seen from another session, where those of indexes are a matter of luck: REINDEX CONCURRENTLY
            holds ACCESS EXCLUSIVE on the old index while it drops it, when nobody uses that any more.
    """
    return {
        name: mode
        for name, mode in sorted(locks.items())
        if not any(name.startswith(f"{table}_") and (observed or mode <= locks[table]) for table in locks)
    }


def _stopped(mode: LockMode) -> str:
    return "reads and writes" if mode.blocks_reads else "writes"


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items) or NOTHING
