"""An index that a table shall get, by its columns."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.forms.form import Form, Step
from domain.migration.forms.made_names import free_index_name, index_name, taken_relations
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import in_autocommit, quoted
from domain.migration.repair.definitions import texts
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of


@dataclass(frozen=True)
class PlannedIndex(Form):
    """An index `ix_TABLE_COLUMNS` on a table in use.

    Attributes:
        table: Qualified name of the table.
        columns: Its columns, quoted where SQL needs that.
        partitions: The same index on each partition; None for a table that is not partitioned.
        other_name: Its qualified name, if another relation has the usual one.
    """

    table: str
    columns: tuple[str, ...]
    partitions: tuple["PlannedIndex", ...] | None = None
    other_name: str | None = None

    @classmethod
    def of(
        cls, snapshot: SchemaSnapshot, table: str, columns: tuple[str, ...], others: Collection[str] = frozenset()
    ) -> Self:
        """Return an index on a table of a schema, under a name that is free there and not one of some others."""
        name = free_index_name(table, columns, taken_relations(split(table)[0], snapshot) | {*others})
        if attributes(snapshot, "table", table).get("kind") != "partitioned table":
            return cls(table, columns, other_name=name)
        tables = sorted(names_of(snapshot, "table"))
        partitions = [part for part in tables if table in texts(attributes(snapshot, "table", part).get("parents"))]
        others = {*others, bare(name)}
        parts = []
        for part in partitions:
            parts.append(cls.of(snapshot, part, columns, others))
            others |= {bare(other) for other in parts[-1].names}
        return cls(table, columns, tuple(parts), name)

    @property
    def expand(self) -> Step:
        """The build, without a lock that others feel."""
        if self.partitions is not None:
            return _by_partition(self).expand
        drop = f"op.drop_index({self._place}, if_exists=True, postgresql_concurrently=True)"
        build = self._created(", postgresql_concurrently=True")
        return Step((in_autocommit(drop, build),), (in_autocommit(drop),))

    @property
    def on_new_table(self) -> str:
        """The operation for a table that nobody uses yet."""
        return self._created("")

    @property
    def name(self) -> str:
        """Its qualified name."""
        return self.other_name or index_name(self.table, self.columns)

    @property
    def names(self) -> list[str]:
        """Its qualified name, and those of its partitions."""
        return [self.name, *(name for part in self.partitions or () for name in part.names)]

    @property
    def _place(self) -> str:
        return f"{quoted(bare(self.name))}, {quoted(bare(self.table))}{schema_argument(self.table)}"

    def _created(self, options: str) -> str:
        name, table = bare(self.name), bare(self.table)
        listed = ", ".join(quoted(bare(column)) for column in self.columns)
        return f"op.create_index({quoted(name)}, {quoted(table)}, [{listed}]{schema_argument(self.table)}{options})"


def _by_partition(index: PlannedIndex) -> ConcurrentIndex:
    name, only = index.name, "ONLY " * (index.partitions is not None)
    columns = ", ".join(index.columns)
    return ConcurrentIndex(
        name,
        index.table,
        f"CREATE INDEX {split(name)[1]} ON {only}{index.table} USING btree ({columns})",
        index.partitions is not None,
        tuple(_by_partition(part) for part in index.partitions or ()),
    )
