"""A column whose type changes without a rewrite: a second column takes over its name."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from domain.migration.forms.column import Column
from domain.migration.forms.form import Form, Step
from domain.migration.forms.made_names import free_name, suffixed, taken_in_table
from domain.migration.forms.second_column import SecondColumn
from domain.migration.names import bare
from domain.migration.snapshot import SchemaSnapshot

_SUFFIX = "_new"


@dataclass(frozen=True)
class ChangedType(Form):
    """A column that gets another type.

    Attributes:
        old: The column as it is.
        new: The column as it is in the end, with the same name.
        key: Column of the primary key, by which rows are filled; None where it is not one column.
        converted: Whether the new values are the old ones in the new type, so that no program must compute them.
        second: Name of the second column meanwhile; empty for that of the column with the suffix `_new`.
        catalogs: Schemas in which the names that it makes must be free.
    """

    old: Column
    new: Column
    key: str | None = None
    converted: bool = True
    second: str = ""
    catalogs: tuple[SchemaSnapshot | None, ...] = ()

    @classmethod
    def of(
        cls, before: SchemaSnapshot | None, after: SchemaSnapshot | None, column: str, *, converted: bool = True
    ) -> Self:
        """Return the change of a column between two schemas, with a name for the second one that is free in both."""
        old = Column.of(before, column)
        taken = taken_in_table("column", old.table, before, after)
        second = free_name(partial(suffixed, old.name), _SUFFIX, taken)
        return cls(old, Column.of(after, column), converted=converted, second=second, catalogs=(before, after))

    @property
    def expand(self) -> Step:
        """A second column of the new type, empty in existing rows."""
        return self._columns.expand

    @property
    def migrate(self) -> Step:
        """A trigger that keeps both columns alike, and the values of existing rows."""
        return self._columns.migrate if self.converted else Step()

    @property
    def contract(self) -> Step:
        """The end of the old column, whose name the second one gets."""
        if not self.converted:
            return Step()
        second = self._columns.new
        return self._columns.contract + Step((second.renamed(self.old.name),), (self.old.renamed(second.name),))

    @property
    def notes(self) -> tuple[str, ...]:
        """How the second column takes over."""
        old, new = bare(self.old.name), bare(self._columns.new.name)
        if self.converted:
            return (
                f"# In the next revision: fill {new} in batches that commit, copied from {old}; a trigger keeps both",
                "# alike until the code has switched.",
            )
        return (f"# Next revisions: fill {new} in batches, build its indexes concurrently, switch, drop {old}.",)

    @property
    def _columns(self) -> SecondColumn:
        second = replace(self.new, name=self.second or suffixed(self.old.name, _SUFFIX))
        return SecondColumn(self.old, second, self.key, self.catalogs)
