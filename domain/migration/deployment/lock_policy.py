"""When a deployment asks for a lock, and how long it waits for it while others queue behind.

A statement that waits for a lock makes everybody wait who comes after it. So nothing is asked for while another
transaction is in the way: a second connection watches, and the statement goes when the way is free. Where the way is
never free, because transactions overlap, it goes when those that are in the way will probably end in time, as those
have done that were in the way before.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

_CHANCE = 0.6  # of an attempt, at least, that those in the way end before its lock timeout
_MOST_KNOWN = 200  # durations that are remembered
_MOST_DOUBLINGS = 64
_MARGIN = 0.05  # seconds by which a deadlock timeout is shorter than the lock timeout


class Blockers(Enum):
    """Sessions that a deployment may end, because they are in its way.

    Attributes:
        NONE: None of them.
        IDLE: Those that have been idle in a transaction for `patience`; their sessions are terminated.
        AUTOVACUUM: Those of autovacuum, but for one against wraparound; it begins again later.
    """

    NONE = "none"
    IDLE = "idle-in-transaction"
    AUTOVACUUM = "autovacuum"


@dataclass(frozen=True)
class LockPolicy:
    """Limits for the waiting of a deployment, in seconds, and who does not have to be waited for.

    Attributes:
        stall: For how long statements of the application may wait behind an attempt, at first.
        longest_stall: What that may grow to.
        patience: How long it takes to double, while there is no quiet moment.
        deadline: When to give a step up.
        unblocking: Lock timeout of statements that nobody waits for, such as CREATE INDEX CONCURRENTLY.
        cancels: Who is ended after having been in the way for `patience`.
    """

    stall: float = 0.1
    longest_stall: float = 1.0
    patience: float = 1.5
    deadline: float = 300.0
    unblocking: float = 3600.0
    cancels: Blockers = Blockers.NONE

    @property
    def limits(self) -> Mapping[str, float | str]:
        """What a user may choose, by the names of the options of `migrate deploy`."""
        return {
            "stall": self.stall,
            "longest_stall": self.longest_stall,
            "deadline": self.deadline,
            "cancel_blockers": self.cancels.value,
        }

    def allowed(self, elapsed: float) -> float:
        """Return for how long statements may wait behind an attempt, some seconds after the lock was first wanted."""
        doublings = elapsed / self.patience if self.patience > 0 else math.inf
        return max(self.stall, min(self.longest_stall, self.stall * 2 ** min(doublings, _MOST_DOUBLINGS)))


USUAL = LockPolicy()


@dataclass(frozen=True)
class Obstacle:
    """A transaction that holds, or waits for, a lock which conflicts with one that is wanted.

    Attributes:
        age: Seconds since it began; None if that is not known, or if it has no end of its own.
        yields: Whether the server ends it for who waits longer than the deadlock timeout, as it does an autovacuum.
    """

    age: float | None
    yields: bool = False


@dataclass(frozen=True)
class Situation:
    """What is known at a moment at which a lock is wanted.

    Attributes:
        elapsed: Seconds since it was first wanted.
        obstacles: What is in the way.
        durations: Seconds that transactions took that were in the way and have ended.
        last_timeout: Lock timeout of the last attempt, in seconds; 0 before the first.
        since_attempt: Seconds since that attempt ended.
        deadlock_timeout: What an autovacuum takes notice of, in seconds: the server's, or what the role may set.
        jitter: A random number from 0 to 1, which keeps two deployments from the same rhythm.
    """

    elapsed: float
    obstacles: tuple[Obstacle, ...] = ()
    durations: tuple[float, ...] = ()
    last_timeout: float = 0.0
    since_attempt: float = 0.0
    deadlock_timeout: float = 1.0
    jitter: float = 0.0


@dataclass(frozen=True)
class Attempt:
    """Ask for the lock, with a lock timeout in seconds."""

    lock_timeout: float


@dataclass(frozen=True)
class Wait:
    """Look again, at the latest after some seconds."""

    seconds: float


@dataclass(frozen=True)
class GiveUp:
    """The deadline is over."""


Decision = Attempt | Wait | GiveUp


def decide(policy: LockPolicy, situation: Situation) -> Decision:
    """Return whether to ask for the lock now."""
    if situation.elapsed >= policy.deadline:
        return GiveUp()
    gap = situation.last_timeout * (1 + situation.jitter) - situation.since_attempt
    if gap > 0:  # those who had to wait behind the last attempt catch up first
        return Wait(gap)
    allowed = policy.allowed(situation.elapsed)
    if not situation.obstacles:
        return Attempt(allowed)
    if all(obstacle.yields for obstacle in situation.obstacles):
        needed = situation.deadlock_timeout + _MARGIN
        return Attempt(max(needed, policy.stall)) if needed <= policy.longest_stall else Wait(math.inf)
    if chance(situation.obstacles, situation.durations, allowed) >= _CHANCE:
        return Attempt(allowed)
    return Wait(math.inf)


def chance(obstacles: Iterable[Obstacle], durations: Sequence[float], seconds: float) -> float:
    """Return the probability that all obstacles end within some seconds, as others have done.

    An obstacle that is older than all that have ended tells nothing of its end, so that there is no chance.
    """
    probability = 1.0
    for obstacle in obstacles:
        age = obstacle.age
        longer = [] if age is None else [duration for duration in durations if duration > age]
        if age is None or not longer:
            return 0.0
        probability *= sum(duration <= age + seconds for duration in longer) / len(longer)
    return probability


def remember(durations: Sequence[float], ended: Iterable[float]) -> tuple[float, ...]:
    """Return durations of ended transactions with some more; the short ones, which end anyway, are forgotten first."""
    return tuple(sorted((*durations, *ended))[-_MOST_KNOWN:])
