"""The use case behind `migrate deploy`: what is applied, recorded and told, whatever an attempt ends in."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from domain.migration.deployment.backup import BackupError, BackupScope
from domain.migration.deployment.deployment import Attempted, Ending
from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.deployment.plan import Step
from domain.migration.deployment.preflight import Finding, Outcome
from domain.migration.errors import StalePlanError
from tests.unit.application.deployment_fakes import (
    AFTER,
    APPLIED,
    BEFORE,
    GAVE_WAY,
    Deployment,
    FakeApplier,
    FakeExpected,
    FakeJournal,
    FakeProbes,
    FakeTaker,
)
from tests.unit.application.test_plan_upgrade import FakeTarget
from tests.unit.domain.migration.deployment.plans import planned


def test_applies_all_steps_and_verifies() -> None:
    """Each step is told and recorded, its file kept, and the database compared with what the revisions make."""
    deployment = Deployment()
    report = deployment.run()

    assert not report.failed
    assert (report.current, report.not_done) == (("r3",), ())
    assert [finding.outcome for finding in report.findings] == [Outcome.PASSED] * 3
    assert deployment.told.lines == ["1/2 r2", "r2 1 applied", "2/2 r3", "r3 1 applied", "verifies"]
    assert deployment.journal.files == {"sha of r2": b"file of r2", "sha of r3": b"file of r3"}
    assert not deployment.lock.is_held
    entries = deployment.journal.read()
    assert [(entry.revision, entry.event, entry.attempt) for entry in entries] == [
        ("r2", Event.STARTED, 1),
        ("r2", Event.COMMITTED, 1),
        ("r3", Event.STARTED, 1),
        ("r3", Event.COMMITTED, 1),
    ]
    assert {(entry.deployment, entry.plan, entry.who, entry.version) for entry in entries} == {
        (entries[0].deployment, deployment.plan.hash(), "ada@desk", "1.0")
    }
    assert (entries[1].seconds, entries[1].predicted, entries[1].sha256) == (0.5, (0.01, 0.02), "sha of r2")


def test_tries_again_what_gave_way() -> None:
    """A lock timeout or a deadlock is tried again until the step is applied; each attempt has its record."""
    deployment = Deployment((GAVE_WAY, GAVE_WAY))
    report = deployment.run()

    assert not report.failed
    assert [len(step.attempts) for step in report.steps] == [3, 1]
    assert report.steps[0].waited == 4.0
    assert report.steps[0].seconds == pytest.approx(0.7)
    second = deployment.journal.read()[3]
    assert (second.event, second.attempt, second.blockers, second.message) == (
        Event.GAVE_WAY,
        2,
        ("process 7",),
        "lock timeout",
    )


@pytest.mark.parametrize(
    ("ending", "event"),
    [
        (Ending.FAILED, Event.FAILED),
        (Ending.GAVE_UP, Event.FAILED),
        (Ending.INTERRUPTED, Event.INTERRUPTED),
        (Ending.LOST, Event.FAILED),
    ],
)
def test_stops_at_what_fails_otherwise(ending: Ending, event: Event) -> None:
    """Nothing after it is begun; the report has the state, and all that was not done."""
    deployment = Deployment((replace(APPLIED, ending=ending, message="why", hint="do this"),))
    report = deployment.run()

    assert report.failed
    assert report.interrupted is (ending is Ending.INTERRUPTED)
    assert (report.current, [step.revision for step in report.not_done]) == (("r1",), ["r2", "r3"])
    assert report.last_attempt is not None
    assert (report.last_attempt.message, report.last_attempt.hint) == ("why", "do this")
    assert deployment.told.lines == ["1/2 r2", f"r2 1 {ending.value}"]
    assert [entry.event for entry in deployment.journal.read()] == [Event.STARTED, event]
    assert report.findings == ()
    assert deployment.journal.files == {}


def test_asks_the_database_what_became_of_a_lost_attempt() -> None:
    """A connection that is lost after the commit has applied the revision: the deployment goes on with the next."""
    deployment = Deployment((replace(APPLIED, ending=Ending.LOST),), applies_lost=True)
    report = deployment.run()

    assert not report.failed
    assert [step.applied for step in report.steps] == [True, True]
    assert deployment.journal.read()[1].event is Event.COMMITTED


def test_knows_nothing_if_the_database_cannot_be_asked() -> None:
    """A server that is gone leaves the revision neither applied nor missing, and the report says so."""
    deployment = Deployment((replace(APPLIED, ending=Ending.LOST),))
    states = iter([deployment.target.state(("ops.versions",))])

    class Gone(FakeTarget):
        def state(self, version_tables: object) -> object:  # type: ignore[override]
            del version_tables
            return next(states)

    target = Gone(("r1",), BEFORE)
    object.__setattr__(deployment.deploy, "target", target)
    report = deployment.run()

    assert (report.current, report.steps[0].applied, report.failed) == (None, None, True)
    assert [step.revision for step in report.not_done] == ["r2", "r3"]
    assert deployment.journal.read()[1].event is Event.UNKNOWN


def test_stops_between_two_steps() -> None:
    """Ctrl-C ends the deployment after the step that runs, which is applied as a whole."""
    report = Deployment(stop_after=1).run()
    assert (report.current, [step.revision for step in report.not_done]) == (("r2",), ["r3"])
    assert not report.interrupted


def test_does_not_try_again_once_it_shall_stop() -> None:
    """A step that has given way is not begun again by a deployment that shall stop."""
    report = Deployment((GAVE_WAY,), stop_after=0).run()
    assert [len(step.attempts) for step in report.steps] == [1]
    assert report.current == ("r1",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"current": ("r2",)}, "the database is at r2 now"),
        ({"catalog": AFTER}, "the schema has changed since"),
    ],
)
def test_refuses_a_plan_that_is_out_of_date(change: dict[str, object], words: str) -> None:
    """Nothing is written if the database has moved since the plan was shown."""
    deployment = Deployment()
    for name, value in change.items():
        setattr(deployment.target, name, value)
    with pytest.raises(StalePlanError, match=words):
        deployment.run()
    assert deployment.journal.read() == ()


def test_refuses_a_plan_whose_files_have_changed() -> None:
    """Nothing is written if the file of a revision is another one now."""
    deployment = Deployment()
    deployment.plan = replace(deployment.plan, steps=(planned("r2"), planned("r3", sha256="of another file")))
    with pytest.raises(StalePlanError, match="the file of r3 has changed since"):
        deployment.run()
    assert deployment.journal.read() == ()


def test_begins_nothing_that_it_cannot_record() -> None:
    """A journal that refuses an entry ends the deployment before the database is touched; the report has the rest."""
    deployment = Deployment(journal=FakeJournal(room=0))
    report = deployment.run()
    assert report.last_attempt is not None
    assert (report.last_attempt.message, report.last_attempt.hint) == ("the disk is full", "make room")
    assert (report.current, deployment.target.current) == (("r1",), ("r1",))
    later = Deployment(journal=FakeJournal(room=2)).run()
    assert (later.current, [step.revision for step in later.not_done]) == (("r2",), ["r3"])


def test_stops_when_it_is_not_alone_any_more() -> None:
    """Without the lock another deployment may run: nothing more is begun, and the report says where the database is."""
    deployment = Deployment()
    deployment.lock.lost_after = 1
    report = deployment.run()
    assert report.last_attempt is not None
    assert "another one may have begun" in report.last_attempt.message
    assert (report.current, [step.revision for step in report.not_done]) == (("r2",), ["r3"])


def test_reports_what_was_applied_though_it_cannot_be_verified() -> None:
    """A database that goes away after the last step does not take the report with it."""

    class Gone(FakeProbes):
        def run(self) -> tuple[Finding, ...]:
            raise ConnectionError("the server is gone")

    report = Deployment(probes=Gone()).run()
    assert (report.current, report.not_done, report.failed) == (("r3",), (), True)
    assert report.findings[-1].message == "the database could not be looked at: the server is gone"


def test_an_interruption_between_two_attempts_is_reported() -> None:
    """Ctrl-C while an attempt is recorded ends the deployment with its state, as one in the midst of a step does."""

    class Interrupted(FakeJournal):
        def write(self, entry: JournalEntry) -> None:
            super().write(entry)
            if entry.revision == "r3":
                raise KeyboardInterrupt

    report = Deployment(journal=Interrupted()).run()
    assert report.interrupted
    assert (report.current, [step.revision for step in report.not_done]) == (("r2",), ["r3"])


def test_stops_where_the_journal_ends() -> None:
    """An applied step whose record is missing is told as applied, and nothing after it is begun."""
    report = Deployment(journal=FakeJournal(room=1)).run()
    (step,) = report.steps
    assert (step.applied, step.unrecorded, report.current) == (True, "the disk is full", ("r2",))
    assert report.failed


def test_a_schema_that_the_revisions_do_not_make_is_found() -> None:
    """All steps are applied, and still something is wrong: the report says what."""
    report = Deployment(expected=FakeExpected(BEFORE)).run()
    assert report.failed
    assert not report.not_done
    failed = [finding for finding in report.findings if finding.outcome is Outcome.FAILED]
    assert [finding.check for finding in failed] == ["schema"]
    assert "public.users.plan" in failed[0].message


def test_a_probe_that_fails_is_found() -> None:
    """The user's own checks count like those of the schema."""
    report = Deployment(probes=FakeProbes((Finding("probe", Outcome.FAILED, "health: exit code 1"),))).run()
    assert report.failed
    assert report.findings[-1].message == "health: exit code 1"


