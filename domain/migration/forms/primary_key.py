"""A primary key on columns that may still be NULL."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step, together
from domain.migration.forms.key_from_index import KeyFromIndex
from domain.migration.forms.not_null import NotNull


@dataclass(frozen=True)
class PrimaryKey(Form):
    """A primary key, before which its columns become NOT NULL without a scan that others wait for.

    Attributes:
        key: The key itself.
        required: Columns that become NOT NULL.
    """

    key: KeyFromIndex
    required: tuple[NotNull, ...] = ()

    @property
    def expand(self) -> Step:
        """Nothing: old code may still write NULL or the same values twice."""
        return Step()

    @property
    def contract(self) -> Step:
        """NOT NULL, the index and the key, for columns that have a value in every row."""
        return together(column.contract for column in self.required) + self.key.expand
