"""The plan of an upgrade: its steps, what waits for them at the target, and the way back from each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from domain.migration.deployment.lock_policy import USUAL, LockPolicy
from domain.migration.deployment.plan_key import PlanKey
from domain.migration.locks import LockMode
from domain.migration.revision import Phase
from domain.migration.verification.round_trip import Reversibility

Interval = tuple[float, float]
"""Shortest and longest expected seconds."""


@dataclass(frozen=True)
class TargetIdentity:
    """What tells a database from all others, whatever address leads to it.

    Attributes:
        database: Its name.
        system_identifier: The number that its cluster got when it was created; None if the role may not read it.
        address: Where it is, as it may be printed.
        postgres: Version of the server, such as `18.6`.
    """

    database: str
    system_identifier: str | None
    address: str = field(compare=False)
    postgres: str = field(compare=False)

    @property
    def name(self) -> str:
        """Its name with what tells it from others of that name: the number of its cluster, or else its address."""
        return f"{self.database} ({self.system_identifier or self.address})"


class PartKind(Enum):
    """How statements of a step commit."""

    TRANSACTION = "transaction"
    AUTOCOMMIT = "autocommit"
    BACKFILL = "backfill"


@dataclass(frozen=True)
class PlannedLock:
    """A lock that a step holds on a relation that is in use.

    Attributes:
        relation: The relation.
        table: Table, view or sequence whose users wait.
        mode: Lock mode.
        starts: Expected seconds from the beginning of the step to the lock; None without an estimate.
        seconds: How long it is expected to be held; None without an estimate.
        from_statement: Number of the statement that takes it, from 1.
        to_statement: Number of the statement after which it is released.
    """

    relation: str
    table: str
    mode: LockMode
    from_statement: int
    to_statement: int
    starts: Interval | None = None
    seconds: Interval | None = None

    @property
    def blocks(self) -> bool:
        """Whether a SELECT, INSERT, UPDATE or DELETE waits for it."""
        return self.mode.blocks


@dataclass(frozen=True)
class Part:
    """Consecutive statements of a step that commit in one way.

    Attributes:
        kind: One transaction, a statement that commits by itself, or one that commits each of its batches.
        first: Number of its first statement in the step, from 1.
        last: Number of its last statement.
        seconds: Expected duration; None without an estimate.
        batches: Highest expected number of batches at the target, which writes all rows of the table; None if it is no
            backfill, or not known.
        concurrent: Whether a statement waits for all older snapshots, as CREATE INDEX CONCURRENTLY does.
    """

    kind: PartKind
    first: int
    last: int
    seconds: Interval | None = None
    batches: int | None = None
    concurrent: bool = False


@dataclass(frozen=True)
class WayBack:
    """What the downgrade of a step restores.

    Attributes:
        reversibility: What was proved; None if the proof failed or could not be run.
        losses: What the downgrade does not restore, a sentence for each object, by its name.
        reason: Why the downgrade refuses, or why nothing was proved; empty otherwise.
    """

    reversibility: Reversibility | None
    losses: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        """Copy the losses, so that nobody can change them afterwards."""
        object.__setattr__(self, "losses", MappingProxyType(dict(self.losses)))


class Loss(Enum):
    """What happens to values that a downgrade does not keep."""

    TABLE = "table"
    COLUMN = "column"
    ROWS = "rows"
    CONVERTED = "converted"


@dataclass(frozen=True)
class Destroyed:
    """What a downgrade takes away for good.

    Attributes:
        name: Qualified name of the table or the column.
        loss: Whether the table or column goes, rows of the table are changed or deleted, or values are converted.
        rows: Number of rows, or of values that are not NULL, which it has at the target; of rows that are changed or
            deleted, the most that there can be. None if they could not be counted.
        why: More on it; empty if there is no more.
    """

    name: str
    loss: Loss
    rows: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Step:
    """One revision of a plan.

    Attributes:
        revision: Id of the revision.
        message: First line of its docstring.
        path: File of the revision.
        sha256: SHA-256 of that file, in hexadecimal.
        phase: Its phase in a parallel change.
        verdict: `safe`, `unsafe` or `not judged`, as `migrate analyze` has it.
        reasons: Codes of the errors that make it unsafe.
        accepted: Reasons why its author accepts errors, by their codes.
        statements: Its statements as they ran in the sandbox, without secrets; equal ones in a row count as one.
        builds: Table of each index that it builds beside the traffic, by the index's name.
        parts: How they commit, in order.
        locks: Locks on tables, views and sequences that existed before, in the order in which they are taken.
        way_back: What its downgrade restores.
        seconds: Expected duration at the target; None without an estimate.
        not_run: Why it could not be run in the sandbox; empty if it was.
        destroys: What its downgrade takes away, if that is what the plan runs.
    """

    revision: str
    message: str
    path: str
    sha256: str
    phase: Phase
    verdict: str
    way_back: WayBack
    reasons: tuple[str, ...] = ()
    accepted: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[str, ...] = ()
    builds: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    locks: tuple[PlannedLock, ...] = ()
    seconds: Interval | None = None
    not_run: str = ""
    destroys: tuple[Destroyed, ...] = ()

    def __post_init__(self) -> None:
        """Copy the mappings, so that nobody can change them afterwards."""
        object.__setattr__(self, "accepted", MappingProxyType(dict(self.accepted)))
        object.__setattr__(self, "builds", MappingProxyType(dict(self.builds)))

    @property
    def blocking_locks(self) -> tuple[PlannedLock, ...]:
        """Locks for which statements of the application wait."""
        return tuple(lock for lock in self.locks if lock.blocks)

    @property
    def blocked_seconds(self) -> Interval | None:
        """Longest time for which statements wait in this step, once its locks are granted.

        None if the duration of a blocking lock is not known.
        """
        return longest(lock.seconds for lock in self.blocking_locks)


@dataclass(frozen=True)
class Plan:
    """What an upgrade, or a downgrade, of a database will do.

    Attributes:
        target: The database.
        current: Revisions that it is at.
        goal: Revisions that it will be at.
        catalog: SHA-256 of its schema, in hexadecimal.
        steps: The revisions that will run, in order.
        touched: Tables and sequences that it rewrites, updates, deletes from or drops, by the names that they have
            before it; None if that is not known, so that a backup needs them all.
        is_downgrade: Whether the downgrades of the revisions will run.
        policy: For how long its locks may make others wait, and who is ended for them.
    """

    target: TargetIdentity
    current: tuple[str, ...]
    goal: tuple[str, ...]
    catalog: str
    steps: tuple[Step, ...] = ()
    touched: frozenset[str] | None = None
    is_downgrade: bool = False
    policy: LockPolicy = USUAL

    @property
    def destroys(self) -> tuple[Destroyed, ...]:
        """What the plan takes away, each thing once."""
        return tuple({item.name: item for step in self.steps for item in step.destroys}.values())

    @property
    def unsafe(self) -> tuple[Step, ...]:
        """Steps that are not safe, among them those that could not be judged."""
        return tuple(step for step in self.steps if step.verdict != "safe")

    @property
    def unproved(self) -> tuple[Step, ...]:
        """Steps from which no way back was proved."""
        return tuple(step for step in self.steps if step.way_back.reversibility is None)

    @property
    def seconds(self) -> Interval | None:
        """Expected duration of all steps; None if that of a step is not known."""
        return total(step.seconds for step in self.steps)

    @property
    def blocked_seconds(self) -> Interval | None:
        """Longest time for which statements of the application wait at once; None if it is not known."""
        return longest(step.blocked_seconds for step in self.steps)

    @property
    def key(self) -> PlanKey:
        """What a later deployment must find unchanged."""
        return PlanKey(
            database=self.target.database,
            system_identifier=self.target.system_identifier,
            current=self.current,
            goal=self.goal,
            catalog=self.catalog,
            files=tuple((step.revision, step.sha256) for step in self.steps),
            policy=self.policy,
        )

    def hash(self) -> str:
        """Return the SHA-256 of everything that a later deployment must find unchanged, in hexadecimal."""
        return self.key.hash()


def total(intervals: Iterable[Interval | None]) -> Interval | None:
    """Return the sum of durations that follow each other; None if one of them is not known."""
    low = high = 0.0
    for interval in intervals:
        if interval is None:
            return None
        low, high = low + interval[0], high + interval[1]
    return low, high


def longest(intervals: Iterable[Interval | None]) -> Interval | None:
    """Return the longest of several durations, (0, 0) of none; None if one of them is not known."""
    low = high = 0.0
    for interval in intervals:
        if interval is None:
            return None
        low, high = max(low, interval[0]), max(high, interval[1])
    return low, high
