"""A column that becomes NOT NULL without a scan that others wait for."""

from dataclasses import dataclass
from functools import partial
from typing import Self

from domain.migration.forms.batches import fill
from domain.migration.forms.column import Column
from domain.migration.forms.form import Form, Step
from domain.migration.forms.made_names import free_name, plain_name, taken_in_table
from domain.migration.forms.validated_constraint import ValidatedConstraint
from domain.migration.names import split
from domain.migration.op_code import execute
from domain.migration.snapshot import SchemaSnapshot

_SUFFIX = "_not_null"


@dataclass(frozen=True)
class NotNull(Form):
    """SET NOT NULL, for which a validated CHECK constraint makes the scan unnecessary.

    Attributes:
        table: Qualified name of the table.
        column: Name of the column, quoted where SQL needs that.
        value: SQL expression for the rows without a value; None if every row has one.
        key: Column of the primary key, by which rows are filled; None where it is not one column.
        check: Name of the CHECK constraint meanwhile; empty for one made of the names of the table and the column.
    """

    table: str
    column: str
    value: str | None = None
    key: str | None = None
    check: str = ""

    @classmethod
    def of(cls, column: str, *catalogs: SchemaSnapshot | None) -> Self:
        """Return the change of a column of some schemas, in which the name of the CHECK is free."""
        table, name = split(column)
        taken = taken_in_table("constraint", table, *catalogs)
        return cls(table, name, check=free_name(partial(_check_name, table, name), _SUFFIX, taken))

    @property
    def expand(self) -> Step:
        """Nothing: old code may still write NULL."""
        return Step()

    @property
    def migrate(self) -> Step:
        """Values for the rows that have none."""
        if self.value is None:
            return Step()
        filled = fill(self.table, self.key, f"{self.column} = {self.value}", f"{self.column} IS NULL")
        return Step((filled,), declarations=(Column(self.table, self.column, "").stays_filled,))

    @property
    def contract(self) -> Step:
        """The constraint, its validation, NOT NULL, and the end of the constraint."""
        name = self.check or _check_name(self.table, self.column, _SUFFIX)
        check = ValidatedConstraint(self.table, name, f"CHECK ({self.column} IS NOT NULL)").at_once
        alter = f"ALTER TABLE {self.table} ALTER COLUMN {self.column}"
        return Step(
            (
                *check.upgrade,
                execute(f"{alter} SET NOT NULL"),
                execute(f"ALTER TABLE {self.table} DROP CONSTRAINT {name}"),
            ),
            (execute(f"{alter} DROP NOT NULL"),),
        )


def _check_name(table: str, column: str, suffix: str) -> str:
    return plain_name("ck", table, column, suffix=suffix)
