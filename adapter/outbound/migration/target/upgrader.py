"""Upgrades a real database through the agent in the project's own Python."""

from dataclasses import dataclass

import psycopg

from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.migration.target.applied import read_applied
from adapter.outbound.migration.target.output import write_to_stderr
from adapter.outbound.migration.target.upgrade import run_upgrade
from adapter.outbound.migration.target.upgrade_errors import needs_traceback, upgrade_error
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.target import Target
from application.migration.ports.upgrader import Upgrader
from domain.migration.history import History
from domain.migration.status import Drift, TargetState

_NOT_COMPARED = "not compared: migrate status compares revisions, models and database, in a sandbox"


@dataclass(frozen=True)
class AgentUpgrader(Upgrader):
    """Runs the upgrade in a process that has been started for it.

    Attributes:
        process: The agent; it has had no other job.
        job: The upgrade, from `upgrade_job`.
        url: The database.
    """

    process: AgentProcess
    job: AgentJob
    url: DatabaseURL

    def upgrade(self) -> MigratedProject:
        """Bring the database to the head.

        Raises:
            DatabaseError: A revision or env.py failed.
        """
        result, holders = run_upgrade(self.process, self.job, self.url)
        if result.error is not None:
            if needs_traceback(result):
                write_to_stderr(result.error.traceback)
            error = upgrade_error(result, self.url, self._current(result.version_tables), holders)
            if error is not None:
                raise error
        return UpgradedProject(result)

    def _current(self, version_tables: tuple[str, ...]) -> tuple[str, ...] | None:
        if not version_tables:  # env.py has not come so far
            return None
        try:
            return read_applied(self.url, version_tables)
        except (psycopg.Error, DatabaseError):
            return None


@dataclass(frozen=True)
class UpgradedProject(MigratedProject):
    """A project as its own process reported it, without a sandbox in which it could be compared.

    Attributes:
        result: The result of the upgrade.
    """

    result: AgentResult

    def history(self) -> History:
        """Return its revisions."""
        return History(tuple(listed.entry for listed in self.result.revisions))

    def version_tables(self) -> tuple[str, ...]:
        """Return where it writes its versions, as `schema.table`."""
        return self.result.version_tables

    def needs_pgvector(self) -> bool:
        """Return whether a model has a column of pgvector's types; False where nobody has looked at the models."""
        return self.result.needs_pgvector

    def drift(self, target: Target, state: TargetState) -> Drift:
        """Return what the project itself found; others are not compared, because nobody waits for a sandbox then."""
        del target, state
        return self.result.drift or Drift(None, _NOT_COMPARED)
