"""What takes part in a deployment, with a state of its own in place of a database."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from application.migration.deploy import Deploy
from application.migration.ports.applier import Applier
from application.migration.ports.backups import BackupTaker, no_progress
from application.migration.ports.deployment_lock import DeploymentLock
from application.migration.ports.deployment_watcher import DeploymentWatcher
from application.migration.ports.expected_schema import ExpectedSchema
from application.migration.ports.journal import Journal
from application.migration.ports.leftover_indexes import LeftoverIndexes
from application.migration.ports.probes import Probes
from domain.migration.deployment.backup import Backup, BackupError, BackupScope, Progress
from domain.migration.deployment.deployment import Attempted, DeploymentReport, Ending
from domain.migration.deployment.journal import JournalEntry
from domain.migration.deployment.leftovers import Leftover
from domain.migration.deployment.plan import Plan, Step
from domain.migration.deployment.preflight import Finding
from domain.migration.errors import JournalError, MigrationError
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.application.migration_fakes import FakeTrials
from tests.unit.application.test_plan_upgrade import ADDS, FakeProject, FakeTarget
from tests.unit.domain.migration.deployment.plans import TARGET, planned
from tests.unit.domain.migration.deployment.test_backup import MANIFEST
from tests.unit.domain.migration.traces import table

BEFORE = SchemaSnapshot(table("public.users", "id"))
AFTER = SchemaSnapshot(table("public.users", "id", "plan"))
GAVE_WAY = Attempted(Ending.GAVE_WAY, 0.1, 2.0, ("process 7",), "lock timeout")
APPLIED = Attempted(Ending.APPLIED, 0.5)


@dataclass
class FakeApplier(Applier):
    """Ends attempts as it was told, and then applies; an attempt that is lost may have applied all the same.

    Attributes:
        target: The database that it changes.
        endings: The attempts to come.
        applies_lost: Whether a lost attempt was committed.
    """

    target: FakeTarget
    endings: list[Attempted] = field(default_factory=list)
    applies_lost: bool = False

    def apply(self, step: Step) -> Attempted:
        """Return the next attempt."""
        attempt = self.endings.pop(0) if self.endings else APPLIED
        if attempt.ending is Ending.APPLIED or (attempt.ending is Ending.LOST and self.applies_lost):
            self.target.current = (step.revision,)
            self.target.catalog = AFTER
        return attempt


@dataclass
class FakeJournal(Journal):
    """A list that may be full."""

    entries: list[JournalEntry] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    room: int = 100

    def write(self, entry: JournalEntry) -> None:
        """Append an entry."""
        if len(self.entries) == self.room:
            raise JournalError("the disk is full", "make room")
        self.entries.append(entry)

    def read(self) -> tuple[JournalEntry, ...]:
        """Return the entries."""
        return tuple(self.entries)

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:
        """Keep a file."""
        assert revision
        self.files[sha256] = content

    def kept_file(self, sha256: str) -> bytes | None:
        """Return a file."""
        return self.files.get(sha256)


@dataclass
class FakeLock(DeploymentLock):
    """A lock that knows whether it is held."""

    is_held: bool = False
    asked: int = 0
    lost_after: int = 100

    @contextmanager
    def held(self) -> Iterator[Callable[[], bool]]:
        """Hold it; it is lost after it was asked for some times."""
        assert not self.is_held
        self.is_held = True
        yield self._is_alone
        self.is_held = False

    def _is_alone(self) -> bool:
        self.asked += 1
        return self.asked <= self.lost_after


@dataclass(frozen=True)
class FakeExpected(ExpectedSchema):
    """Revisions that make one schema."""

    schema: SchemaSnapshot = AFTER

    def schema_at(self, revisions: Sequence[str]) -> SchemaSnapshot:
        """Return it."""
        assert revisions
        return self.schema


@dataclass(frozen=True)
class FakeProbes(Probes):
    """Probes that find what they were given."""

    found: tuple[Finding, ...] = ()

    def run(self) -> tuple[Finding, ...]:
        """Return it."""
        return self.found


@dataclass
class FakeTaker(BackupTaker):
    """Takes backups as it was told: a path, or nothing but an error."""

    path: str = "backups/1"
    error: str = ""
    asked: list[tuple[BackupScope, Collection[str] | None]] = field(default_factory=list)

    def take(
        self, scope: BackupScope, touched_tables: Collection[str] | None = None, progress: Progress = no_progress
    ) -> Backup | None:
        """Return a backup of one table."""
        self.asked.append((scope, touched_tables))
        if self.error:
            raise BackupError(self.error, "make room")
        if scope is BackupScope.NONE:
            return None
        progress(0, 1, "public.users")
        return Backup(self.path, MANIFEST)


@dataclass
class FakeIndexes(LeftoverIndexes):
    """Drops an invalid index of the target, unless it is used by then."""

    target: FakeTarget
    error: str = ""

    def drop(self, leftover: Leftover) -> bool:
        """Return whether it was there."""
        if self.error:
            raise MigrationError(self.error, "wait")
        was_there = leftover.index in self.target.invalid
        self.target.invalid = tuple(name for name in self.target.invalid if name != leftover.index)
        return was_there


@dataclass
class Told(DeploymentWatcher):
    """What a deployment has told, in words."""

    lines: list[str] = field(default_factory=list)

    def backs_up(self, done: int, count: int, name: str) -> None:
        """Note the table."""
        self.lines.append(f"copies {name} {done}/{count}")

    def backed_up(self, backup: Backup) -> None:
        """Note the backup."""
        self.lines.append(f"saved {backup.path}")

    def dropped(self, leftover: Leftover) -> None:
        """Note the index."""
        self.lines.append(f"dropped {leftover.index}")

    def step_begins(self, step: Step, number: int, steps: int) -> None:
        """Note the step."""
        self.lines.append(f"{number}/{steps} {step.revision}")

    def attempt_ended(self, step: Step, attempt: Attempted, number: int) -> None:
        """Note the attempt."""
        self.lines.append(f"{step.revision} {number} {attempt.ending.value}")

    def verifies(self) -> None:
        """Note that it verifies."""
        self.lines.append("verifies")


@dataclass
class Deployment:
    """A deployment of r2 and r3 on a database at r1, and all that takes part in it."""

    endings: tuple[Attempted, ...] = ()
    expected: FakeExpected = field(default_factory=FakeExpected)
    probes: FakeProbes = field(default_factory=FakeProbes)
    journal: FakeJournal = field(default_factory=FakeJournal)
    told: Told = field(default_factory=Told)
    taker: FakeTaker = field(default_factory=FakeTaker)
    scope: BackupScope = BackupScope.NONE
    applies_lost: bool = False
    stop_after: int = 100

    def __post_init__(self) -> None:
        """Put it together."""
        self.target = FakeTarget(("r1",), BEFORE)
        files = {name: f"sha of {name}" for name in ("r2", "r3")}
        trials = FakeTrials({"r1": ADDS, "r2": ADDS, "r3": ADDS}, files=files)
        self.lock = FakeLock()
        self.indexes = FakeIndexes(self.target)
        self.deploy = Deploy(
            project=FakeProject(trials),
            target=self.target,
            expected=self.expected,
            files=trials,
            applier=FakeApplier(self.target, list(self.endings), self.applies_lost),
            journal=self.journal,
            lock=self.lock,
            probes=self.probes,
            indexes=self.indexes,
            taker=self.taker,
            confirmed=frozenset(),
            scope=self.scope,
            who="ada@desk",
            version="1.0",
        )
        self.plan = Plan(TARGET, ("r1",), ("r3",), BEFORE.digest(), (planned("r2"), planned("r3")))

    def run(self) -> DeploymentReport:
        """Deploy the plan."""
        return self.deploy(self.plan, self.told, lambda: self.told.lines.count("r2 1 applied") >= self.stop_after)
