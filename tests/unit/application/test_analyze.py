"""The use case behind `migrate analyze`: what is run, what is asked, and when somebody should look."""

from dataclasses import replace

import pytest

from application.migration.analyze import AnalysisReport, AnalyzeRevisions, revisions_to_analyze
from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.diagnostic import Severity
from domain.migration.history import HistoryEntry
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RevisionTrace
from tests.unit.application.migration_fakes import FakeTrials
from tests.unit.domain.migration.traces import BASE, USERS, column, revision, step, updated

PLAIN = revision(step("ALTER TABLE", 1, LockMode.ACCESS_EXCLUSIVE), after={**BASE, **column(f"{USERS}.plan")})
WRITES = revision(step("UPDATE", rows=updated()))


def analyze(trials: FakeTrials, wanted: str = "base:heads", start_after: str = "") -> AnalysisReport:
    """Analyze without a target."""
    return AnalyzeRevisions(trials)(wanted, Statistics.unknown(), start_after=start_after)


def test_a_range_is_run_in_its_order() -> None:
    """Each revision once; what the sandbox runs on stands in the report."""
    trials = FakeTrials({"r1": PLAIN, "r2": WRITES})
    report = analyze(trials)

    assert trials.asked[:2] == ["trace r1", "trace r2"]
    assert [one.trace.revision for one in report.revisions] == ["r1", "r2"]
    assert [one.verdict for one in report.revisions] == ["safe", "unsafe"]
    assert (report.postgres, report.pgvector, report.unjudged) == ("18.6", "0.8.1", 0)


def test_the_only_one_need_not_leave_its_state() -> None:
    """Nothing follows it, so that its downgrade needs no copy; nor is asked what runs together."""
    trials = FakeTrials({"r1": PLAIN, "r2": PLAIN})
    analyze(trials, "r2")

    assert trials.asked == ["trace r2 alone"]


def test_what_is_older_than_the_start_is_counted_and_not_run() -> None:
    """Up to `start_after` nothing is judged."""
    trials = FakeTrials({"r1": WRITES, "r2": WRITES, "r3": PLAIN})
    report = analyze(trials, start_after="r2")

    assert [one.trace.revision for one in report.revisions] == ["r3"]
    assert report.unjudged == 2


def test_a_history_without_revisions_is_told_from_a_range_without() -> None:
    """Both reports are empty, and only one of the projects has nothing to judge."""
    assert analyze(FakeTrials({})).is_history_empty
    nothing = analyze(FakeTrials({"r1": PLAIN}), "r1:r1")
    assert (nothing.revisions, nothing.is_history_empty) == ((), False)


def test_what_the_target_knows_is_measured_on_growing_tables() -> None:
    """Only work on tables whose size is known is worth doubled rows."""
    known = Statistics({USERS: TableStatistics(1_000_000, 10**8)})
    trials = FakeTrials({"r1": WRITES, "r2": PLAIN})
    report = AnalyzeRevisions(trials)("base:heads", known)

    assert [one for one in trials.asked if one.startswith("calibrate")] == [f"calibrate r1 on {USERS}"]
    assert [len(one.trace.calibration) for one in report.revisions] == [1, 0]


def test_each_trial_ends_before_the_next_begins() -> None:
    """No database of a revision outlives its analysis, and no trial is asked after its end."""
    trials = FakeTrials({"r1": PLAIN, "r2": WRITES})
    analyze(trials)

    assert [(one.trace.revision, one.ended) for one in trials.begun] == [("r1", True), ("r2", True)]


def test_seconds_of_a_deployment_stand_beside_their_revision() -> None:
    """A revision that was not deployed has none."""
    report = AnalyzeRevisions(FakeTrials({"r1": PLAIN, "r2": PLAIN}))(
        "base:heads", Statistics.unknown(), observed={"r2": 1.5}
    )

    assert [one.observed_seconds for one in report.revisions] == [None, 1.5]


