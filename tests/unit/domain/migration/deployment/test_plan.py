"""A plan adds up what its steps take, and its hash names what must stay as it is."""

from dataclasses import replace

import pytest

from domain.migration.deployment.lock_policy import Blockers, LockPolicy
from domain.migration.deployment.plan import TargetIdentity, WayBack
from domain.migration.locks import LockMode
from tests.unit.domain.migration.deployment.plans import TARGET, lock, plan, planned

USERS = "public.users"
THREE = plan(planned("a1"), planned("a2"), planned("a3"))


def test_durations_add_up() -> None:
    """Of the steps the sum, of the locks the longest one."""
    long_lock = lock(USERS, seconds=(1.0, 2.0))
    added = plan(planned("a1", lock(USERS)), planned("a2", long_lock, seconds=(3.0, 5.0)))

    assert added.seconds == (3.01, 5.02)
    assert added.blocked_seconds == (1.0, 2.0)
    assert plan().seconds == (0.0, 0.0)


def test_a_duration_that_was_not_measured_is_no_duration() -> None:
    """One unknown step makes the sum unknown, one unknown blocking lock the longest wait."""
    unknown = plan(planned("a1", seconds=None), planned("a2"))
    assert unknown.seconds is None
    assert plan(planned("a1", lock(USERS, seconds=None))).blocked_seconds is None


def test_only_locks_that_stop_statements_count_as_waits() -> None:
    """SHARE UPDATE EXCLUSIVE lets reads and writes go on, so its unknown duration does not matter."""
    harmless = planned("a1", lock(USERS, LockMode.SHARE_UPDATE_EXCLUSIVE, seconds=None))
    assert harmless.blocking_locks == ()
    assert harmless.blocked_seconds == (0.0, 0.0)


def test_steps_that_are_not_safe() -> None:
    """What could not be judged is not safe, and what failed its proof has no way back."""
    mixed = plan(planned("a1"), planned("a2", verdict="unsafe"), planned("a3", verdict="not judged"))
    assert [step.revision for step in mixed.unsafe] == ["a2", "a3"]
    assert [step.revision for step in plan(planned("a1", way_back=WayBack(None))).unproved] == ["a1"]


@pytest.mark.parametrize(
    "other",
    [
        plan(planned("a1"), planned("a2")),
        plan(planned("a2"), planned("a1"), planned("a3")),
        plan(planned("a1"), planned("a2"), planned("a3", sha256="edited")),
        replace(THREE, catalog="altered"),
        replace(THREE, current=("a0", "b0")),
        replace(THREE, goal=("a3", "b3")),
        replace(THREE, target=replace(TARGET, database="shop2")),
        replace(THREE, target=replace(TARGET, system_identifier="7513")),
        replace(THREE, policy=LockPolicy(stall=0.2)),
        replace(THREE, policy=LockPolicy(cancels=Blockers.IDLE)),
    ],
)
def test_the_hash_changes_with_what_a_deployment_depends_on(other: object) -> None:
    """Files, their order, the database, its revisions and its schema, and the limits of its locks."""
    assert other.hash() != THREE.hash()  # type: ignore[attr-defined]


def test_other_limits_are_named_by_their_options() -> None:
    """Whoever deploys a reviewed plan with other limits reads which of them differ."""
    now = replace(THREE, policy=LockPolicy(longest_stall=2.0, cancels=Blockers.AUTOVACUUM)).key
    assert list(THREE.key.changes(now)) == [
        "it was made with --longest-stall 1, and not with --longest-stall 2",
        "it was made with --cancel-blockers none, and not with --cancel-blockers autovacuum",
    ]


def test_the_hash_stays_with_what_is_measured_anew() -> None:
    """Durations and verdicts are never the same twice, and an address is not the database."""
    slower = planned("a1", lock(USERS), seconds=(9.0, 10.0), verdict="unsafe")
    again = plan(slower, planned("a2"), planned("a3"), target=replace(TARGET, address="socket", postgres="18.7"))
    assert again.hash() == THREE.hash()


def test_a_database_is_the_same_at_another_address() -> None:
    """Its name and the number of its cluster make it that database."""
    assert TargetIdentity("shop", "7512", "localhost", "18.7") == TARGET
    assert TargetIdentity("shop", "7513", TARGET.address, TARGET.postgres) != TARGET
