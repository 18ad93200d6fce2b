"""The use case of `migrate preflight`: find what stands in the way of an upgrade, before anything is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from application.migration.plan_downgrade import PlanDowngrade
from application.migration.plan_upgrade import PlanUpgrade, Progress
from application.migration.ports.certificates import CertificateStore
from application.migration.ports.expected_schema import ExpectedSchema
from application.migration.ports.journal import Journal
from application.migration.ports.target_checks import TargetChecks
from domain.migration.deployment.leftovers import Leftover, leftovers
from domain.migration.deployment.plan import Plan
from domain.migration.deployment.plan_key import PlanKey
from domain.migration.deployment.preflight import Finding, Outcome, PreflightReport
from domain.migration.deployment.undoing import refuses
from domain.migration.drift import drift_from_revisions
from domain.migration.errors import HistoryError, JournalError, MigrationError, StalePlanError
from domain.migration.history import History
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statistics import Statistics
from domain.migration.verification.checks.applied_revision_changed import changed_since

_SHOWN = 5  # most differences that a finding names


@dataclass(frozen=True)
class RunPreflight:
    """Checks a database and its project before a deployment; the database is only read.

    Attributes:
        planner: Plans the upgrade, or the downgrade.
        expected: What the revisions make.
        certificates: What was proved of the revisions.
        checks: Checks that ask the database itself.
        journal: What earlier deployments did.
    """

    planner: PlanUpgrade | PlanDowngrade
    expected: ExpectedSchema
    certificates: CertificateStore
    checks: TargetChecks
    journal: Journal

    def __call__(
        self,
        goal: str,
        statistics: Statistics,
        progress: Progress = lambda _done, _all, _next: None,
        start_after: str = "",
        reviewed: PlanKey | None = None,
    ) -> PreflightReport:
        """Return what all checks found.

        Args:
            goal: Where to upgrade to, as for `PlanUpgrade`.
            statistics: Sizes of the target's tables.
            progress: As for `PlanUpgrade`.
            start_after: As for `PlanUpgrade`.
            reviewed: What the plan was made for that was reviewed, and that must be the same; None for none. It has
                the goal.

        Raises:
            StalePlanError: Something has changed since that plan.
            MigrationError: The history or the certificates cannot be read.
        """
        history = self.planner.project.history()
        if reviewed is not None:
            goal = reviewed.goal[0] if len(reviewed.goal) == 1 else "heads"
        try:
            plan = self.planner(goal, statistics, progress, start_after)
        except HistoryError as error:
            impossible = Finding("revisions", Outcome.FAILED, error.message, error.hint)
            return PreflightReport.of(None, [*_heads(history), impossible, *self.checks.run(None)])
        if reviewed is not None and (changes := tuple(reviewed.changes(plan.key))):
            raise StalePlanError(changes)
        left = self._leftovers(plan)
        drift = self._drift(plan.current, left)
        of_project = [*_heads(history), *self._files(history, plan.current), *drift, *_judgement(plan)]
        return PreflightReport.of(plan, [*of_project, *self.checks.run(plan, left)])

    def _leftovers(self, plan: Plan) -> tuple[Leftover, ...]:
        """Return the invalid indexes that earlier attempts have left, and that a deployment of the plan drops."""
        invalid = self.planner.target.state(self.planner.project.version_tables()).invalid_indexes
        try:
            return leftovers(plan.steps, invalid, self.journal.read()) if invalid else ()
        except JournalError:  # without it they are somebody's, and a check names them
            return ()

    def _files(self, history: History, current: Sequence[str]) -> Iterator[Finding]:
        """Report revisions that are applied, and whose files have changed since they were proved."""
        files = {entry.revision: self.planner.files.sha256(entry) for entry in history.entries}
        changed = changed_since(self.certificates.read(), files, history.ancestors(current))
        for diagnostic in changed:
            yield Finding("applied-files", Outcome.FAILED, diagnostic.message, diagnostic.help)
        if not changed:
            yield Finding("applied-files", Outcome.PASSED, "no applied revision has changed since it was proved")

    def _drift(self, current: Sequence[str], left: Sequence[Leftover]) -> Iterator[Finding]:
        """Report what the database has otherwise than its revisions make it."""
        try:
            expected = self.expected.schema_at(current)
        except MigrationError as error:
            yield Finding("drift", Outcome.NOT_READ, error.message, error.hint)
            return
        actual = self.planner.target.schema(self.planner.project.version_tables())
        names = {leftover.index for leftover in left}
        kept = {key: value for key, value in actual.objects.items() if key[0] != "index" or key[1] not in names}
        sentences = list(drift_from_revisions(expected, SchemaSnapshot(kept)).sentences())
        if sentences:
            more = f", and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
            yield Finding(
                "drift",
                Outcome.FAILED,
                f"the schema is not what its revisions make: {'; '.join(sentences[:_SHOWN])}{more}",
                "undo it, or write it into a revision; migrate status lists all of it at the head",
            )
        else:
            yield Finding("drift", Outcome.PASSED, "the schema is what its revisions make")


def _heads(history: History) -> Iterator[Finding]:
    """Report a history that ends in several heads."""
    heads = sorted(history.heads)
    if len(heads) > 1:
        yield Finding(
            "heads", Outcome.FAILED, f"there are {len(heads)} heads: {', '.join(heads)}", 'alembic merge -m "…" heads'
        )
    else:
        yield Finding("heads", Outcome.PASSED, "the history has one head")


def _judgement(plan: Plan) -> Iterator[Finding]:
    return _of_downgrade(plan) if plan.is_downgrade else _safety(plan)


def _of_downgrade(plan: Plan) -> Iterator[Finding]:
    """Report downgrades that fail or refuse, which stops them, and those that make others wait for long."""
    for step in plan.unsafe:
        if refuses(step) or step.not_run:
            why = step.not_run or step.way_back.reason
            remedy = "restore a backup, or write a revision that goes forward to what you want"
            yield Finding("downgrade", Outcome.FAILED, f"{step.revision} cannot be undone: {why}", remedy)
        else:
            message = f"undoing {step.revision} makes others wait: {', '.join(step.reasons)}"
            yield Finding("safety", Outcome.WARNING, message, "migrate rules says what each of them means")
    if not plan.unsafe:
        yield Finding("safety", Outcome.PASSED, "each downgrade has succeeded in the sandbox, and none blocks for long")


def _safety(plan: Plan) -> Iterator[Finding]:
    """Report steps that are not safe, and those from which no way back was proved."""
    for step in plan.unsafe:
        why = ", ".join(step.reasons) or step.not_run
        remedy = f"migrate analyze {step.revision} shows what to write instead"
        yield Finding("safety", Outcome.FAILED, f"{step.revision} is {step.verdict}: {why}", remedy)
    for step in plan.unproved:
        message = f"the way back from {step.revision} is not proved: {step.way_back.reason}"
        yield Finding("way-back", Outcome.WARNING, message, f"migrate verify {step.revision} shows why")
    if not plan.unsafe:
        yield Finding("safety", Outcome.PASSED, "each pending revision is safe")
    if not plan.unproved:
        yield Finding("way-back", Outcome.PASSED, "the way back from each pending revision is proved")
