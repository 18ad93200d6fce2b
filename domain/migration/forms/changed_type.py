"""A column whose type changes without a rewrite: a second column takes over its name."""

from dataclasses import dataclass, replace

from domain.migration.forms.column import Column
from domain.migration.forms.form import Form, Step
from domain.migration.forms.second_column import SecondColumn
from domain.migration.names import bare, suffixed


@dataclass(frozen=True)
class ChangedType(Form):
    """A column that gets another type.

    Attributes:
        old: The column as it is.
        new: The column as it is in the end, with the same name.
        key: Column of the primary key, by which rows are filled; None where it is not one column.
        converted: Whether the new values are the old ones in the new type, so that no program must compute them.
    """

    old: Column
    new: Column
    key: str | None = None
    converted: bool = True

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
        second = replace(self.new, name=suffixed(self.old.name, "_new"))
        return SecondColumn(self.old, second, self.key)
