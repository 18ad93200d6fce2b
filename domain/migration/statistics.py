"""Statistics of the target database: the sizes and the activity of its tables."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from domain.migration.errors import StatisticsError

BIG_ROWS = 1_000
"""Number of rows from which a table counts as big: users notice a scan or a rewrite of it."""
NO_ROOM = "leaves no room for more"  # part of the reason why a table has few rows: it can never have many

SCHEMA = "hexalembic.statistics/1"
_MOST = 2**63  # limit of a bigint, with which Postgres counts


@dataclass(frozen=True)
class TableStatistics:
    """Statistics of one table of the target database.

    Attributes:
        rows: Number of rows as the planner estimates it; for a partitioned table that of all its partitions.
        bytes: Size of the heap with TOAST, in bytes.
        index_bytes: Size of all its indexes, in bytes.
        scans_per_second: Sequential and index scans per second; None if it is not known.
        writes_per_second: Rows inserted, updated and deleted per second; None if it is not known.
        toast_bytes: The part of `bytes` that is TOAST with its index, in bytes.
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
        installed: Version in the database; None if it is not created.
        available: Version that CREATE EXTENSION would install; None if the server does not have the extension.
        may_create: Whether the role that read the statistics may create the extension by the rules of Postgres: as a
            superuser, or with CREATE on the database if the extension is trusted. Hosting services may have other
            rules, and the role that migrates may be another one.
    """

    installed: str | None = None
    available: str | None = None
    may_create: bool = False


@dataclass(frozen=True)
class Target:
    """The database of which the statistics were taken.

    Attributes:
        database: Name of the database.
        postgres: Version of the server, such as `18.6`.
        taken_at: Time of the reading, with a time zone.
        observed_seconds: Time over which scans and writes were counted, in seconds; None if they were not counted. If
            the counters were never reset, it is the time since the start of the server, and the rates may be too high.
        maintenance_work_mem: Memory that an index build may use, in bytes.
        max_parallel_maintenance_workers: Number of processes that may help an index build.
        extensions: Extensions by name.
        settings: Settings of the server, the database and the role that decide how a session reads and writes values,
            such as `TimeZone` and `search_path`, by name; empty if they were not read.
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
    """Statistics of all tables, by qualified name such as `public.users`.

    A table that is missing has an unknown size, and counts as big.

    Attributes:
        tables: Statistics of each known table.
        target: Database of which they were taken; None if it is not known.
        unread: What could not be read, with the reason: the file of a relation, whose size is then that of the last
            ANALYZE, or the list of available extensions.
    """

    tables: Mapping[str, TableStatistics] = field(default_factory=dict)
    target: Target | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def unknown(cls) -> "Statistics":
        """Return the statistics of an unknown target, for which every table counts as big."""
        return cls()

    def is_big(self, table: str) -> bool:
        """Return whether a table is big, or of unknown size."""
        statistics = self.tables.get(table)
        return statistics is None or statistics.rows >= BIG_ROWS

    def to_json(self) -> str:
        """Return the statistics as JSON of schema `hexalembic.statistics/1`, which `from_json` reads.

        Sizes are in bytes, rates are per second. A file written by hand needs `schema`, and `rows` of each table; the
        rest is optional.
        """
        target = self.target
        head = {} if target is None else asdict(target) | {"taken_at": target.taken_at.isoformat()}
        tables = {name: asdict(table) for name, table in self.tables.items()}
        unread = {"unread": dict(self.unread)} if self.unread else {}
        return json.dumps({"schema": SCHEMA, **head, "tables": tables, **unread}, indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Statistics":
        """Return the statistics in a text of `to_json`, or in one written by hand.

        Raises:
            StatisticsError: The text is something else; the message says where.
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
        tables = {name: _table(name, members) for name, members in reader.members("tables")}
        unread = {name: str(reason) for name, reason in reader.members("unread")}
        return cls(tables, _target(reader) if "taken_at" in data else None, unread)

    def __getitem__(self, table: str) -> TableStatistics:
        """Return the statistics of a table.

        Raises:
            KeyError: The table is not known.
        """
        return self.tables[table]

    def __iter__(self) -> Iterator[str]:
        """Return an iterator over the names of the known tables."""
        return iter(self.tables)

    def __len__(self) -> int:
        """Return the number of known tables."""
        return len(self.tables)


def _table(name: str, members: Any) -> TableStatistics:
    if "." not in name:
        raise StatisticsError(
            f"the statistics name a table {name!r} without its schema", f"write for example public.{name}"
        )
    table = _Reader(f"tables.{name}.", members)
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


def _target(reader: "_Reader") -> Target:
    return Target(
        database=reader.text("database") or "",
        postgres=reader.text("postgres") or "",
        taken_at=reader.time("taken_at"),
        observed_seconds=reader.number("observed_seconds"),
        maintenance_work_mem=reader.count("maintenance_work_mem"),
        max_parallel_maintenance_workers=reader.count("max_parallel_maintenance_workers"),
        extensions={name: _extension(name, members) for name, members in reader.members("extensions")},
        settings=_settings(reader),
    )


def _settings(reader: "_Reader") -> dict[str, str]:
    settings = _Reader("settings.", dict(reader.members("settings")))
    return {name: value for name, _ in reader.members("settings") if (value := settings.text(name)) is not None}


def _extension(name: str, members: Any) -> Extension:
    extension = _Reader(f"extensions.{name}.", members)
    return Extension(
        extension.text("installed"), extension.text("available"), extension.value("may_create", bool) is True
    )


class _Reader:
    """A reader of a JSON object, whose errors name the wrong member."""

    def __init__(self, path: str, members: Any) -> None:
        if not isinstance(members, dict):
            raise StatisticsError(f"the statistics have no object at {path.rstrip('.')}")
        self._path, self._members = path, members

    def value(self, name: str, *kinds: type) -> Any:
        """Return a member of one of these types; None if it is missing or null."""
        value = self._members.get(name)
        # The exact type, because a bool is an int in Python.
        if value is not None and type(value) not in kinds:
            raise self._wrong(name)
        return value

    def count(self, name: str) -> int | None:
        """Return a member that is an integer and not negative."""
        value: int | None = self.value(name, int)
        if value is not None and not 0 <= value < _MOST:
            raise self._wrong(name)
        return value

    def number(self, name: str) -> float | None:
        """Return a member that is a number and not negative."""
        value: float | None = self.value(name, int, float)
        if value is not None and not 0 <= value < _MOST:
            raise self._wrong(name)
        return value

    def text(self, name: str) -> str | None:
        """Return a member that is a text."""
        value: str | None = self.value(name, str)
        return value

    def time(self, name: str) -> datetime:
        """Return a member that is a time in ISO 8601."""
        try:
            return datetime.fromisoformat(self.text(name) or "")
        except ValueError:
            raise self._wrong(name) from None

    def members(self, name: str) -> list[tuple[str, Any]]:
        """Return the members of a member that is an object."""
        return list((self.value(name, dict) or {}).items())

    def _wrong(self, name: str) -> StatisticsError:
        shown = json.dumps(self._members.get(name))[:60]
        return StatisticsError(f"the statistics have a wrong {self._path}{name}: {shown}")
