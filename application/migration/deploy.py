"""The use case of `migrate deploy` and `migrate downgrade`: apply a plan while the application keeps serving."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from application.migration.ports.applier import Applier
from application.migration.ports.backups import BackupTaker
from application.migration.ports.deployment_lock import DeploymentLock
from application.migration.ports.deployment_watcher import DeploymentWatcher
from application.migration.ports.expected_schema import ExpectedSchema
from application.migration.ports.journal import Journal
from application.migration.ports.leftover_indexes import LeftoverIndexes
from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.probes import Probes
from application.migration.ports.revision_files import RevisionFiles
from application.migration.ports.target import Target
from domain.migration.deployment.backup import BackupScope
from domain.migration.deployment.deployment import Attempted, DeployedStep, DeploymentReport, Ending
from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.deployment.leftovers import leftovers
from domain.migration.deployment.plan import Plan, Step
from domain.migration.deployment.preflight import Finding, Outcome
from domain.migration.deployment.undoing import require_confirmed
from domain.migration.drift import drift_from_revisions
from domain.migration.errors import MigrationError, StalePlanError

_EVENTS = {
    Ending.APPLIED: Event.COMMITTED,
    Ending.GAVE_WAY: Event.GAVE_WAY,
    Ending.GAVE_UP: Event.FAILED,
    Ending.FAILED: Event.FAILED,
    Ending.INTERRUPTED: Event.INTERRUPTED,
    Ending.LOST: Event.FAILED,  # the database was asked, and does not have it
}
_SHOWN = 5  # most differences that a finding names


@dataclass(frozen=True)
class Deploy:
    """Applies a plan, one revision a transaction, and records each attempt.

    Attributes:
        project: The revisions.
        target: The database.
        expected: What the revisions make.
        files: The files of the revisions.
        applier: Applies single revisions.
        journal: Where attempts are recorded.
        lock: Lets one deployment at a time change the database.
        probes: The user's own checks afterwards.
        indexes: Drops invalid indexes that earlier attempts have left.
        taker: Takes a backup before the first step.
        scope: What the backup contains.
        confirmed: What a downgrade may take away, by name.
        who: Who deploys, for the journal.
        version: Version of this tool, for the journal.
    """

    project: MigratedProject
    target: Target
    expected: ExpectedSchema
    files: RevisionFiles
    applier: Applier
    journal: Journal
    lock: DeploymentLock
    probes: Probes
    indexes: LeftoverIndexes
    taker: BackupTaker
    scope: BackupScope
    confirmed: frozenset[str]
    who: str
    version: str

    def __call__(
        self, plan: Plan, watcher: DeploymentWatcher, stopping: Callable[[], bool] = lambda: False
    ) -> DeploymentReport:
        """Apply the steps of a plan in order, up to the first that fails, and look at the result.

        Args:
            plan: The plan, as it was shown.
            watcher: Hears of each step and attempt.
            stopping: Returns whether the user wants to end it after the step that runs.

        Raises:
            DataLossError: The plan takes away something that nobody has confirmed.
            StalePlanError: The database or a file has changed since the plan was made; nothing was written.
            MigrationError: Another deployment runs, or the backup was not taken; nothing was written.
        """
        require_confirmed(plan, self.confirmed)
        with self.lock.held() as is_alone:
            self._refuse_stale(plan)
            backup = self.taker.take(self.scope, plan.touched, watcher.backs_up)
            if backup is not None:
                watcher.backed_up(backup)
            return replace(self._apply(plan, watcher, stopping, is_alone), backup=backup)

    def _refuse_stale(self, plan: Plan) -> None:
        tables = self.project.version_tables()
        files = {entry.revision: entry for entry in self.project.history().entries}
        target = self.target.identity()
        now = replace(
            plan.key,
            database=target.database,
            system_identifier=target.system_identifier,
            current=self.target.state(tables).current,
            catalog=self.target.schema(tables).digest(),
            files=tuple((step.revision, self.files.sha256(files[step.revision])) for step in plan.steps),
        )
        if changes := tuple(plan.key.changes(now)):
            raise StalePlanError(changes)

    def _apply(
        self, plan: Plan, watcher: DeploymentWatcher, stopping: Callable[[], bool], is_alone: Callable[[], bool]
    ) -> DeploymentReport:
        deployment = uuid4().hex
        steps: list[DeployedStep] = []
        for number, step in enumerate(plan.steps, 1):
            if steps and (not steps[-1].applied or steps[-1].unrecorded or stopping()):
                break
            watcher.step_begins(step, number, len(plan.steps))
            record = _Record(self, plan, deployment, step)
            try:
                steps.append(self._apply_step(record, watcher, stopping, is_alone))
            except KeyboardInterrupt:  # between two attempts, or while one is recorded
                interrupted = Attempted(Ending.INTERRUPTED, 0.0, message="interrupted")
                steps.append(DeployedStep(step, (interrupted,), self._is_done(record)))
                break
        report = DeploymentReport(plan, tuple(steps), self._current())
        if report.not_done:
            return report
        watcher.verifies()
        return replace(report, findings=self._verified(plan, report.current))

    def _verified(self, plan: Plan, current: tuple[str, ...] | None) -> tuple[Finding, ...]:
        """Return what is found after the last step; what was applied is told, too, if nothing can be looked at."""
        try:
            return tuple(self._findings(plan, current))
        except Exception as error:  # noqa: BLE001 - as in `_current`
            message = f"the database could not be looked at: {str(error).strip()}"
            return (Finding("verification", Outcome.NOT_READ, message, "migrate status looks at it again"),)

    def _apply_step(
        self,
        record: "_Record",
        watcher: DeploymentWatcher,
        stopping: Callable[[], bool],
        is_alone: Callable[[], bool],
    ) -> DeployedStep:
        """Try a step until it is applied, or until it fails otherwise than by giving way."""
        attempts: list[Attempted] = []
        while True:
            if (refusal := self._refusal(record, len(attempts) + 1, watcher, is_alone)) is not None:
                attempts.append(refusal)
                return DeployedStep(record.step, tuple(attempts), applied=False)
            attempt = self.applier.apply(record.step)
            applied = True if attempt.ending is Ending.APPLIED else self._is_done(record)
            attempts.append(attempt)
            unrecorded = record.end(len(attempts), attempt, applied=applied)
            watcher.attempt_ended(record.step, attempt, len(attempts))
            is_over = applied is not False or attempt.ending is not Ending.GAVE_WAY
            if is_over or unrecorded or stopping():
                return DeployedStep(record.step, tuple(attempts), applied, unrecorded)

    def _refusal(
        self, record: "_Record", attempt: int, watcher: DeploymentWatcher, is_alone: Callable[[], bool]
    ) -> Attempted | None:
        """Prepare an attempt and record that it begins; return why it must not begin, or None."""
        if not is_alone():
            message = "the session that keeps other deployments away has ended, so that another one may have begun"
            return Attempted(Ending.FAILED, 0.0, message=message, hint="look at migrate history, then deploy again")
        try:
            self._drop_leftovers(record, watcher)
            record.begin(attempt)
        except MigrationError as error:
            return Attempted(Ending.FAILED, 0.0, message=error.message, hint=error.hint)
        except Exception as error:  # noqa: BLE001 - as in `_current`
            return Attempted(Ending.FAILED, 0.0, message=str(error).strip(), hint="deploy again once that is mended")
        return None

    def _drop_leftovers(self, record: "_Record", watcher: DeploymentWatcher) -> None:
        """Drop the invalid indexes that earlier attempts of a step have left.

        Raises:
            MigrationError: One cannot be dropped.
        """
        if not record.step.builds:
            return
        invalid = self.target.state(self.project.version_tables()).invalid_indexes
        for leftover in leftovers((record.step,), invalid, self.journal.read() if invalid else ()):
            if self.indexes.drop(leftover):
                watcher.dropped(leftover)

    def keep(self, step: Step) -> None:
        """Keep the file of an applied revision, for a downgrade when its code is gone."""
        entry = next(entry for entry in self.project.history().entries if entry.revision == step.revision)
        self.journal.keep_file(step.revision, step.sha256, self.files.content(entry))

    def _is_done(self, record: "_Record") -> bool | None:
        """Return whether a step is done, whatever became of the attempt; None if the database cannot be asked."""
        current = self._current()
        if current is None:
            return None
        has_revision = record.step.revision in self.project.history().ancestors(current)
        return has_revision is not record.plan.is_downgrade

    def _current(self) -> tuple[str, ...] | None:
        try:
            return self.target.state(self.project.version_tables()).current
        except Exception:  # noqa: BLE001 - a server that has gone has many errors, and none of them is an answer
            return None

    def _findings(self, plan: Plan, current: tuple[str, ...] | None) -> Iterator[Finding]:
        """Look at the database after the last step."""
        if sorted(current or ()) != sorted(plan.goal):
            message = (
                f"the database is at {', '.join(current or ()) or 'no revision'}, and not at {', '.join(plan.goal)}"
            )
            yield Finding("revisions", Outcome.FAILED, message, "migrate status shows what is pending")
        else:
            yield Finding("revisions", Outcome.PASSED, f"the database is at {', '.join(plan.goal)}")
        tables = self.project.version_tables()
        difference = drift_from_revisions(self.expected.schema_at(plan.goal), self.target.schema(tables))
        sentences = list(difference.sentences())
        if sentences:
            shown = "; ".join(sentences[:_SHOWN])
            more = f", and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
            message = f"the schema is not what its revisions make: {shown}{more}"
            yield Finding("schema", Outcome.FAILED, message, "migrate status lists all differences")
        else:
            yield Finding("schema", Outcome.PASSED, "the schema is what its revisions make")
        invalid = self.target.state(tables).invalid_indexes
        if invalid:
            message = f"indexes that no query uses: {', '.join(invalid)}"
            yield Finding("invalid-indexes", Outcome.FAILED, message, f"DROP INDEX CONCURRENTLY {invalid[0]};")
        else:
            yield Finding("invalid-indexes", Outcome.PASSED, "each index is valid")
        yield from self.probes.run()


@dataclass(frozen=True)
class _Record:
    """Writes the entries of one step into the journal."""

    deploy: Deploy
    plan: Plan
    deployment: str
    step: Step

    def begin(self, attempt: int) -> None:
        self.deploy.journal.write(self._entry(attempt, Event.STARTED))

    def end(self, number: int, attempt: Attempted, *, applied: bool | None) -> str:
        """Record how an attempt ended, and keep the file of an applied revision; return why that failed, or nothing."""
        done = Event.UNDONE if self.plan.is_downgrade else Event.COMMITTED
        event = done if applied else Event.UNKNOWN if applied is None else _EVENTS[attempt.ending]
        entry = self._entry(number, event, attempt.seconds, attempt.waited, attempt.blockers, attempt.message)
        try:
            self.deploy.journal.write(entry)
            if applied and not self.plan.is_downgrade:
                self.deploy.keep(self.step)
        except MigrationError as error:  # what was done to the database is told all the same
            return error.message
        return ""

    def _entry(
        self,
        attempt: int,
        event: Event,
        seconds: float | None = None,
        waited: float = 0.0,
        blockers: tuple[str, ...] = (),
        message: str = "",
    ) -> JournalEntry:
        return JournalEntry(
            deployment=self.deployment,
            plan=self.plan.hash(),
            revision=self.step.revision,
            sha256=self.step.sha256,
            attempt=attempt,
            event=event,
            at=datetime.now(UTC),
            seconds=seconds,
            waited=waited,
            blockers=blockers,
            message=message,
            who=self.deploy.who,
            version=self.deploy.version,
            predicted=self.step.seconds,
        )
