"""How large and how busy the tables of the target database are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from domain.migration.errors import StatisticsError

BIG_ROWS = 1_000
"""Tables of so many rows and more count as big: work that grows with their size takes time that users notice."""

SCHEMA = "hexalembic.statistics/1"
_MOST = 2**63  # what Postgres counts with


@dataclass(frozen=True)
class TableStatistics:
    """One table of the target database.

    Attributes:
        rows: Rows, as the planner estimates them; of a partitioned table those of its partitions.
        bytes: Size of the heap with TOAST.
        index_bytes: Size of all its indexes.
        scans_per_second: Sequential and index scans; None when it is not known.
        writes_per_second: Rows inserted, updated and deleted; None when it is not known.
        toast_bytes: The part of `bytes` that is TOAST, its index included.
    """

    rows: int
    bytes: int = 0
    index_bytes: int = 0
    scans_per_second: float | None = None
    writes_per_second: float | None = None
    toast_bytes: int = 0


@dataclass(frozen=True)
class Extension:
    """An extension at the target.

    Attributes:
        installed: Version in the database; None where it was not created.
        available: Version that CREATE EXTENSION would install; None where the server does not have it.
        may_create: Whether the role that read this may create it, by the rules of Postgres itself: as a superuser, or
            with CREATE on the database where the extension is trusted. Hosting services know other ways, and the role
            that migrates may be another one.
    """

    installed: str | None = None
    available: str | None = None
    may_create: bool = False


@dataclass(frozen=True)
class Target:
    """The database that statistics were taken of.

    Attributes:
        database: Its name.
        postgres: Version of the server, such as `18.6`.
        taken_at: When; with a time zone.
        observed_seconds: Over how long scans and writes were counted; None where they were not. Where the counters
            were never reset this is the time since the server's start, and the rates are at most too high.
        maintenance_work_mem: Bytes that an index build may use.
        max_parallel_maintenance_workers: Processes that may help it.
        extensions: By name.
        settings: What decides how a session there reads and writes values, by name: `TimeZone`, `search_path` and the
            like, of the server, the database and the role; empty where they were not read.
    """

    database: str
    postgres: str
    taken_at: datetime
    observed_seconds: float | None = None
    maintenance_work_mem: int | None = None
    max_parallel_maintenance_workers: int | None = None
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Statistics(Mapping[str, TableStatistics]):
    """Statistics by table, as `public.users`.

    A table that is not among them has an unknown size, and unknown counts as big.

    Attributes:
        tables: What is known.
        target: Of which database; None where nobody said.
        unread: What could not be read, with the reason: the file of a relation, whose size is then that of the last
            ANALYZE, or the extensions that the server has to offer.
    """

    tables: Mapping[str, TableStatistics] = field(default_factory=dict)
    target: Target | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def unknown(cls) -> "Statistics":
        """Return the statistics of a target that nobody named: every table counts as big."""
        return cls()

    def is_big(self, table: str) -> bool:
        """Return whether work that grows with this table's size counts."""
        known = self.tables.get(table)
        return known is None or known.rows >= BIG_ROWS

    def to_json(self) -> str:
        """Write them as JSON, schema `hexalembic.statistics/1`, which `from_json` reads.

        Sizes are bytes, rates are per second. `schema` and, of each table, `rows` must be there; the rest may be left
        out of a file that somebody writes by hand.
        """
        target = self.target
        head = {} if target is None else asdict(target) | {"taken_at": target.taken_at.isoformat()}
        tables = {name: asdict(one) for name, one in self.tables.items()}
        unread = {"unread": dict(self.unread)} if self.unread else {}
        return json.dumps({"schema": SCHEMA, **head, "tables": tables, **unread}, indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Statistics":
        """Read what `to_json` wrote, or a file by hand.

        Raises:
            StatisticsError: It is something else; the message says where.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise StatisticsError("the statistics are not JSON") from None
        schema = data.get("schema") if isinstance(data, dict) else None
        if schema != SCHEMA:
            raise StatisticsError(f"the statistics are of schema {str(schema)[:60]!r}, not {SCHEMA!r}")
        reader = _Reader("", data)
        if reader.value("tables", dict) is None:
            raise StatisticsError("the statistics have no tables")
        tables = {name: _table(name, one) for name, one in reader.members("tables")}
        unread = {name: str(reason) for name, reason in reader.members("unread")}
        return cls(tables, _target(reader) if "taken_at" in data else None, unread)

    def __getitem__(self, table: str) -> TableStatistics:
        """Look a table up.

        Raises:
            KeyError: Nothing is known of it.
        """
        return self.tables[table]

    def __iter__(self) -> Iterator[str]:
        """Go through the names of tables."""
        return iter(self.tables)

    def __len__(self) -> int:
        """Count the tables that are known."""
        return len(self.tables)


def _table(name: str, found: Any) -> TableStatistics:
    if "." not in name:
        raise StatisticsError(
            f"the statistics name a table {name!r} without its schema", f"write for example public.{name}"
        )
    table = _Reader(f"tables.{name}.", found)
    rows = table.count("rows")
    if rows is None:
        raise StatisticsError(f"the statistics lack tables.{name}.rows")
    return TableStatistics(
        rows=rows,
        bytes=table.count("bytes") or 0,
        index_bytes=table.count("index_bytes") or 0,
        scans_per_second=table.number("scans_per_second"),
        writes_per_second=table.number("writes_per_second"),
        toast_bytes=table.count("toast_bytes") or 0,
    )


def _target(found: "_Reader") -> Target:
    return Target(
        database=found.text("database") or "",
        postgres=found.text("postgres") or "",
        taken_at=found.time("taken_at"),
        observed_seconds=found.number("observed_seconds"),
        maintenance_work_mem=found.count("maintenance_work_mem"),
        max_parallel_maintenance_workers=found.count("max_parallel_maintenance_workers"),
        extensions={name: _extension(name, one) for name, one in found.members("extensions")},
        settings=_settings(found),
    )


def _settings(found: "_Reader") -> dict[str, str]:
    settings = _Reader("settings.", dict(found.members("settings")))
    return {name: value for name, _ in found.members("settings") if (value := settings.text(name)) is not None}


def _extension(name: str, found: Any) -> Extension:
    extension = _Reader(f"extensions.{name}.", found)
    return Extension(
        extension.text("installed"), extension.text("available"), extension.value("may_create", bool) is True
    )


class _Reader:
    """Reads members of a JSON object, and says which one is wrong."""

    def __init__(self, path: str, found: Any) -> None:
        if not isinstance(found, dict):
            raise StatisticsError(f"the statistics have no object at {path.rstrip('.')}")
        self._path, self._found = path, found

    def value(self, name: str, *kinds: type) -> Any:
        """Return a member of one of these types; None where it is missing or null."""
        value = self._found.get(name)
        # To Python, true is a number.
        if value is not None and type(value) not in kinds:
            raise self._wrong(name)
        return value

    def count(self, name: str) -> int | None:
        """Return a whole number that is not negative."""
        value: int | None = self.value(name, int)
        if value is not None and not 0 <= value < _MOST:
            raise self._wrong(name)
        return value

    def number(self, name: str) -> float | None:
        """Return a number that is not negative."""
        value: float | None = self.value(name, int, float)
        if value is not None and not 0 <= value < _MOST:
            raise self._wrong(name)
        return value

    def text(self, name: str) -> str | None:
        """Return a text."""
        value: str | None = self.value(name, str)
        return value

    def time(self, name: str) -> datetime:
        """Return a point in time."""
        try:
            return datetime.fromisoformat(self.text(name) or "")
        except ValueError:
            raise self._wrong(name) from None

    def members(self, name: str) -> list[tuple[str, Any]]:
        """Return the members of an object."""
        return list((self.value(name, dict) or {}).items())

    def _wrong(self, name: str) -> StatisticsError:
        shown = json.dumps(self._found.get(name))[:60]
        return StatisticsError(f"the statistics have a wrong {self._path}{name}: {shown}")
