"""Past deployments, put together from the entries of a journal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.deployment.plan import Interval

_DONE = frozenset({Event.COMMITTED, Event.UNDONE})
_OUTSIDE = 1.0  # seconds: a connection, env.py and the history of revisions, which a prediction does not have


@dataclass(frozen=True)
class PastStep:
    """What became of one revision in a deployment.

    Attributes:
        revision: Id of the revision.
        sha256: SHA-256 of its file, in hexadecimal.
        event: The last event: STARTED if no end is recorded, because it runs or was killed.
        attempts: Number of attempts.
        seconds: Duration of the last attempt without its waiting for locks; None if it is not known.
        waited: Seconds that all attempts waited for locks.
        blockers: Who was in the way, each once.
        message: What the database said last.
        predicted: Expected duration in seconds; None without an estimate.
    """

    revision: str
    sha256: str
    event: Event
    attempts: int
    seconds: float | None
    waited: float
    blockers: tuple[str, ...] = ()
    message: str = ""
    predicted: Interval | None = None

    @property
    def slower(self) -> bool:
        """Whether it took longer than expected, by more than what an attempt spends outside of its statements."""
        return self.seconds is not None and self.predicted is not None and self.seconds > self.predicted[1] + _OUTSIDE


@dataclass(frozen=True)
class PastDeployment:
    """One run of a deployment.

    Attributes:
        deployment: Its id.
        plan: Hash of its plan.
        database: The database; empty if the journal does not say it.
        who: Who ran it.
        version: Version of this tool.
        started: When its first entry was written, in UTC.
        ended: When its last entry was written.
        steps: What became of its revisions, in order; those that were not begun are not recorded.
    """

    deployment: str
    plan: str
    database: str
    who: str
    version: str
    started: datetime
    ended: datetime
    steps: tuple[PastStep, ...]

    @property
    def event(self) -> Event:
        """The last event of the first step that is not done; if all that were begun are done, that of the last."""
        return next((step.event for step in self.steps if step.event not in _DONE), self.steps[-1].event)


def past_deployments(entries: Iterable[JournalEntry]) -> tuple[PastDeployment, ...]:
    """Return the deployments of a journal, newest first.

    Args:
        entries: The entries, oldest first.
    """
    grouped: dict[str, list[JournalEntry]] = {}
    for entry in entries:
        grouped.setdefault(entry.deployment, []).append(entry)
    deployments = [_deployment(of_one) for of_one in grouped.values()]
    return tuple(sorted(deployments, key=lambda deployment: deployment.started, reverse=True))


def _deployment(entries: Sequence[JournalEntry]) -> PastDeployment:
    first, last = entries[0], entries[-1]
    by_revision: dict[str, list[JournalEntry]] = {}
    for entry in entries:
        by_revision.setdefault(entry.revision, []).append(entry)
    return PastDeployment(
        deployment=first.deployment,
        plan=first.plan,
        database=first.database,
        who=first.who,
        version=first.version,
        started=first.at,
        ended=last.at,
        steps=tuple(_step(of_one) for of_one in by_revision.values()),
    )


def _step(entries: Sequence[JournalEntry]) -> PastStep:
    last = entries[-1]
    waited: dict[int, float] = {}  # by attempt: each event of one tells how long it has waited until then
    for entry in entries:
        waited[entry.attempt] = max(waited.get(entry.attempt, 0.0), entry.waited)
    return PastStep(
        revision=last.revision,
        sha256=last.sha256,
        event=last.event,
        attempts=len(waited),
        seconds=None if last.seconds is None else max(0.0, last.seconds - waited[last.attempt]),
        waited=sum(waited.values()),
        blockers=tuple(dict.fromkeys(blocker for entry in entries for blocker in entry.blockers)),
        message=last.message,
        predicted=next((entry.predicted for entry in reversed(entries) if entry.predicted is not None), None),
    )
