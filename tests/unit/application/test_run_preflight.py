"""The use case behind `migrate preflight`: what is found in the project, beside what the database itself says."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from application.migration.analyze import AnalyzeRevisions
from application.migration.plan_upgrade import PlanUpgrade
from application.migration.ports.expected_schema import ExpectedSchema
from application.migration.ports.target_checks import TargetChecks
from application.migration.run_preflight import RunPreflight
from application.migration.verify import VerifyRevisions
from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.deployment.leftovers import Leftover
from domain.migration.deployment.plan import Plan
from domain.migration.deployment.plan_key import PlanKey
from domain.migration.deployment.preflight import Finding, Outcome, PreflightReport
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.errors import MigrationError, StalePlanError
from domain.migration.history import History, HistoryEntry
from domain.migration.locks import LockMode
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statistics import Statistics
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.round_trip import Reversibility
from tests.unit.application.deployment_fakes import FakeJournal
from tests.unit.application.migration_fakes import FakeCertificates, FakeTrials
from tests.unit.application.test_plan_upgrade import ADDS, FakeProject, FakeTarget
from tests.unit.domain.migration.traces import USERS, revision, step, table

SCHEMA = SchemaSnapshot(table("public.users", "id"))
BUILDS = revision(
    step("CREATE INDEX i ON users (name)", 1, LockMode.SHARE, indexes_built=("public.i",), built_on={"public.i": USERS})
)
LOSES = replace(ADDS, undone=DataDifference((DataChange(f"{USERS}.name", DataChangeKind.VALUES_GONE, 3, 9),)))


@dataclass(frozen=True)
class FakeExpectedSchema(ExpectedSchema):
    """Revisions that make one schema, or fail."""

    fails: bool = False

    def schema_at(self, revisions: Sequence[str]) -> SchemaSnapshot:
        """Return the schema of the revision that the tests apply."""
        assert list(revisions) == ["r1"]
        if self.fails:
            raise MigrationError("r1 cannot be run", "correct it")
        return SCHEMA


@dataclass
class FakeChecks(TargetChecks):
    """Checks that find what they were given, and remember the plan."""

    found: tuple[Finding, ...] = (Finding("rights", Outcome.PASSED, "the role owns what it alters"),)
    plans: list[Plan | None] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    def run(self, plan: Plan | None, leftovers: Collection[Leftover] = ()) -> tuple[Finding, ...]:
        """Return the findings."""
        self.plans.append(plan)
        self.leftovers += [leftover.index for leftover in leftovers]
        return self.found


@dataclass
class _TwoHeads(FakeTrials):
    def history(self) -> History:
        """Two revisions that follow the first."""
        return History((HistoryEntry("r1"), HistoryEntry("r2", ("r1",)), HistoryEntry("r3", ("r1",))))


def report_of(
    trials: FakeTrials,
    checks: FakeChecks | None = None,
    goal: str = "heads",
    *,
    catalog: SchemaSnapshot = SCHEMA,
    kept: tuple[Certificate, ...] = (),
    expected: FakeExpectedSchema | None = None,
    journal: FakeJournal | None = None,
    invalid: tuple[str, ...] = (),
    reviewed: PlanKey | None = None,
) -> PreflightReport:
    """Return the report on a database at r1."""
    store = FakeCertificates(kept)

    @contextmanager
    def verifier() -> Iterator[VerifyRevisions]:
        yield VerifyRevisions(trials, trials, store)

    target = FakeTarget(("r1",), catalog, invalid)
    planner = PlanUpgrade(FakeProject(trials), target, trials, AnalyzeRevisions(trials), verifier)
    run = RunPreflight(
        planner, expected or FakeExpectedSchema(), store, checks or FakeChecks(), journal or FakeJournal()
    )
    return run(goal, Statistics.unknown(), reviewed=reviewed)


def outcomes(report: PreflightReport) -> dict[str, Outcome]:
    """Return the outcome of each check."""
    return {finding.check: finding.outcome for finding in report.findings}


def test_all_is_well() -> None:
    """Each check says so, and those of the database got the plan."""
    checks = FakeChecks()
    report = report_of(FakeTrials({"r1": ADDS, "r2": ADDS}), checks)

    assert not report.failed
    names = ("heads", "applied-files", "drift", "safety", "way-back", "rights")
    assert outcomes(report) == dict.fromkeys(names, Outcome.PASSED)
    assert checks.plans == [report.plan]
    assert report.plan is not None
    assert [planned.revision for planned in report.plan.steps] == ["r2"]


def test_the_worst_comes_first() -> None:
    """What failed, then what was not read, then warnings; what was not read is no reason to begin."""
    found = tuple(Finding(outcome.value, outcome, "found") for outcome in reversed(Outcome))
    report = report_of(FakeTrials({"r1": ADDS, "r2": ADDS}), FakeChecks(found))
    assert [finding.outcome for finding in report.findings][:3] == list(Outcome)[:3]
    assert report.failed
    assert PreflightReport.of(None, [Finding("sessions", Outcome.NOT_READ, "hidden")]).failed
    assert not PreflightReport.of(None, [Finding("sessions", Outcome.WARNING, "busy")]).failed
    assert report.count(Outcome.WARNING) == 1


@pytest.mark.parametrize(
    ("trials", "check", "outcome", "sentence"),
    [
        (FakeTrials({"r1": ADDS, "r2": BUILDS}), "safety", Outcome.FAILED, "r2 is unsafe: blocking-index-build"),
        (FakeTrials({"r1": ADDS, "r2": LOSES}), "way-back", Outcome.WARNING, "the way back from r2 is not proved"),
        (_TwoHeads({"r1": ADDS, "r2": ADDS, "r3": ADDS}), "heads", Outcome.FAILED, "there are 2 heads: r2, r3"),
    ],
)
def test_what_is_wrong_with_the_revisions(trials: FakeTrials, check: str, outcome: Outcome, sentence: str) -> None:
    """It is named with what to do about it."""
    report = report_of(trials)
    (finding,) = [finding for finding in report.findings if finding.check == check]
    assert finding.outcome is outcome
    assert finding.message.startswith(sentence)
    assert finding.remedy


def test_a_schema_that_somebody_has_changed() -> None:
    """The first differences are named; it is not known where the revisions cannot be run."""
    trials = FakeTrials({"r1": ADDS, "r2": ADDS})
    changed = SchemaSnapshot({**SCHEMA.objects, **table("public.users", *"abcdefgh")})
    drifted = report_of(trials, catalog=changed)
    (finding,) = [finding for finding in drifted.findings if finding.check == "drift"]
    assert finding.outcome is Outcome.FAILED
    assert finding.message.endswith("and 3 more")
    unknown = report_of(trials, expected=FakeExpectedSchema(fails=True))
    assert outcomes(unknown)["drift"] is Outcome.NOT_READ


def test_an_applied_file_that_has_changed() -> None:
    """A new database would get another schema than this one has."""
    older = Certificate("r1", 18, "older", 200, 1, Reversibility.EXACT)
    report = report_of(FakeTrials({"r1": ADDS, "r2": ADDS}), kept=(older,))
    assert outcomes(report)["applied-files"] is Outcome.FAILED


def test_without_a_plan_the_database_is_checked_all_the_same() -> None:
    """A goal that nobody knows is a finding, and the checks that need no plan are made."""
    checks = FakeChecks()
    report = report_of(FakeTrials({"r1": ADDS, "r2": ADDS}), checks, "zz")
    assert report.plan is None
    assert outcomes(report) == {"revisions": Outcome.FAILED, "heads": Outcome.PASSED, "rights": Outcome.PASSED}
    assert checks.plans == [None]


BUILDS_BESIDE = revision(
    replace(
        step(
            "CREATE INDEX CONCURRENTLY i ON users (name)",
            None,
            indexes_built=("public.i",),
            built_on={"public.i": USERS},
        ),
        locks={USERS: LockMode.SHARE_UPDATE_EXCLUSIVE},
        cannot_run_in_transaction=True,
    )
)
WITH_INDEX = SchemaSnapshot({**table("public.users", "id"), ("index", "public.i"): {"table": USERS}})


@pytest.mark.parametrize(("event", "is_ours"), [(Event.STARTED, True), (Event.FAILED, True), (Event.COMMITTED, False)])
def test_an_index_that_an_earlier_attempt_has_left(event: Event, is_ours: bool) -> None:
    """It is no drift, and the checks know it; after a commit an invalid index is somebody else's."""
    checks, journal = FakeChecks(), FakeJournal()
    journal.entries.append(JournalEntry("d0", "p0", "r2", "r2", 1, event, datetime.now(UTC)))
    trials = FakeTrials({"r1": ADDS, "r2": BUILDS_BESIDE})
    report = report_of(trials, checks, catalog=WITH_INDEX, journal=journal, invalid=("public.i",))
    assert checks.leftovers == (["public.i"] if is_ours else [])
    assert outcomes(report)["drift"] is (Outcome.PASSED if is_ours else Outcome.FAILED)


def test_a_reviewed_plan_has_the_goal() -> None:
    """It is planned again up to where the reviewed plan leads, and refused if that is something else now."""
    trials = FakeTrials({"r1": ADDS, "r2": ADDS, "r3": ADDS})
    reviewed = report_of(trials, goal="r2").plan
    assert reviewed is not None
    again = report_of(trials, reviewed=reviewed.key).plan
    assert again is not None
    assert (again.goal, again.hash()) == (("r2",), reviewed.hash())
    with pytest.raises(StalePlanError, match="the file of r2 has changed since"):
        report_of(FakeTrials({"r1": ADDS, "r2": ADDS, "r3": ADDS}, files={"r2": "other"}), reviewed=reviewed.key)