def test_progress_is_told_before_each() -> None:
    """How many are done, how many there are, and which comes."""
    told: list[tuple[int, int, str]] = []

    def progress(done: int, count: int, entry: HistoryEntry) -> None:
        told.append((done, count, entry.revision))

    AnalyzeRevisions(FakeTrials({"r1": PLAIN, "r2": PLAIN}))("base:heads", Statistics.unknown(), progress)

    assert told == [(0, 2, "r1"), (1, 2, "r2")]


def test_one_transaction_is_tried_where_the_project_has_one() -> None:
    """What fails there and not alone is an error of the revision that fails; what is behind a failure is left out."""
    shared = SharedTransaction("env.py", 7, begun_outside=False)
    fails = revision(step("ALTER", error="no"), error="no")
    trials = FakeTrials({"r1": PLAIN, "r2": PLAIN, "r3": fails}, shared=shared, joint=JointFailure("r2", "unsafe use"))
    report = analyze(trials)

    assert "together r1 r2" in trials.asked
    assert "fails-in-one-transaction" in {one.code for one in report.revisions[1].diagnostics}


def test_a_revision_alone_in_a_transaction_is_not_tried_again() -> None:
    """What is behind a failure is left out, and the one before it has run alone already."""
    shared = SharedTransaction("env.py", 7, begun_outside=False)
    fails = revision(step("ALTER", error="no"), error="no")
    trials = FakeTrials({"r1": PLAIN, "r2": fails}, shared=shared, joint=JointFailure("r1", "unsafe use"))
    report = analyze(trials)

    assert not [question for question in trials.asked if question.startswith("together")]
    assert "fails-in-one-transaction" not in {one.code for one in report.revisions[0].diagnostics}


@pytest.mark.parametrize(
    "stopped",
    [revision(step("ALTER", error="no")), revision(step("ALTER"), error="no"), revision(not_run="r0 fails")],
    ids=["a statement that failed", "an error of Python", "not run"],
)
def test_what_is_behind_a_revision_that_did_not_run_through_is_left_out(stopped: RevisionTrace) -> None:
    """Only what has run alone can be expected to run together."""
    shared = SharedTransaction("env.py", 7, begun_outside=False)
    trials = FakeTrials({"r1": PLAIN, "r2": PLAIN, "r3": stopped, "r4": PLAIN}, shared=shared)
    analyze(trials)

    assert [question for question in trials.asked if question.startswith("together")] == ["together r1 r2"]


def test_separate_transactions_are_not_tried_together() -> None:
    """The question is asked once."""
    trials = FakeTrials({"r1": PLAIN, "r2": PLAIN})
    analyze(trials)

    assert trials.asked.count("shared transaction") == 1
    assert not [one for one in trials.asked if one.startswith("together")]


@pytest.mark.parametrize(
    ("trace", "error", "warning"),
    [
        (PLAIN, False, False),
        (WRITES, True, True),
        (replace(PLAIN, safety_assured={"table-rewrite": "small"}), False, True),
        (revision(not_run="r0 fails"), True, True),
        (revision(step("UPDATE", rows=updated()), safety_assured={"unbatched-write": "few rows"}), False, False),
    ],
)
def test_when_somebody_should_look(trace: RevisionTrace, error: bool, warning: bool) -> None:
    """On errors, on warnings where these are asked for, on what could not be run; not on what is suppressed."""
    report = analyze(FakeTrials({"r1": trace}))

    assert report.fails_on(Severity.ERROR) is error
    assert report.fails_on(Severity.WARNING) is warning


def test_which_revisions_are_analyzed() -> None:
    """Those that are named; else what a target has not applied; else, without a target, the last one."""
    history = FakeTrials(dict.fromkeys(("r1", "r2", "r3"), revision())).history()

    def ids(named: str | list[str] | None, applied: tuple[str, ...] | None) -> list[str]:
        at = None if applied is None else lambda: applied
        return [entry.revision for entry in revisions_to_analyze(history, named, at)]

    assert ids("r1:r2", ("r1",)) == ["r2"]
    assert ids(["r3", "r1"], None) == ["r1", "r3"]
    assert ids(None, ("r1",)) == ["r2", "r3"]
    assert ids(None, None) == ["r3"]
