"""A foreign key that neither blocks writes while it is checked, nor makes deletes slow."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step
from domain.migration.forms.planned_index import PlannedIndex
from domain.migration.forms.validated_constraint import ValidatedConstraint


@dataclass(frozen=True)
class ForeignKey(Form):
    """A foreign key that is validated later, after the index on its columns has been built.

    Attributes:
        constraint: The key.
        index: Index on its columns; None if there is one.
    """

    constraint: ValidatedConstraint
    index: PlannedIndex | None = None

    @property
    def expand(self) -> Step:
        """The index, and the key for new values."""
        index = Step() if self.index is None else self.index.expand
        return index + self.constraint.expand

    @property
    def contract(self) -> Step:
        """The check of the existing rows."""
        return self.constraint.contract
