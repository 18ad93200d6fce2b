"""Past deployments from a journal, with a fake that holds a state."""

from dataclasses import dataclass, field, replace

from application.migration.ports.journal import Journal
from application.migration.read_history import ReadHistory
from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.deployment.past import PastStep
from tests.unit.domain.migration.deployment.journals import START, entry


@dataclass
class FakeJournal(Journal):
    """A journal in memory."""

    entries: list[JournalEntry] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, entry: JournalEntry) -> None:
        """Append an entry."""
        self.entries.append(entry)

    def read(self) -> tuple[JournalEntry, ...]:
        """Return all entries."""
        return tuple(self.entries)

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:  # noqa: ARG002
        """Keep a file."""
        self.files.setdefault(sha256, content)

    def kept_file(self, sha256: str) -> bytes | None:
        """Return a kept file."""
        return self.files.get(sha256)


def journal(*entries: JournalEntry) -> FakeJournal:
    """Return a journal in which entries were written."""
    made = FakeJournal()
    for one in entries:
        made.write(one)
    return made


def test_attempts_make_a_step() -> None:
    """Waiting is summed over the attempts, blockers are named once, and the duration is that of the work alone."""
    blockers = ("pid 7", "pid 8")
    read = journal(
        entry(Event.STARTED, 0, predicted=(1.0, 1.5)),
        entry(Event.GAVE_WAY, 1, seconds=0.5, waited=0.5, blockers=blockers, message="lock timeout"),
        entry(Event.STARTED, 2, attempt=2, predicted=(1.0, 1.5)),
        entry(Event.UNKNOWN, 3, attempt=2, seconds=3.0, waited=0.25, blockers=blockers[:1], message="lost"),
        entry(Event.COMMITTED, 4, attempt=2, seconds=3.0, waited=0.25),
    )
    (deployment,) = ReadHistory(read, "here")().deployments

    (step,) = deployment.steps
    assert step == PastStep("a1", "sha of a1", Event.COMMITTED, 2, 2.75, 0.75, blockers, "", (1.0, 1.5))
    assert (step.slower, replace(step, predicted=(1.0, 1.8)).slower) == (True, False)
    assert (deployment.started, deployment.event) == (START, Event.COMMITTED)
    assert (deployment.ended - deployment.started).total_seconds() == 240


def test_a_deployment_is_as_its_first_step_that_is_not_done() -> None:
    """A step without an end is not taken for a failure, nor for a success."""
    read = journal(
        entry(Event.STARTED, 0),
        entry(Event.COMMITTED, 1, seconds=1.0),
        entry(Event.STARTED, 2, revision="b2"),
    )
    (deployment,) = ReadHistory(read, "here")().deployments
    assert [step.event for step in deployment.steps] == [Event.COMMITTED, Event.STARTED]
    assert deployment.event is Event.STARTED
    assert deployment.steps[1].seconds is None


def test_newest_first() -> None:
    """Of two deployments at once each has its entries, and a limit takes the newest."""
    read = journal(
        entry(Event.STARTED, 0),
        entry(Event.STARTED, 1, deployment="d2"),
        entry(Event.COMMITTED, 2, seconds=1.0),
        entry(Event.FAILED, 3, deployment="d2", message="no"),
    )
    whole, newest = ReadHistory(read, "here")(), ReadHistory(read, "here")(1)
    assert [(one.deployment, one.event) for one in whole.deployments] == [("d2", Event.FAILED), ("d1", Event.COMMITTED)]
    assert ([one.deployment for one in newest.deployments], newest.count) == (["d2"], 2)
    assert ReadHistory(journal(), "here")().deployments == ()
