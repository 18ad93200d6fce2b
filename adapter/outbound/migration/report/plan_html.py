"""The plan as one HTML page with a time line of its locks: no script, nothing from the network."""

from pathlib import Path

from mako.template import Template

from adapter.outbound.migration.report import words_of_plans
from adapter.outbound.postgres.redaction import redact
from domain.migration.deployment import timeline
from domain.migration.deployment.plan import Plan

_PAGE = Path(__file__).with_suffix(".mako")


def render(plan: Plan) -> str:
    """Return the page."""
    page = Template(  # noqa: S702 - each expression is escaped by the default filter
        text=_PAGE.read_text(encoding="utf-8"),
        default_filters=["str", "redact", "h"],
        imports=["from adapter.outbound.postgres.redaction import redact"],
    )
    text: str = page.render(
        plan=plan,
        words=words_of_plans,
        columns=timeline.columns(plan),
        tables=timeline.tables(plan),
        picture=Picture(len(timeline.tables(plan))),
    )
    return redact(text)


class Picture:
    """The measures of the time line, in pixels.

    Attributes:
        width: Width of the picture.
        names: Width of the column with the names of tables.
        head: Height of the line with the steps.
        row: Height of the line of a table.
        height: Height of the picture.
    """

    width, names, head, row = 1080, 250, 46, 26

    def __init__(self, rows: int) -> None:
        """Measure a picture with a number of lines for tables."""
        self.height = self.head + max(rows, 1) * self.row + 8

    def x(self, share: float) -> float:
        """Return where a share of the time from 0 to 1 is drawn."""
        return round(self.names + share * (self.width - self.names - 8), 1)

    def length(self, share: float) -> float:
        """Return how long a share of the time is drawn, so that the shortest lock is seen."""
        return max(3.0, round(share * (self.width - self.names - 8), 1))

    def y(self, row: int) -> int:
        """Return the top of the line of a table."""
        return self.head + row * self.row
