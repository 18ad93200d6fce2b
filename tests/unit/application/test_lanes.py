"""Work on a sequence in several places at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from application.migration.lanes import FEWEST, Count, in_lanes

ITEMS = list(range(FEWEST * 3))


class Place:
    """A place where work is done."""

    def __init__(self, name: str) -> None:
        self.name = name


@contextmanager
def second(_stop: threading.Event) -> Iterator[Place]:
    """Open the second place."""
    yield Place("second")


def test_results_come_in_the_order_of_the_items_and_neighbors_stay_together() -> None:
    """Each place works on items that follow each other; the first has more of them, for later ones take longer."""
    found = in_lanes(Place("first"), [second], ITEMS, lambda place, item: (item, place.name))

    assert [item for item, _ in found] == ITEMS
    assert [name for _, name in found] == ["first"] * 7 + ["second"] * 5


def test_a_short_sequence_opens_no_other_place() -> None:
    """Getting ready would take longer than the work."""
    found = in_lanes(Place("first"), [second], ITEMS[: 2 * FEWEST - 1], lambda place, _: place.name)

    assert set(found) == {"first"}


def test_nothing_gives_nothing() -> None:
    """An empty sequence has no results."""
    assert in_lanes(Place("first"), [second], [], lambda place, _: place.name) == []


def test_what_ends_the_first_lane_ends_the_others_and_closes_their_places() -> None:
    """After Ctrl-C the other lane ends behind its item, and what it opened is closed, knowing why."""
    working, interrupted, closed, done = threading.Event(), threading.Event(), threading.Event(), list[int]()

    @contextmanager
    def another(stop: threading.Event) -> Iterator[Place]:
        yield Place("second")
        if stop.is_set():
            closed.set()

    def work(place: Place, item: int) -> None:
        if place.name == "first":
            working.wait(10)
            interrupted.set()
            raise KeyboardInterrupt
        working.set()
        interrupted.wait(10)
        threading.Event().wait(0.2)
        done.append(item)

    with pytest.raises(KeyboardInterrupt):
        in_lanes(Place("first"), [another], ITEMS, work)
    assert closed.is_set()
    assert len(done) == 1


def test_an_error_of_another_lane_is_raised() -> None:
    """It is the caller's to explain."""

    def work(place: Place, _item: int) -> None:
        if place.name == "second":
            raise ValueError("no such server")

    with pytest.raises(ValueError, match="no such server"):
        in_lanes(Place("first"), [second], ITEMS, work)


def test_progress_counts_what_is_done_anywhere() -> None:
    """The first number is how many are done, the last one the item that begins."""
    told: list[tuple[int, int, object]] = []
    count = Count(2, lambda *said: told.append(said))

    for item in ("a", "b"):
        with count.item(item):
            pass

    assert told == [(0, 2, "a"), (1, 2, "b")]
