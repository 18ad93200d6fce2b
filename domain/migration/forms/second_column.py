"""A column that gets another name: a second column takes over while the first one is still there."""

from dataclasses import dataclass

from domain.migration.forms.batches import fill
from domain.migration.forms.column import Column
from domain.migration.forms.dual_write import DualWrite
from domain.migration.forms.form import Form, Step
from domain.migration.forms.not_null import NotNull
from domain.migration.names import bare
from domain.migration.snapshot import SchemaSnapshot


@dataclass(frozen=True)
class SecondColumn(Form):
    """A column that takes over from another one of the same table.

    Indexes and constraints of the old column are changes of their own.

    Attributes:
        old: The column as it is.
        new: The column as it is in the end.
        key: Column of the primary key, by which rows are filled; None where it is not one column.
        catalogs: Schemas in which the names that it makes must be free.
    """

    old: Column
    new: Column
    key: str | None = None
    catalogs: tuple[SchemaSnapshot | None, ...] = ()

    @property
    def expand(self) -> Step:
        """The new column, empty in existing rows."""
        return Step((self.new.added(),), (self.new.dropped(),))

    @property
    def migrate(self) -> Step:
        """A trigger that keeps both columns alike, and the values of existing rows."""
        filled = self._filled(self.new, self.old)
        return Step((*self._trigger.created, filled), self._trigger.dropped, (self.new.stays_filled,))

    @property
    def contract(self) -> Step:
        """The end of the trigger and of the old column.

        While the downgrade fills the old column, the trigger copies to it.
        """
        old, new = self.old, self.new
        required = self._required(new).upgrade, self._required(old).upgrade
        default = [new.altered(f"SET DEFAULT {new.default}")] if new.default else []
        restored = [old.altered(f"SET DEFAULT {old.default}")] if old.default else []
        return Step(
            (*required[0], *self._trigger.dropped, *default, old.dropped()),
            (
                old.added(if_missing=True),
                *self._trigger.turned().created,
                self._filled(old, new),
                *required[1],
                self._trigger.function,
                *restored,
                *([new.altered("DROP DEFAULT")] if default else []),
                *self._required(new).downgrade,
            ),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How the new column takes over."""
        old, new = bare(self.old.name), bare(self.new.name)
        return (
            f"# Next revisions: let a trigger keep both alike, copy {old} in batches, let the code use {new},",
            f"# drop {old} last.",
        )

    @property
    def _trigger(self) -> DualWrite:
        names = self.old.table, self.old.name, self.new.name
        return DualWrite.of(*names, required=self.old.not_null, catalogs=self.catalogs)

    def _filled(self, column: Column, source: Column) -> str:
        condition = f"{column.name} IS NULL AND {source.name} IS NOT NULL"
        return fill(column.table, self.key, f"{column.name} = {source.name}", condition)

    def _required(self, column: Column) -> Step:
        return NotNull.of(column.qualified, *self.catalogs).at_once if column.not_null else Step()
