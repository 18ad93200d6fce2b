"""The revisions that a downgrade takes back, and the names of what it takes away."""

import pytest

from application.migration.plan_downgrade import undone_to
from domain.migration.errors import HistoryError
from domain.migration.history import History, HistoryEntry

# a - b - c - d(merge of c and x), and x follows a; e follows d
HISTORY = History(
    (
        HistoryEntry("a"),
        HistoryEntry("b", ("a",)),
        HistoryEntry("x", ("a",)),
        HistoryEntry("c", ("b",)),
        HistoryEntry("d", ("c", "x")),
        HistoryEntry("e", ("d",)),
    )
)


@pytest.mark.parametrize(
    ("current", "goal", "undone"),
    [
        (("d",), "base", "abxcd"),
        (("d",), "-1", "d"),
        (("d",), "c", "d"),
        (("d",), "b", "cd"),
        (("c", "x"), "b", "c"),
        (("c", "x"), "a", "bxc"),
        (("c",), "c", ""),
        ((), "base", ""),
    ],
)
def test_what_is_taken_back(current: tuple[str, ...], goal: str, undone: str) -> None:
    """What is applied and follows the goal; other branches stay, and so does what was never applied."""
    assert "".join(entry.revision for entry in undone_to(HISTORY, current, goal)) == undone


@pytest.mark.parametrize(
    ("current", "goal"), [(("d",), "e"), (("d",), "-6"), (("c", "x"), "-1"), (("d",), "nothing"), (("gone",), "base")]
)
def test_goals_to_which_no_downgrade_leads(current: tuple[str, ...], goal: str) -> None:
    """One that is not applied, not there, too far back, or that says not which branch."""
    with pytest.raises(HistoryError):
        undone_to(HISTORY, current, goal)
