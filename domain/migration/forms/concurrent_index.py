"""An index that is built while reads and writes go on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from domain.migration.forms.form import Form, Step
from domain.migration.forms.rerunnable import rerunnable, with_settings
from domain.migration.names import bare, schema_argument
from domain.migration.op_code import execute, in_autocommit, quoted
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of


@dataclass(frozen=True)
class ConcurrentIndex(Form):
    """An index that is built concurrently.

    Postgres cannot build the index of a partitioned table so. There, the index of each partition is built concurrently,
    and attached to that of the table last.

    Attributes:
        name: Qualified name of the index.
        table: Qualified name of its table.
        definition: CREATE INDEX statement, without CONCURRENTLY.
        partitioned: Whether the table is partitioned.
        parts: Indexes of the partitions, if the table is partitioned.
        settings: Settings of the session during the build, such as `maintenance_work_mem = '1GB'`.
    """

    name: str
    table: str
    definition: str
    partitioned: bool = False
    parts: tuple["ConcurrentIndex", ...] = ()
    settings: tuple[str, ...] = ()

    @classmethod
    def of(cls, snapshot: SchemaSnapshot | None, name: str, definition: str | None = None) -> Self:
        """Return an index of a schema, with another definition if one is named."""
        entry = attributes(snapshot, "index", name)
        table = str(entry.get("table", ""))
        parts = [part for part in sorted(names_of(snapshot, "index")) if _parent(snapshot, part) == name]
        return cls(
            name,
            table,
            str(entry.get("definition")) if definition is None else definition,
            attributes(snapshot, "table", table).get("kind") == "partitioned table",
            tuple(cls.of(snapshot, part) for part in parts),
        )

    @property
    def expand(self) -> Step:
        """The build, without a lock that others feel."""
        if not self.partitioned:
            return Step((self._block(_build(self)),), (self._drop,))
        inner = _inner(self)
        builds = [operation for part in inner if not part.partitioned for operation in _build(part)]
        wholes = [self, *(part for part in inner if part.partitioned)]
        attachments = [
            execute(f"ALTER INDEX {whole.name} ATTACH PARTITION {part.name}")
            for part in reversed(inner)
            for whole in wholes
            if part in whole.parts
        ]
        return Step(
            (
                *([self._block(builds)] if builds else []),
                *(execute(whole.definition) for whole in wholes),
                *attachments,
            ),
            (self._drop,),
        )

    def _block(self, builds: Iterable[str]) -> str:
        return in_autocommit(*with_settings(self.settings, builds))

    @property
    def _drop(self) -> str:
        own, table, schema = quoted(bare(self.name)), quoted(bare(self.table)), schema_argument(self.name)
        if self.partitioned:
            return f"op.drop_index({own}, table_name={table}{schema})"
        return in_autocommit(f"op.drop_index({own}, {table}{schema}, if_exists=True, postgresql_concurrently=True)")


def _build(index: ConcurrentIndex) -> tuple[str, ...]:
    return rerunnable(index.definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1))


def _inner(index: ConcurrentIndex) -> list[ConcurrentIndex]:
    """Return the indexes of all partitions, parents before their parts."""
    return [inner for part in index.parts for inner in (part, *_inner(part))]


def root_index(snapshot: SchemaSnapshot | None, index: str) -> str:
    """Return the topmost index that an index of a partition is attached to, or the index itself."""
    parent = _parent(snapshot, index)
    return index if parent is None else root_index(snapshot, str(parent))


def _parent(snapshot: SchemaSnapshot | None, index: str) -> object:
    return attributes(snapshot, "index", index).get("parent")
