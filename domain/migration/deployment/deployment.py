"""What a deployment did: its attempts, where the database stands, and what is left to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from domain.migration.deployment.backup import Backup
from domain.migration.deployment.plan import Plan, Step
from domain.migration.deployment.preflight import Finding, Outcome


class Ending(Enum):
    """How an attempt of a step ended.

    Attributes:
        APPLIED: The revision is applied, or its downgrade is.
        GAVE_WAY: A lock timeout or a deadlock ended it; it may be tried again.
        GAVE_UP: The deadline for its locks is over.
        FAILED: The revision or env.py failed.
        INTERRUPTED: The user ended it.
        LOST: The connection was lost in the midst of it.
    """

    APPLIED = "applied"
    GAVE_WAY = "gave way"
    GAVE_UP = "gave up"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "lost"


@dataclass(frozen=True)
class Attempted:
    """An attempt to apply a revision.

    Attributes:
        ending: How it ended.
        seconds: Its duration.
        waited: Seconds of it in which it waited for a moment to take its locks.
        blockers: Sessions that were in the way, each in words.
        message: Why it was not applied; empty if it was.
        hint: What helps.
        traceback: Where Python failed; empty if the database or Alembic says enough.
    """

    ending: Ending
    seconds: float
    waited: float = 0.0
    blockers: tuple[str, ...] = ()
    message: str = ""
    hint: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class DeployedStep:
    """A step that was begun.

    Attributes:
        step: The step.
        attempts: Its attempts, in order.
        applied: Whether the database is where the step leads to: it has the revision, or has it no more after a
            downgrade. None if the database could not be asked.
        unrecorded: Why the journal does not have the last attempt; empty if it has.
    """

    step: Step
    attempts: tuple[Attempted, ...]
    applied: bool | None
    unrecorded: str = ""

    @property
    def seconds(self) -> float:
        """Duration of all attempts."""
        return sum(attempt.seconds for attempt in self.attempts)

    @property
    def waited(self) -> float:
        """Seconds for which all attempts waited for locks."""
        return sum(attempt.waited for attempt in self.attempts)


@dataclass(frozen=True)
class DeploymentReport:
    """What a deployment did.

    Attributes:
        plan: What was to be done.
        steps: The steps that were begun, in order.
        current: Revisions that the database is at now; None if it could not be asked.
        findings: What was looked at afterwards; empty if not all steps were applied.
        backup: What was saved before the first step; None for nothing.
    """

    plan: Plan
    steps: tuple[DeployedStep, ...]
    current: tuple[str, ...] | None
    findings: tuple[Finding, ...] = ()
    backup: Backup | None = None

    @property
    def not_done(self) -> tuple[Step, ...]:
        """Steps that are not done, or may not be done."""
        done = {deployed.step.revision for deployed in self.steps if deployed.applied}
        return tuple(step for step in self.plan.steps if step.revision not in done)

    @property
    def failed(self) -> bool:
        """Whether a step or its record is missing, or something is wrong afterwards."""
        is_unrecorded = any(step.unrecorded for step in self.steps)
        is_wrong = any(finding.outcome in {Outcome.FAILED, Outcome.NOT_READ} for finding in self.findings)
        return bool(self.not_done) or is_unrecorded or is_wrong

    @property
    def interrupted(self) -> bool:
        """Whether the user ended the last step."""
        return self.last_attempt is not None and self.last_attempt.ending is Ending.INTERRUPTED

    @property
    def last_attempt(self) -> Attempted | None:
        """The last attempt; None if no step was begun."""
        return self.steps[-1].attempts[-1] if self.steps else None


def state_of(current: Sequence[str] | None) -> str:
    """Return a sentence on where a database is."""
    if current is None:
        return "Which revisions the database has could not be read."
    return f"The database is at {', '.join(current) or 'no revision'}."
