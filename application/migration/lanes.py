"""Parallel work on the revisions of a history: several lanes, each with consecutive revisions."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import accumulate
from typing import Any, TypeVar

Worker = TypeVar("Worker")
Item = TypeVar("Item")
Result = TypeVar("Result")

Opener = Callable[[threading.Event], AbstractContextManager[Worker]]
FEWEST = 4  # lowest number of items for which it pays to prepare another worker


class StoppedError(Exception):
    """The work of a lane was stopped, because its results are no longer needed."""


def in_lanes(
    worker: Worker,
    others: Sequence[Opener[Worker]],
    items: Sequence[Item],
    work: Callable[[Worker, Item], Result],
) -> list[Result]:
    """Return the results of the work on all items, in the order of the items.

    If the lane of this thread ends with an error or Ctrl-C, the other lanes stop at their next item.

    Args:
        worker: Worker for the first items, in this thread.
        others: Functions that open more workers, each in a thread of its own, which also closes it. They receive an
            event. When it is set, their results are no longer needed, and they may raise `StoppedError`.
        items: Items to work on. Later ones take longer, because the schema grows.
        work: Function that a worker calls with an item.
    """
    parts = _parts(items, min(1 + len(others), max(1, len(items) // FEWEST)))
    stop = threading.Event()

    def lane(lane_worker: Worker, part: Sequence[Item]) -> Iterator[Result]:
        for item in part:
            if stop.is_set():
                return
            yield work(lane_worker, item)

    def opened(open_worker: Opener[Worker], part: Sequence[Item]) -> list[Result]:
        with open_worker(stop) as lane_worker:
            return list(lane(lane_worker, part))

    with ThreadPoolExecutor(max(1, len(parts) - 1)) as pool:
        try:
            futures = [pool.submit(opened, *lane_arguments) for lane_arguments in zip(others, parts[1:], strict=False)]
            first_results = list(lane(worker, parts[0]))
            return [*first_results, *(result for future in futures for result in future.result())]
        finally:
            stop.set()


class Count:
    """A counter of finished items that reports the progress of all lanes."""

    def __init__(self, total: int, progress: Callable[[int, int, Item], object]) -> None:
        """Start at zero finished items.

        Args:
            total: Number of all items.
            progress: Function that is called before each item with the number of finished items, the total, and the
                item.
        """
        self._total = total
        self._progress: Callable[[int, int, Any], object] = progress
        self._done = 0
        self._lock = threading.Lock()

    @contextmanager
    def item(self, item: object) -> Iterator[None]:
        """Report an item before the block, and count it after the block."""
        with self._lock:
            self._progress(self._done, self._total, item)
        yield
        with self._lock:
            self._done += 1


def _parts(items: Sequence[Item], count: int) -> list[Sequence[Item]]:
    """Return a sequence in parts of about equal work, if the last item takes twice as long as the first."""
    efforts = list(accumulate(1 + number / len(items) for number in range(len(items))))
    bounds = [sum(effort <= efforts[-1] * part / count for effort in efforts) for part in range(1, count)]
    return [items[begin:end] for begin, end in zip([0, *bounds], [*bounds, len(items)], strict=True)]
