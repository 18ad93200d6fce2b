"""A check or a foreign key whose existing rows are checked later, while reads and writes go on."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step
from domain.migration.names import bare, schema_argument
from domain.migration.op_code import execute, in_autocommit, quoted


@dataclass(frozen=True)
class ValidatedConstraint(Form):
    """A constraint that is added NOT VALID, and validated in a transaction of its own.

    Attributes:
        table: Qualified name of the table.
        name: Name of the constraint, quoted where SQL needs that.
        definition: What follows the name in ADD CONSTRAINT.
        restoration: Operations that restore the constraint of the same name that it replaces; empty if it is new.
    """

    table: str
    name: str
    definition: str
    restoration: tuple[str, ...] = ()

    @property
    def expand(self) -> Step:
        """The constraint for new values only; one of the same name is replaced."""
        addition = f"ADD CONSTRAINT {self.name} {self.definition.removesuffix(' NOT VALID')} NOT VALID"
        return Step(
            (execute(f"ALTER TABLE {self.table} DROP CONSTRAINT IF EXISTS {self.name}, {addition}"),),
            self.restoration or (dropped_constraint(self.table, self.name),),
        )

    @property
    def contract(self) -> Step:
        """The check of the existing rows, which changes nothing that must be undone for them."""
        validation = execute(f"ALTER TABLE {self.table} VALIDATE CONSTRAINT {self.name}")
        return Step((in_autocommit(validation),), self.expand.upgrade)

    @property
    def at_once(self) -> Step:
        """The constraint, a commit and the check of the existing rows."""
        comment = "# The block commits first, so that nothing is locked while the rows are read."
        return Step((*self.expand.upgrade, comment, *self.contract.upgrade), self.expand.downgrade)


def dropped_constraint(table: str, name: str) -> str:
    """Return an operation that drops a constraint of a table."""
    return f"op.drop_constraint({quoted(bare(name))}, {quoted(bare(table))}{schema_argument(table)})"
