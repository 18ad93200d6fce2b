"""Do the work of a history in several places at once, each with neighboring revisions."""

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
FEWEST = 4  # items that pay for another worker, which must get ready first


class StoppedError(Exception):
    """The work of a lane is not wanted any more."""


def in_lanes(
    worker: Worker,
    others: Sequence[Opener[Worker]],
    items: Sequence[Item],
    work: Callable[[Worker, Item], Result],
) -> list[Result]:
    """Do something with each item, and give the results in the order of the items.

    Whatever ends this worker's own lane, Ctrl-C too, ends the others as soon as they notice.

    Args:
        worker: Does the first items, in this thread.
        others: Open more workers, each in a thread of its own, and close them there. They are given an event: when it
            is set, nobody waits for their work any more, and they may raise `StoppedError`.
        items: What is worked on; later ones take longer, for a schema grows.
        work: What a worker does with an item.
    """
    parts = _parts(items, min(1 + len(others), max(1, len(items) // FEWEST)))
    stop = threading.Event()

    def lane(one: Worker, part: Sequence[Item]) -> Iterator[Result]:
        for item in part:
            if stop.is_set():
                return
            yield work(one, item)

    def opened(open_worker: Opener[Worker], part: Sequence[Item]) -> list[Result]:
        with open_worker(stop) as one:
            return list(lane(one, part))

    with ThreadPoolExecutor(max(1, len(parts) - 1)) as pool:
        try:
            waiting = [pool.submit(opened, *one) for one in zip(others, parts[1:], strict=False)]
            found = list(lane(worker, parts[0]))
            return [*found, *(result for future in waiting for result in future.result())]
        finally:
            stop.set()


class Count:
    """Tells how many items are done, how many there are, and which comes, whoever works on them."""

    def __init__(self, total: int, progress: Callable[[int, int, Item], object]) -> None:
        """Begin with none done."""
        self._total = total
        self._progress: Callable[[int, int, Any], object] = progress
        self._done = 0
        self._lock = threading.Lock()

    @contextmanager
    def item(self, item: object) -> Iterator[None]:
        """Count an item when what is done inside has ended."""
        with self._lock:
            self._progress(self._done, self._total, item)
        yield
        with self._lock:
            self._done += 1


def _parts(items: Sequence[Item], count: int) -> list[Sequence[Item]]:
    """Cut a sequence where the work is about even; the last item takes twice as long as the first."""
    efforts = list(accumulate(1 + number / len(items) for number in range(len(items))))
    bounds = [sum(effort <= efforts[-1] * part / count for effort in efforts) for part in range(1, count)]
    return [items[begin:end] for begin, end in zip([0, *bounds], [*bounds, len(items)], strict=True)]
