"""A materialized view that is filled again while it is read."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step
from domain.migration.op_code import execute


@dataclass(frozen=True)
class RefreshedView(Form):
    """A materialized view with a unique index on its columns over all rows, which CONCURRENTLY requires.

    Attributes:
        view: Name of the view.
    """

    view: str

    @property
    def expand(self) -> Step:
        """The refresh."""
        return Step((execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {self.view}"),))
