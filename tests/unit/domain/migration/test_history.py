"""Ranges of revisions, on a history with a branch, a merge and a dependency."""

import pytest

from domain.migration.errors import HistoryError
from domain.migration.history import History, HistoryEntry

#  base - a1 - b2 - c3 ----- e5 - f6
#            \- d4 (label side) -/      g7 depends on b2 and is a head of its own
HISTORY = History(
    (
        HistoryEntry("a1"),
        HistoryEntry("b2", ("a1",)),
        HistoryEntry("c3", ("b2",)),
        HistoryEntry("d4", ("a1",), labels=("side",)),
        HistoryEntry("e5", ("c3", "d4")),
        HistoryEntry("f6", ("e5",)),
        HistoryEntry("ff7", (), ("b2",)),
    )
)
LINE = History((HistoryEntry("a1"), HistoryEntry("b2", ("a1",)), HistoryEntry("b3", ("b2",))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a1:c3", ["b2", "c3"]),
        ("base:c3", ["a1", "b2", "c3"]),
        (":b2", ["a1", "b2"]),
        ("c3:f6", ["d4", "e5", "f6"]),
        ("e5:", ["f6", "ff7"]),
        ("base:heads", ["a1", "b2", "c3", "d4", "e5", "f6", "ff7"]),
        ("base:ff7", ["a1", "b2", "ff7"]),
        ("side", ["d4"]),
        ("e", ["e5"]),
        ("f6-1", ["e5"]),
        ("f6-2:f6", ["e5", "f6"]),
        ("a1+1", ["b2", "d4"]),
        ("f6:f6", []),
    ],
)
def test_ranges(text: str, expected: list[str]) -> None:
    """A range holds what is needed for its end and not yet there at its start, parents first."""
    assert [entry.revision for entry in HISTORY.select(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("head", ["b3"]), ("-1", ["b2"]), ("head-1:head", ["b3"]), ("base+1", ["a1"])]
)
def test_head(text: str, expected: list[str]) -> None:
    """In a history of one line, `head` and steps from it mean one revision."""
    assert [entry.revision for entry in LINE.select(text)] == expected


@pytest.mark.parametrize(
    ("history", "text", "message"),
    [
        (HISTORY, "head", "there are 2 heads: f6, ff7"),
        (LINE, "b", "the beginning of 2 revisions: b2, b3"),
        (LINE, "zz", "there is no revision zz"),
        (LINE, "a1:zz", "there is no revision zz"),
        (LINE, "b3:a1", "b3 comes after a1"),
        (LINE, "head-9", "not that many revisions before head"),
        (LINE, "head+1", "not that many revisions after head"),
    ],
)
def test_what_is_refused(history: History, text: str, message: str) -> None:
    """A name that is unknown or means several revisions is refused, with what to write."""
    with pytest.raises(HistoryError, match=message) as caught:
        history.select(text)

    assert caught.value.hint


def test_heads() -> None:
    """Heads are what nothing follows; a dependency does not make a follower."""
    assert HISTORY.heads == ("f6", "ff7")


def test_several_names_and_files() -> None:
    """Names and files are one selection, each revision once, in the order in which they run."""
    history = History((HistoryEntry("a1", path="/v/a1.py"), HistoryEntry("b2", ("a1",), path="/v/b2.py")))

    assert [entry.revision for entry in history.choose(["/v/b2.py", "base:a1", "b2"])] == ["a1", "b2"]
    assert history.choose(["/v/__init__.py"]) == ()
    assert [entry.revision for entry in history.choose("base:a1")] == ["a1"]
    with pytest.raises(HistoryError, match=r"other\.py is not a revision of this project"):
        history.choose(["/v/other.py"])


def test_what_a_database_has_still_to_run() -> None:
    """All that is not behind its heads; a revision that nobody knows is another history's."""
    assert [entry.revision for entry in HISTORY.pending(["c3"])] == ["d4", "e5", "f6", "ff7"]
    assert [entry.revision for entry in HISTORY.pending([])] == ["a1", "b2", "c3", "d4", "e5", "f6", "ff7"]
    assert HISTORY.pending(["f6", "ff7"]) == ()
    with pytest.raises(HistoryError, match="the database is at zz, which this history does not have"):
        HISTORY.pending(["a1", "zz"])
