"""Ctrl-C in a command that may only stop between two steps: once to stop there, twice to cancel what runs."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_MESSAGE = "Stopping after the step that runs; press Ctrl-C again to cancel it.\n"


@contextmanager
def stopped_in_order() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether the user wants to stop after the step that runs.

    A second SIGINT, or SIGTERM, raises KeyboardInterrupt.
    """
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1 or number == signal.SIGTERM:
            raise KeyboardInterrupt
        with suppress(OSError, ValueError):
            sys.stderr.write(_MESSAGE)
            sys.stderr.flush()

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
