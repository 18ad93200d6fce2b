"""The use case behind `migrate plan`: which revisions run, what was proved of them, and how it is identified."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from application.migration.analyze import AnalyzeRevisions
from application.migration.plan_upgrade import PlanUpgrade, pending_to
from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.target import Target
from application.migration.verify import VerifyRevisions
from domain.migration.deployment.plan import Destroyed, Plan, TargetIdentity
from domain.migration.errors import HistoryError
from domain.migration.history import History, HistoryEntry
from domain.migration.locks import LockMode
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statistics import Statistics
from domain.migration.status import Drift, TargetState
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.round_trip import Reversibility
from tests.unit.application.migration_fakes import FakeCertificates, FakeTrials
from tests.unit.domain.migration.deployment.plans import TARGET
from tests.unit.domain.migration.traces import BASE, USERS, column, revision, step, table

ADDS = revision(step("ALTER TABLE", 1, LockMode.ACCESS_EXCLUSIVE), after={**BASE, **column(f"{USERS}.plan")})
# b has two followers, which d joins; e waits for nobody.
BRANCHED = History(
    (
        HistoryEntry("a"),
        HistoryEntry("b", ("a",)),
        HistoryEntry("c1", ("b",)),
        HistoryEntry("c2", ("b",)),
        HistoryEntry("d", ("c1", "c2")),
    )
)


@dataclass
class FakeTarget(Target):
    """A database that is at some revisions."""

    current: tuple[str, ...] = ()
    catalog: SchemaSnapshot = field(default_factory=lambda: SchemaSnapshot({}))
    invalid: tuple[str, ...] = ()

    def state(self, version_tables: Collection[str]) -> TargetState:
        """Return where it is; only the project knows where that is written."""
        assert version_tables == ("ops.versions",)
        return TargetState("postgresql://shop", "18.6", self.current, None, None, self.invalid)

    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return its catalog."""
        assert version_tables == ("ops.versions",)
        return self.catalog

    def count(self, destroyed: Iterable[Destroyed]) -> dict[str, int | None]:
        """Return that each has seven rows."""
        return {item.name: 7 for item in destroyed}

    def identity(self) -> TargetIdentity:
        """Return that of the shop."""
        return TARGET


@dataclass
class FakeProject(MigratedProject):
    """A project with the history of its trials."""

    trials: FakeTrials

    def history(self) -> History:
        """Return the history of the trials."""
        return self.trials.history()

    def version_tables(self) -> tuple[str, ...]:
        """Return a table of its own name."""
        return ("ops.versions",)

    def needs_pgvector(self) -> bool:
        """Return False."""
        return False

    def drift(self, target: Target, state: TargetState) -> Drift:
        """Return nothing, as nobody asks."""
        raise NotImplementedError


def made(
    trials: FakeTrials, target: FakeTarget, goal: str = "head", kept: tuple[Certificate, ...] = ()
) -> tuple[Plan, FakeCertificates]:
    """Return the plan of an upgrade, and the certificates that are kept then."""
    store = FakeCertificates(kept)

    @contextmanager
    def verifier() -> Iterator[VerifyRevisions]:
        yield VerifyRevisions(trials, trials, store)

    use_case = PlanUpgrade(FakeProject(trials), target, trials, AnalyzeRevisions(trials), verifier)
    return use_case(goal, Statistics.unknown()), store


def test_pending_revisions_become_steps() -> None:
    """Each with the hash of its file and what was proved; the goal is where the database will be."""
    trials = FakeTrials({"r1": ADDS, "r2": ADDS, "r3": ADDS}, files={"r3": "5f"})
    plan, store = made(trials, FakeTarget(("r1",)))

    assert [(step.revision, step.sha256) for step in plan.steps] == [("r2", "r2"), ("r3", "5f")]
    assert (plan.current, plan.goal, plan.target) == (("r1",), ("r3",), TARGET)
    assert [step.way_back.reversibility for step in plan.steps] == [Reversibility.EXACT] * 2
    assert [certificate.revision for certificate in store.kept] == ["r2", "r3"]


def test_what_was_proved_before_is_not_proved_again() -> None:
    """A valid certificate says what the downgrade loses; one of an older file is made anew."""
    proofs = ("compat", "repeat", "round-trip")
    valid = Certificate("r1", 18, "r1", 200, 1, Reversibility.LOSSY, {USERS: "users: 3 rows gone"}, proofs=proofs)
    outdated = replace(valid, revision="r2", sha256="older")
    trials = FakeTrials({"r1": ADDS, "r2": ADDS})
    plan, _ = made(trials, FakeTarget(), kept=(valid, outdated))

    assert dict(plan.steps[0].way_back.losses) == {USERS: "users: 3 rows gone"}
    assert plan.steps[1].way_back.reversibility is Reversibility.EXACT
    assert [asked for asked in trials.asked if asked.startswith("repeat")] == ["repeat r2"]


def test_at_its_goal_nothing_is_run() -> None:
    """The plan is empty, and nothing was tried for it."""
    trials = FakeTrials({"r1": ADDS})
    plan, _ = made(trials, FakeTarget(("r1",)))
    assert (plan.steps, plan.goal) == ((), ("r1",))
    assert not [asked for asked in trials.asked if asked.startswith("trace")]


def test_another_schema_is_another_plan() -> None:
    """A table that somebody has added meanwhile changes the hash."""
    before, _ = made(FakeTrials({"r1": ADDS}), FakeTarget())
    after, _ = made(FakeTrials({"r1": ADDS}), FakeTarget(catalog=SchemaSnapshot(table("public.new", "id"))))
    again, _ = made(FakeTrials({"r1": ADDS}), FakeTarget())
    assert before.hash() == again.hash() != after.hash()


@pytest.mark.parametrize(
    ("goal", "current", "expected"),
    [
        ("heads", (), ["a", "b", "c1", "c2", "d"]),
        ("c1", (), ["a", "b", "c1"]),
        ("c1", ("c2",), ["c1"]),
        ("+2", ("a",), ["b", "c1"]),
        ("d", ("c1", "c2"), ["d"]),
        ("d", ("d",), []),
    ],
)
def test_goals(goal: str, current: tuple[str, ...], expected: list[str]) -> None:
    """A revision with all that must come before it, or a number of pending ones."""
    assert [entry.revision for entry in pending_to(BRANCHED, current, goal)] == expected


@pytest.mark.parametrize(
    ("goal", "current", "sentence"),
    [
        ("b", ("d",), "b is applied already"),
        ("+9", ("a",), "only 4 revisions are pending, not 9"),
        ("zz", (), "there is no revision zz"),
        ("head", ("gone",), "the database is at gone, which this history does not have"),
    ],
)
def test_goals_that_cannot_be_reached(goal: str, current: tuple[str, ...], sentence: str) -> None:
    """A revision that the database is past, too many steps, and names that nobody has."""
    with pytest.raises(HistoryError, match=sentence):
        pending_to(BRANCHED, current, goal)
