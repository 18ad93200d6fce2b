"""The journal of deployments: what was tried on a database, when, by whom, and how it ended."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from domain.migration.deployment.plan import Interval


class Event(Enum):
    """What happened to an attempt of a step.

    Attributes:
        STARTED: It begins; the entry is written before the database is touched.
        COMMITTED: It is done.
        UNDONE: It is done, and was the downgrade of the revision.
        GAVE_WAY: A lock timeout or a deadlock ended it, and it is tried again.
        FAILED: An error ended it.
        INTERRUPTED: The user ended it.
        UNKNOWN: The connection was lost, so that the database has to be asked what became of it.
    """

    STARTED = "started"
    COMMITTED = "committed"
    UNDONE = "undone"
    GAVE_WAY = "gave way"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class JournalEntry:
    """An event of an attempt to apply one revision.

    Attributes:
        deployment: Id of one run of a deployment.
        plan: Hash of its plan.
        revision: Id of the revision.
        sha256: SHA-256 of the revision's file, in hexadecimal.
        attempt: Number of the attempt, from 1.
        event: What happened.
        at: When, in UTC.
        seconds: Duration of the attempt; None if it has only begun, or if the duration is not known.
        waited: Seconds of it that it waited for locks.
        blockers: Who was in the way, each in words.
        message: What the database said; empty if nothing has to be said.
        who: User and host of the operating system, and the role of the database.
        version: Version of this tool.
        predicted: Expected duration at the target, in seconds; None without an estimate.
        database: The database; the journal fills it in.
    """

    deployment: str
    plan: str
    revision: str
    sha256: str
    attempt: int
    event: Event
    at: datetime
    seconds: float | None = None
    waited: float = 0.0
    blockers: tuple[str, ...] = ()
    message: str = ""
    who: str = ""
    version: str = ""
    predicted: Interval | None = None
    database: str = field(default="", compare=False)
