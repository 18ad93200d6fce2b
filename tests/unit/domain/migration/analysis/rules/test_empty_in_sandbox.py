"""The rule `empty-in-sandbox`: where it speaks, and where it does not."""

import pytest

from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import TableFacts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE
from tests.unit.domain.migration.traces import USERS, codes, revision, step


@pytest.mark.parametrize(
    ("rows", "unfilled", "statistics", "said"),
    [
        (0, {USERS: "no row fits"}, None, True),
        (5, {USERS: "no row fits"}, None, True),
        (1000, {USERS: "no row fits"}, None, False),
        (0, {}, None, False),
        (0, {USERS: "no row fits"}, Statistics({USERS: TableStatistics(rows=10)}), False),
    ],
)
def test_a_locked_table_that_got_few_rows(
    rows: int, unfilled: dict[str, str], statistics: Statistics | None, said: bool
) -> None:
    """Though some were wanted; at the target it may be large."""
    trace = revision(step("ALTER", 1, EXCLUSIVE), tables={USERS: TableFacts(rows, 0)}, unfilled=unfilled)
    assert ("empty-in-sandbox" in codes(trace, statistics)) is said


def test_a_table_that_nobody_locked_does_not_matter() -> None:
    """The revision does nothing to it."""
    trace = revision(step("SELECT 1"), tables={USERS: TableFacts(0, 0)}, unfilled={USERS: "no row fits"})
    assert "empty-in-sandbox" not in codes(trace)
