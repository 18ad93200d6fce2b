"""When a deployment asks for a lock, and how long it waits for it."""

import random

import pytest

from domain.migration.deployment.lock_policy import (
    Attempt,
    Decision,
    GiveUp,
    LockPolicy,
    Obstacle,
    Situation,
    Wait,
    chance,
    decide,
    remember,
)

POLICY = LockPolicy(stall=0.1, longest_stall=1.0, patience=1.5, deadline=60.0)


def test_asks_at_once_in_a_quiet_moment() -> None:
    """Where nobody is in the way, the lock is asked for at once, with the shortest timeout."""
    assert decide(POLICY, Situation(0.0)) == Attempt(0.1)


def test_waits_for_a_transaction_of_unknown_length() -> None:
    """While one long reader is in the way, nothing is asked for, however long that takes."""
    for elapsed in (0.0, 5.0, 59.9):
        assert isinstance(decide(POLICY, Situation(elapsed, (Obstacle(elapsed + 1),))), Wait)


def test_gives_up_at_the_deadline() -> None:
    """The deadline ends the waiting, also in a quiet moment: what failed until then would fail again."""
    assert decide(POLICY, Situation(60.0, (Obstacle(61.0),))) == GiveUp()


@pytest.mark.parametrize(("elapsed", "allowed"), [(0.0, 0.1), (1.5, 0.2), (3.0, 0.4), (60.0, 1.0)])
def test_allowed_stall_grows(elapsed: float, allowed: float) -> None:
    """The stall that an attempt may cause doubles with time, up to the longest that the user allows."""
    assert POLICY.allowed(elapsed) == pytest.approx(allowed)


def test_longest_stall_below_the_first_is_ignored() -> None:
    """A limit that is shorter than the first attempt does not make attempts shorter than that."""
    assert LockPolicy(stall=0.2, longest_stall=0.1).allowed(100.0) == 0.2
    assert LockPolicy(patience=0.0).allowed(0.0) == 1.0


def test_attempts_leave_gaps() -> None:
    """After an attempt, those who waited behind it get at least as long as it lasted, and up to twice as long."""
    assert _seconds(decide(POLICY, Situation(1.0, last_timeout=0.4, since_attempt=0.1))) == pytest.approx(0.3)
    late = Situation(1.0, last_timeout=0.4, since_attempt=0.5, jitter=1.0)
    assert _seconds(decide(POLICY, late)) == pytest.approx(0.3)
    assert isinstance(decide(POLICY, Situation(1.0, last_timeout=0.4, since_attempt=0.4)), Attempt)


def test_goes_when_those_in_the_way_will_end_in_time() -> None:
    """Overlapping transactions never leave a gap; the lock is asked for when they are old enough to end soon."""
    durations = (0.3, 0.5, 0.7, 0.8)
    young, old = Obstacle(0.1), Obstacle(0.75)
    assert decide(POLICY, Situation(0.0, (young, old), durations)) == Wait(float("inf"))
    assert decide(POLICY, Situation(0.0, (old,), durations)) == Attempt(0.1)


def test_chance_is_the_product_of_what_is_known() -> None:
    """Each obstacle ends in time with the frequency of those that became at least as old."""
    durations = (0.1, 0.2, 0.3, 0.4)
    assert chance([Obstacle(0.15)], durations, 0.1) == pytest.approx(1 / 3)
    assert chance([Obstacle(0.15), Obstacle(0.35)], durations, 0.1) == pytest.approx(1 / 3)
    assert chance([Obstacle(0.4)], durations, 0.1) == 0.0
    assert chance([Obstacle(None)], durations, 100.0) == 0.0
    assert chance([], durations, 0.0) == 1.0


def test_an_autovacuum_is_waited_for_until_it_yields() -> None:
    """An attempt takes longer than the deadlock timeout, after which the server ends an autovacuum in the way."""
    vacuum = (Obstacle(500.0, yields=True),)
    quick, slow = Situation(0.0, vacuum, deadlock_timeout=0.05), Situation(0.0, vacuum, deadlock_timeout=0.9)
    assert _seconds(decide(POLICY, quick)) == pytest.approx(0.1)
    assert _seconds(decide(POLICY, slow)) == pytest.approx(0.95)
    assert isinstance(decide(POLICY, Situation(0.0, vacuum, deadlock_timeout=1.0)), Wait)
    assert isinstance(decide(POLICY, Situation(0.0, (*vacuum, Obstacle(1.0)), deadlock_timeout=0.05)), Wait)


def test_long_durations_are_remembered() -> None:
    """Of very many transactions the short ones are forgotten, because their end needs no forecast."""
    kept = remember([5.0] * 150, [0.001] * 300)
    assert len(kept) == 200
    assert kept.count(5.0) == 150


def test_gets_through_a_stream_of_overlapping_readers() -> None:
    """Three readers of 0.3 to 0.8 seconds that never leave a gap are passed, with a stall below a second."""
    for seed in range(20):
        elapsed, stall = _pass_a_stream(random.Random(seed))
        assert elapsed < 15.0
        assert stall <= 1.0


def _seconds(decision: Decision) -> float:
    """Return how long to wait before an attempt, or in one."""
    match decision:
        case Wait(seconds):
            return seconds
        case Attempt(lock_timeout):
            return lock_timeout
        case GiveUp():
            return -1.0


def _pass_a_stream(source: random.Random) -> tuple[float, float]:
    """Return after how many seconds the lock was granted, and the longest stall."""
    readers = [(0.0, source.uniform(0.3, 0.8)) for _ in range(3)]
    now, ended_at, timeout, stall = 0.0, 0.0, 0.0, 0.0
    durations: tuple[float, ...] = ()
    while True:
        durations = remember(durations, (end - start for start, end in readers if end <= now))
        readers = [(now, now + source.uniform(0.3, 0.8)) if reader[1] <= now else reader for reader in readers]
        obstacles = tuple(Obstacle(now - start) for start, _ in readers)
        match decide(POLICY, Situation(now, obstacles, durations, timeout, now - ended_at, 1.0, source.random())):
            case Attempt(lock_timeout):
                needed = max(end for _, end in readers) - now
                if needed <= lock_timeout:
                    return now + needed, max(stall, needed)
                timeout, stall = lock_timeout, max(stall, lock_timeout)
                now += lock_timeout
                ended_at = now
            case GiveUp():
                return now, stall
            case Wait():
                now += 0.01
