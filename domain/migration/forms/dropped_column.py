"""A column that is dropped in two deployments."""

from dataclasses import dataclass

from domain.migration.forms.column import Column
from domain.migration.forms.form import Form, Step
from domain.migration.forms.not_null import NotNull
from domain.migration.names import bare
from domain.migration.op_code import quoted
from domain.migration.snapshot import SchemaSnapshot


@dataclass(frozen=True)
class DroppedColumn(Form):
    """A column that new code no longer writes, and that is dropped when no deployed code uses it.

    Attributes:
        column: The column as it is.
        catalogs: Schemas in which the names that it makes must be free.
    """

    column: Column
    catalogs: tuple[SchemaSnapshot | None, ...] = ()

    @property
    def expand(self) -> Step:
        """The end of NOT NULL, so that new code can leave the column out; nothing where it can already."""
        if not self.column.not_null:
            return Step()
        restored = NotNull.of(self.column.qualified, *self.catalogs).at_once.upgrade
        return Step((self.column.altered("DROP NOT NULL"),), restored)

    @property
    def contract(self) -> Step:
        """The end of the column, whose values do not come back."""
        column = self.column
        default = [column.altered(f"SET DEFAULT {column.default}")] if column.default else []
        reason = f"no deployed code uses {bare(column.name)}, its values go with it"
        return Step(
            (column.dropped(),),
            (column.added(), *default),
            (f"lossy_downgrade = {{{quoted(column.qualified)}: {quoted(reason)}}}",),
        )
