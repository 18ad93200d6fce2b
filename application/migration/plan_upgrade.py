"""The use case of `migrate plan`: say what an upgrade of a database will do, before anything is written."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from application.migration.analyze import AnalyzeRevisions
from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.revision_files import RevisionFiles
from application.migration.ports.target import Target
from application.migration.verify import VerifyRevisions
from domain.migration.deployment.lock_policy import USUAL, LockPolicy
from domain.migration.deployment.plan import Plan, WayBack
from domain.migration.deployment.planning import step, way_back_from, way_back_of
from domain.migration.deployment.touched import touched_tables
from domain.migration.errors import HistoryError
from domain.migration.history import History, HistoryEntry
from domain.migration.statistics import Statistics
from domain.migration.verification.proof import Proof

Progress = Callable[[int, int, HistoryEntry], object]


@dataclass(frozen=True)
class PlanUpgrade:
    """Plans the upgrade of a database, which is only read.

    Attributes:
        project: The revisions.
        target: The database.
        files: The files of the revisions.
        analyze: Analyzes revisions in a sandbox.
        verifier: Opens what proves those whose certificate is missing or out of date.
        policy: For how long locks may make others wait.
    """

    project: MigratedProject
    target: Target
    files: RevisionFiles
    analyze: AnalyzeRevisions
    verifier: Callable[[], AbstractContextManager[VerifyRevisions]]
    policy: LockPolicy = USUAL

    def __call__(
        self,
        goal: str,
        statistics: Statistics,
        progress: Progress = lambda _done, _all, _next: None,
        start_after: str = "",
    ) -> Plan:
        """Return the plan.

        Args:
            goal: Where to upgrade to, as for `alembic upgrade`: a revision, `head`, `heads`, or `+2` for two revisions
                from where the database is.
            statistics: Sizes of the target's tables.
            progress: Function that is called before each revision with the number of finished revisions, the number of
                all revisions, and the next revision.
            start_after: Revision up to which nothing is judged; empty to judge all.

        Raises:
            HistoryError: The goal is unknown or already applied, or the database is at a revision that the project
                does not have.
            MigrationError: The history or the certificates cannot be read.
        """
        history = self.project.history()
        tables = self.project.version_tables()
        state = self.target.state(tables)
        entries = pending_to(history, state.current, goal)
        report = self.analyze(entries, statistics, progress, start_after)
        ways_back = self._ways_back(entries, progress) if entries else {}
        return Plan(
            target=self.target.identity(),
            current=state.current,
            goal=history.last_of(history.ancestors((*state.current, *(entry.revision for entry in entries)))),
            catalog=self.target.schema(tables).digest(),
            steps=tuple(
                step(analysis, self.files.sha256(entry), ways_back[entry.revision])
                for entry, analysis in zip(entries, report.revisions, strict=True)
            ),
            touched=touched_tables(analysis.trace for analysis in report.revisions),
            policy=self.policy,
        )

    def _ways_back(self, entries: Sequence[HistoryEntry], progress: Progress) -> dict[str, WayBack]:
        with self.verifier() as verify:
            report = verify(entries, tuple(Proof), progress)
        proved = {proof.analysis.trace.revision: way_back_from(proof) for proof in report.proofs}
        return proved | {certificate.revision: way_back_of(certificate) for certificate in report.certified}


def pending_to(history: History, current: Sequence[str], goal: str) -> tuple[HistoryEntry, ...]:
    """Return the revisions that an upgrade to a goal runs, in order.

    Args:
        history: All revisions.
        current: Revisions that the database is at.
        goal: As for `PlanUpgrade`.

    Raises:
        HistoryError: The goal is unknown or already applied, or the database is at an unknown revision.
    """
    pending = history.pending(current)
    steps = _STEPS.fullmatch(goal)
    if steps is not None:
        count = int(steps["count"])
        if count > len(pending):
            raise HistoryError(f"only {len(pending)} revisions are pending, not {count}", "name head, or fewer")
        return pending[:count]
    heads = history.resolve(goal)
    wanted = history.ancestors(heads)
    chosen = tuple(entry for entry in pending if entry.revision in wanted)
    if not chosen and not {*heads} <= {*current}:
        raise HistoryError(
            f"{goal} is applied already, and the database is past it",
            "name a pending revision: migrate status lists them",
        )
    return chosen


_STEPS = re.compile(r"\+(?P<count>\d+)")
