"""The use case of a downgrade's plan: say what it locks and what it takes away, before anything is written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from application.migration.lanes import Count, Opener, in_lanes
from application.migration.plan_upgrade import Progress
from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.revision_files import RevisionFiles
from application.migration.ports.target import Target
from application.migration.ports.trials import Trials
from domain.migration.analysis.revision_analysis import analyze
from domain.migration.deployment.lock_policy import USUAL, LockPolicy
from domain.migration.deployment.plan import Plan, Step
from domain.migration.deployment.touched import touched_tables
from domain.migration.deployment.undoing import undo_step, undone, with_rows
from domain.migration.errors import HistoryError
from domain.migration.history import History, HistoryEntry
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace


@dataclass(frozen=True)
class PlanDowngrade:
    """Plans the downgrade of a database, which is only read.

    Attributes:
        project: The revisions.
        target: The database.
        files: The files of the revisions.
        trials: Trials of the revisions in a sandbox.
        others: Openers of more trials, each with a sandbox of its own.
        policy: For how long locks may make others wait.
    """

    project: MigratedProject
    target: Target
    files: RevisionFiles
    trials: Trials
    others: Sequence[Opener[Trials]] = ()
    policy: LockPolicy = USUAL

    def __call__(
        self,
        goal: str,
        statistics: Statistics,
        progress: Progress = lambda _done, _all, _next: None,
        start_after: str = "",  # noqa: ARG002 - what is undone is looked at, whoever judged it before
    ) -> Plan:
        """Return the plan.

        Args:
            goal: Where to downgrade to, as for `alembic downgrade`: a revision, `base`, or `-2` for two revisions back.
            statistics: Sizes of the target's tables.
            progress: Called before each revision, as for `PlanUpgrade`.
            start_after: Not used.

        Raises:
            HistoryError: The goal is unknown or not applied, or the database is at a revision that the project does
                not have.
            MigrationError: The history cannot be read.
        """
        history = self.project.history()
        tables = self.project.version_tables()
        state = self.target.state(tables)
        entries = undone_to(history, state.current, goal)
        undoings = self._undoings(entries, statistics, progress)
        rows = self.target.count([item for undoing in undoings for item in undoing.step.destroys])
        return Plan(
            target=self.target.identity(),
            current=state.current,
            goal=history.last_of(history.ancestors(state.current) - {entry.revision for entry in entries}),
            catalog=self.target.schema(tables).digest(),
            steps=tuple(with_rows(undoing.step, rows) for undoing in reversed(undoings)),
            touched=touched_tables(undoing.trace for undoing in reversed(undoings)),
            is_downgrade=True,
            policy=self.policy,
        )

    def _undoings(
        self, entries: Sequence[HistoryEntry], statistics: Statistics, progress: Progress
    ) -> Sequence["_Undoing"]:
        count = Count(len(entries), progress)

        def undoing(trials: Trials, entry: HistoryEntry) -> _Undoing:
            with count.item(entry), trials.begin(entry, goes_on=False) as trial:
                trace = undone(trial.trace)
                step = undo_step(analyze(trial.trace, statistics), trace, self.files.sha256(entry), statistics)
            return _Undoing(step, replace(trace, before=None, after=None))

        return in_lanes(self.trials, self.others, entries, undoing)


@dataclass(frozen=True)
class _Undoing:
    """A step, and the trace of its downgrade without the schemas."""

    step: Step
    trace: RevisionTrace


def undone_to(history: History, current: Sequence[str], goal: str) -> tuple[HistoryEntry, ...]:
    """Return the revisions whose downgrades lead to a goal, oldest first; they run in the other order.

    Args:
        history: All revisions.
        current: Revisions that the database is at.
        goal: As for `PlanDowngrade`.

    Raises:
        HistoryError: The goal is unknown or not applied, or the database is at an unknown revision.
    """
    history.pending(current)  # refuses an unknown revision
    applied = history.ancestors(current)
    entries = tuple(entry for entry in history.entries if entry.revision in applied)
    steps = _STEPS.fullmatch(goal)
    if steps is not None:
        count = int(steps["count"])
        if len(current) > 1:
            heads = ", ".join(sorted(current))
            raise HistoryError(f"the database is at {len(current)} heads: {heads}", "name the revision to go back to")
        if count > len(entries):
            raise HistoryError(f"only {len(entries)} revisions are applied, not {count}", "name base, or fewer")
        return entries[len(entries) - count :]
    targets = history.resolve(goal)
    if not {*targets} <= applied:
        raise HistoryError(f"{goal} is not applied, so that no downgrade leads to it", "migrate status shows what is")
    kept = history.ancestors(targets)
    return tuple(
        entry
        for entry in entries
        if entry.revision not in kept and (not targets or {*targets} & history.ancestors((entry.revision,)))
    )


_STEPS = re.compile(r"-(?P<count>\d+)")