def test_saves_what_the_plan_touches_before_the_first_step() -> None:
    """The backup is complete before anything is begun, and the report says where it is."""
    deployment = Deployment(scope=BackupScope.TOUCHED)
    deployment.plan = replace(deployment.plan, touched=frozenset({"public.users"}))
    report = deployment.run()
    assert deployment.taker.asked == [(BackupScope.TOUCHED, frozenset({"public.users"}))]
    assert deployment.told.lines[:3] == ["copies public.users 0/1", "saved backups/1", "1/2 r2"]
    assert report.backup is not None
    assert report.backup.path == "backups/1"


def test_begins_nothing_without_its_backup() -> None:
    """A backup that fails ends the deployment before the database or the journal is touched."""
    deployment = Deployment(scope=BackupScope.FULL, taker=FakeTaker(error="no space left"))
    with pytest.raises(BackupError, match="no space left"):
        deployment.run()
    assert (deployment.target.current, deployment.journal.read()) == (("r1",), ())
    assert deployment.told.lines == []


def test_drops_what_an_earlier_attempt_has_left() -> None:
    """An invalid index of a revision that was begun and not committed goes; another one stays, and is found."""
    deployment = Deployment()
    builds = planned("r2", builds={"public.names": "public.users"})
    deployment.plan = replace(deployment.plan, steps=(builds, planned("r3")))
    others: tuple[str, ...] = ("public.others",)
    deployment.target.invalid = ("public.names", *others)
    left = JournalEntry("d0", "p0", "r2", "sha of r2", 1, Event.STARTED, datetime.now(UTC))
    deployment.journal.entries.append(left)
    report = deployment.run()
    assert deployment.told.lines[:3] == ["1/2 r2", "dropped public.names", "r2 1 applied"]
    assert deployment.target.invalid == others
    assert [finding.check for finding in report.findings if finding.outcome is Outcome.FAILED] == ["invalid-indexes"]


