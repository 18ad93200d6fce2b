"""A column as a value: what forms need to add, fill and drop it."""

from dataclasses import dataclass
from typing import Self

from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, quoted
from domain.migration.snapshot import SchemaSnapshot, attributes


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        table: Qualified name of the table.
        name: Name of the column, quoted where SQL needs that.
        type: Its type, such as `character varying(50)`.
        collation: Its collation; None for that of the type.
        default: SQL expression of its default; None without one.
        not_null: Whether it refuses NULL.
    """

    table: str
    name: str
    type: str
    collation: str | None = None
    default: str | None = None
    not_null: bool = False

    @classmethod
    def of(cls, snapshot: SchemaSnapshot | None, column: str) -> Self:
        """Return a column of a schema by its qualified name."""
        entry = attributes(snapshot, "column", column)
        collation, default = entry.get("collation"), entry.get("default")
        return cls(
            *split(column),
            str(entry.get("type")),
            str(collation) if collation else None,
            str(default) if default else None,
            bool(entry.get("not_null")),
        )

    @property
    def stored(self) -> tuple[str, str | None]:
        """How values are stored and compared: the type and the collation."""
        return self.type, self.collation

    @property
    def qualified(self) -> str:
        """Qualified name of the column."""
        return f"{self.table}.{self.name}"

    @property
    def stays_filled(self) -> str:
        """The declaration that a downgrade does not empty the column.

        Nobody knows which of its values have been written by an application meanwhile.
        """
        reason = "what was NULL keeps the value that it got"
        return f"lossy_downgrade = {{{quoted(self.qualified)}: {quoted(reason)}}}"

    def added(self, *, if_missing: bool = False) -> str:
        """Return an operation that adds the column nullable and without a default, which touches no row."""
        condition = "IF NOT EXISTS " * if_missing
        collation = f" COLLATE {self.collation}" if self.collation else ""
        return execute(f"ALTER TABLE {self.table} ADD COLUMN {condition}{self.name} {self.type}{collation}")

    def dropped(self) -> str:
        """Return an operation that drops the column."""
        return f"op.drop_column({quoted(bare(self.table))}, {quoted(bare(self.name))}{schema_argument(self.table)})"

    def altered(self, action: str) -> str:
        """Return an operation for an action of ALTER COLUMN, such as `DROP NOT NULL`."""
        return execute(f"ALTER TABLE {self.table} ALTER COLUMN {self.name} {action}")

    def renamed(self, name: str) -> str:
        """Return an operation that gives the column another name."""
        return execute(f"ALTER TABLE {self.table} RENAME COLUMN {self.name} TO {name}")
