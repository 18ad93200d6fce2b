"""Lets the statements of a step go in a quiet moment.

The process of the project asks before each statement. A lock for which others would wait is only asked for when
`LockPolicy` says so: until then the statement waits here, where it holds nobody up.
"""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapter.outbound.migration.target.obstacles import Obstacles
from adapter.outbound.postgres.holders import Holder
from domain.migration.deployment.lock_policy import Attempt, GiveUp, LockPolicy, Situation, decide
from domain.migration.deployment.plan import PlannedLock, Step
from domain.migration.deployment.wanted_locks import wanted_locks

_POLL = 0.01  # seconds between two looks at the locks
_UNTOLD = 0.5  # seconds of a wait of which nobody is told
_BETWEEN_REPORTS = 2.0  # seconds
_MILLISECONDS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class LockWait:
    """A wait for a lock, as it is told while it lasts.

    Attributes:
        revision: The revision that waits.
        locks: What it waits for before its statement is sent; empty if a statement waits in the server, as one that
            builds an index beside the traffic does for older transactions.
        seconds: For how long it has waited.
        holders: The sessions in the way.
        allowed: For how many seconds statements of the application may wait behind the next attempt.
    """

    revision: str
    locks: tuple[PlannedLock, ...]
    seconds: float
    holders: tuple[Holder, ...]
    allowed: float


class Scout:
    """Answers what a step asks before its statements; what it learns it keeps over the attempts of the step.

    Attributes:
        waited: Seconds for which statements have waited here since the attempt began.
        holders: The sessions that were last in the way in that time.
        gave_up: Whether the deadline is over.
    """

    def __init__(
        self, obstacles: Obstacles, policy: LockPolicy, step: Step, report: Callable[[LockWait], object]
    ) -> None:
        """Prepare to answer.

        Args:
            obstacles: Reads who is in the way.
            policy: When to ask for a lock.
            step: What runs.
            report: Called now and then while a wait lasts.
        """
        self._obstacles, self._policy, self._step, self._report = obstacles, policy, step, report
        self._wanted_since: dict[frozenset[str], float] = {}
        self._answered = 0  # milliseconds of the last lock timeout
        self._last_attempt = (0.0, -1.0)  # its lock timeout, and when it ended
        self.waited = 0.0
        self.holders: tuple[Holder, ...] = ()
        self.gave_up = False

    def begin_attempt(self) -> None:
        """Count the waits of another attempt."""
        self.waited, self.holders, self._answered = 0.0, (), 0

    def end_attempt(self) -> None:
        """Note that an attempt has given way: those who had to wait behind it get time."""
        self._last_attempt = (self._answered / 1000, time.monotonic())

    def settings(self, sql: str, lock_timeout: str, own: tuple[int, ...]) -> Mapping[str, str] | None:
        """Wait until a statement may go, and return the settings of its session; None if the deadline is over.

        Args:
            sql: The statement.
            lock_timeout: The lock timeout of its session, as `SHOW` writes it. A shorter one that the revision itself
                has set is kept.
            own: The server's processes of the sessions of the revision.

        Raises:
            psycopg.Error: The database cannot be reached any more.
        """
        locks = wanted_locks(self._step, sql)
        seconds = self._lock_timeout(locks, own)
        if seconds is None:
            self.gave_up = True
            return None
        limit, known = max(1, round(seconds * 1000)), _milliseconds(lock_timeout)
        if known and known != self._answered:
            limit = min(limit, known)
        self._answered = limit
        quick = locks and self._obstacles.may_set_deadlock_timeout
        deadlock_timeout = f"{round(self._obstacles.deadlock_timeout * 1000)}ms"
        settings = {"lock_timeout": f"{limit}ms", **self._obstacles.notices_the_end}
        return settings | ({"deadlock_timeout": deadlock_timeout} if quick else {})

    def _lock_timeout(self, locks: tuple[PlannedLock, ...], own: tuple[int, ...]) -> float | None:
        relations = {lock.relation for lock in self._step.blocking_locks}
        if relations and own and self._obstacles.has_blocking_lock(relations, own):
            return self._policy.stall  # others wait for what the transaction has, so that it must not wait itself
        return self._wait(locks, own) if locks else self._policy.unblocking

    def _wait(self, locks: tuple[PlannedLock, ...], own: tuple[int, ...]) -> float | None:
        """Wait for a moment to ask for locks, and return the lock timeout; None if the deadline is over."""
        began = time.monotonic()
        since = self._wanted_since.setdefault(frozenset(lock.relation for lock in locks), began)
        reported = began + _UNTOLD - _BETWEEN_REPORTS
        try:
            while True:
                decision = decide(self._policy, self._situation(since, locks, own))
                if isinstance(decision, Attempt):
                    return decision.lock_timeout
                now = time.monotonic()
                if isinstance(decision, GiveUp) or now - reported >= _BETWEEN_REPORTS:
                    reported = now
                    self.holders = self._obstacles.holders() or self.holders
                    allowed = self._policy.allowed(now - since)
                    self._report(LockWait(self._step.revision, locks, now - since, self.holders, allowed))
                if isinstance(decision, GiveUp):
                    return None
                if now - since >= self._policy.patience:
                    self._obstacles.end(self._policy.cancels, self._policy.patience)
                time.sleep(min(_POLL, decision.seconds))
        finally:
            self.waited += time.monotonic() - began

    def _situation(self, since: float, locks: tuple[PlannedLock, ...], own: tuple[int, ...]) -> Situation:
        obstacles = self._obstacles.read(locks, own)
        now = time.monotonic()
        last_timeout, ended = self._last_attempt
        return Situation(
            elapsed=now - since,
            obstacles=obstacles,
            durations=self._obstacles.durations,
            last_timeout=last_timeout,
            since_attempt=now - ended,
            deadlock_timeout=self._obstacles.deadlock_timeout,
            jitter=random.random(),  # noqa: S311 - it only spreads attempts
        )


def _milliseconds(duration: str) -> int:
    """Return a duration as the server writes it, in milliseconds; 0 for none."""
    match = re.fullmatch(r"(\d+)\s*(\w*)", duration)
    return int(match[1]) * _MILLISECONDS.get(match[2] or "ms", 1) if match else 0