def test_an_index_that_cannot_be_dropped_ends_the_step() -> None:
    """The step is not begun, and the report says why."""
    deployment = Deployment()
    deployment.plan = replace(
        deployment.plan, steps=(planned("r2", builds={"public.names": "public.users"}), planned("r3"))
    )
    deployment.target.invalid = ("public.names",)
    entry = JournalEntry("d0", "p0", "r2", "sha of r2", 1, Event.UNKNOWN, datetime.now(UTC))
    deployment.journal.entries.append(entry)
    deployment.indexes.error = "it is locked"
    report = deployment.run()
    assert report.last_attempt is not None
    assert (report.last_attempt.ending, report.last_attempt.message) == (Ending.FAILED, "it is locked")
    assert (report.current, len(deployment.journal.entries)) == (("r1",), 1)


@dataclass
class _Unchanged(FakeApplier):
    """Says that it has applied what it has not."""

    def apply(self, step: Step) -> Attempted:
        """Return that all is well."""
        assert step.revision
        return APPLIED


def test_a_revision_that_is_not_there_afterwards_is_found() -> None:
    """What the database says counts: it names where it is, and where it was to be."""
    deployment = Deployment()
    deployment.target.current = ()
    deployment.plan = replace(deployment.plan, current=())
    deployment.deploy = replace(deployment.deploy, applier=_Unchanged(deployment.target))
    report = deployment.run()
    (found,) = [finding for finding in report.findings if finding.check == "revisions"]
    assert (found.outcome, found.message) == (
        Outcome.FAILED,
        "the database is at no revision, and not at r3",
    )
    assert report.failed
