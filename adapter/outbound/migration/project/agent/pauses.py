"""Measures how long a thread does nothing: it sleeps, or waits for the network, a disk or another process."""

from __future__ import annotations

import os
import time
from contextlib import suppress

# The time on a processor and the time of waiting for one, in nanoseconds (the kernel's documentation, sched-stats).
_STATISTICS = "/proc/thread-self/schedstat"


class Pauses:
    """The time in which a thread neither worked nor waited for a processor, so that the load of the machine is no part.

    Where the system does not count that, no pause is seen.
    """

    def __init__(self) -> None:
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open(_STATISTICS, os.O_RDONLY | os.O_CLOEXEC)
        self._paused = 0.0
        self._start: float | None = None
        self.begin()

    def begin(self) -> None:
        """Begin to measure."""
        self._start = self._idle_seconds()

    def end(self) -> None:
        """End what `begin` began."""
        now = self._idle_seconds()
        if self._start is not None and now is not None:
            self._paused += max(0.0, now - self._start)
        self._start = None

    def take(self) -> float:
        """Return the milliseconds that were measured since the last call."""
        paused, self._paused = self._paused, 0.0
        return paused * 1000

    def close(self) -> None:
        """Close the file of the kernel's statistics."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _idle_seconds(self) -> float | None:
        """Return the seconds of the clock without those on a processor or in its queue."""
        if self._file is None:
            return None
        try:
            worked, queued, _ = os.pread(self._file, 100, 0).split()
        except (OSError, ValueError):
            return None
        return time.perf_counter() - (int(worked) + int(queued)) / 1e9
