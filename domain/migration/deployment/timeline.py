"""The time line of a plan: its steps beside each other, and the locks for which statements wait."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from domain.migration.deployment.plan import Plan, PlannedLock, Step


@dataclass(frozen=True)
class Bar:
    """A lock in the picture.

    Attributes:
        table: The table whose users wait.
        lock: The lock.
        left: Where it begins, as a share of the width from 0 to 1.
        width: How long it is held, as such a share.
    """

    table: str
    lock: PlannedLock
    left: float
    width: float


@dataclass(frozen=True)
class Column:
    """A step in the picture.

    Attributes:
        number: Its number, from 1.
        step: The step.
        left: Where it begins, as a share of the width from 0 to 1.
        width: How long it takes, as such a share; steps are drawn by the logarithm of their duration, because a lock of
            milliseconds stands beside a backfill of hours.
        bars: Its locks.
    """

    number: int
    step: Step
    left: float
    width: float
    bars: tuple[Bar, ...]


def columns(plan: Plan) -> tuple[Column, ...]:
    """Return the steps with their locks, from left to right."""
    widths = [_width(step) for step in plan.steps]
    whole, left = sum(widths), 0.0
    drawn = []
    for number, (step, width) in enumerate(zip(plan.steps, widths, strict=True), 1):
        share = width / whole
        drawn.append(Column(number, step, left, share, tuple(_bars(step, left, share))))
        left += share
    return tuple(drawn)


def tables(plan: Plan) -> tuple[str, ...]:
    """Return the tables, views and sequences for which statements wait, each once, in the order of their locks."""
    return tuple(dict.fromkeys(lock.table for step in plan.steps for lock in step.blocking_locks))


def _width(step: Step) -> float:
    """Return the width of a step: 1 for up to a millisecond, and 1 more for each ten times as long."""
    longest = step.seconds[1] if step.seconds else _UNKNOWN
    return 1 + max(0.0, math.log10(max(longest, _SHORTEST) / _SHORTEST))


def _bars(step: Step, left: float, width: float) -> Iterator[Bar]:
    last = max((part.last for part in step.parts), default=1)
    for lock in step.blocking_locks:
        if step.seconds and step.seconds[1] > 0 and lock.starts and lock.seconds:
            begin, length = lock.starts[1] / step.seconds[1], lock.seconds[1] / step.seconds[1]
        else:  # without durations, each statement is as wide as the others
            begin, length = (lock.from_statement - 1) / last, (lock.to_statement - lock.from_statement + 1) / last
        begin = min(begin, 1.0)
        yield Bar(lock.table, lock, left + begin * width, min(length, 1.0 - begin) * width)


_SHORTEST = 0.001  # seconds
_UNKNOWN = 1.0  # seconds that a step is drawn with where its duration is not known
