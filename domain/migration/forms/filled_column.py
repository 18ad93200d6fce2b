"""A new column that existing rows get a value for, and that may become NOT NULL then."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

from domain.migration.forms.batches import fill
from domain.migration.forms.column import Column
from domain.migration.forms.form import Form, Step
from domain.migration.forms.not_null import NotNull
from domain.migration.names import bare
from domain.migration.op_code import execute
from domain.migration.repair.definitions import sequence_options
from domain.migration.snapshot import SchemaSnapshot, attributes


@dataclass(frozen=True)
class Sequence:
    """A sequence from which a default draws.

    Attributes:
        name: Qualified name of the sequence.
        definition: What follows its name in CREATE SEQUENCE.
        owned: Whether a column owns it, so that it is dropped along with that.
    """

    name: str
    definition: str
    owned: bool


@dataclass(frozen=True)
class FilledColumn(Form):
    """A column that is added empty, gets its default for new rows, and is filled in batches.

    Attributes:
        column: The column as it is in the end.
        sequences: New sequences of its default.
        value: SQL expression for the existing rows; None for the default.
        key: Column of the primary key, by which rows are filled; None where it is not one column.
        if_missing: Whether the column may be there, left by an interrupted run.
        catalogs: Schemas in which the names that it makes must be free.
    """

    column: Column
    sequences: tuple[Sequence, ...] = ()
    value: str | None = None
    key: str | None = None
    if_missing: bool = False
    catalogs: tuple[SchemaSnapshot | None, ...] = ()

    @classmethod
    def of(
        cls, snapshot: SchemaSnapshot | None, column: str, new_sequences: Collection[str], *, if_missing: bool = False
    ) -> Self:
        """Return a column of a schema with those of the new sequences that belong to it.

        Args:
            snapshot: Schema that has the column.
            column: Its qualified name.
            new_sequences: Sequences that the change adds; a serial type adds one.
            if_missing: Whether the column may be there, left by an interrupted run.
        """
        value = Column.of(snapshot, column)
        sequences = tuple(_sequences(snapshot, value, new_sequences))
        return cls(value, sequences, if_missing=if_missing, catalogs=(snapshot,))

    @property
    def expand(self) -> Step:
        """The column, empty in existing rows, and its default for new ones."""
        column = self.column
        default = [] if column.default is None else [column.altered(f"SET DEFAULT {column.default}")]
        created = (execute(f"CREATE SEQUENCE IF NOT EXISTS {item.name} {item.definition}") for item in self.sequences)
        dropped = (execute(f"DROP SEQUENCE IF EXISTS {item.name}") for item in self.sequences if not item.owned)
        return Step((column.added(if_missing=self.if_missing), *created, *default), (column.dropped(), *dropped))

    @property
    def migrate(self) -> Step:
        """The values of existing rows."""
        column, value = self.column, self.value or self.column.default
        if value is None:
            return Step()
        return Step(
            (fill(column.table, self.key, f"{column.name} = {value}", f"{column.name} IS NULL"),),
            declarations=(column.stays_filled,),
        )

    @property
    def contract(self) -> Step:
        """NOT NULL, if the column refuses NULL in the end."""
        if not self.column.not_null:
            return Step()
        return NotNull.of(self.column.qualified, *self.catalogs).at_once

    @property
    def notes(self) -> tuple[str, ...]:
        """How the rows get their values."""
        name = bare(self.column.name)
        if self.column.default is None and self.column.not_null:
            return (f"# When all code writes it: fill {name} in batches, and set NOT NULL, in later revisions.",)
        required = ", then set NOT NULL" * self.column.not_null
        return (f"# In the next revision: fill {name} in batches that commit{required}.",)


def _sequences(snapshot: SchemaSnapshot | None, column: Column, names: Collection[str]) -> Iterator[Sequence]:
    """Return the sequences that a column owns, or that its default names."""
    for name in names:
        entry = attributes(snapshot, "sequence", name)
        owner = entry.get("owned_by")
        if owner == column.qualified or name in (column.default or ""):
            definition = f"AS {entry['type']} {sequence_options(entry)}".rstrip()
            yield Sequence(name, f"{definition} OWNED BY {owner}" if owner else definition, bool(owner))
