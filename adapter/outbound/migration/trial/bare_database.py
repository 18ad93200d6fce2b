"""The database without generated rows, which moves along the history."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.project.results import AgentError, AgentResult
from adapter.outbound.migration.trial.database import CannotBuildError, Database, DatabaseMaker
from adapter.outbound.migration.trial.project_history import ProjectHistory
from adapter.outbound.migration.trial.set_up import set_up
from domain.migration.analysis.failures import is_not_installed


@dataclass(frozen=True)
class _Failure:
    revision: str
    reason: str


class BareDatabase:
    """The database without generated rows. There is only one, because it can be upgraded further and copied."""

    def __init__(self, maker: DatabaseMaker, history: ProjectHistory, setup: str | Path | None) -> None:
        """Prepare to create the database.

        Args:
            maker: Creates the database.
            history: The history of the project.
            setup: As `Project.setup`.
        """
        self._maker = maker
        self._history = history
        self._setup = setup
        self._database: Database | None = None

    def upgraded_to(self, parents: Iterable[str]) -> Database:
        """Upgrade the database to some revisions, and return it; the caller copies it before changing it.

        Raises:
            CannotBuildError: One of the revisions fails on it.
            MigrationError: The project's own set-up or its env.py fails.
        """
        applied, broken = self._history.ancestors(parents), self._maker.jobs.broken
        for revision in applied & broken.keys():
            raise CannotBuildError(broken[revision])
        if self._database is not None and not self._database.applied <= applied:
            self._database.drop()
            self._database = None
        start = self._database or set_up(self._maker, self._setup)
        self._database = None  # a failure below leaves no database to reuse
        is_new = not start.applied
        failure = self._upgrade(start, parents)
        database = start
        if failure is not None and not is_new:
            # some histories run only at one go: there SQLAlchemy knows which enums earlier revisions have created
            database = set_up(self._maker, self._setup)
            failure = self._upgrade(database, parents)
        if failure is not None:
            self._maker.jobs.broken[failure.revision] = failure.reason
            raise CannotBuildError(failure.reason)
        database.applied = applied
        self._database = database
        return database

    def _upgrade(self, database: Database, parents: Iterable[str]) -> _Failure | None:
        """Upgrade a database to some revisions; drop it and return the failure when one of them fails."""
        with database.tried() as keep:
            for revision in parents:
                if revision in database.applied:
                    continue
                result = database.run(Command.UPGRADE, revision)
                if result.error is not None:
                    return _failure(result, result.error, revision)
            keep()
        return None


def _failure(result: AgentResult, error: AgentError, revision: str) -> _Failure:
    """Return why an upgrade to a revision failed."""
    failed = result.runs[-1].revision if result.runs else revision
    reason = f"not run: revision {failed} before it fails on an empty database: {described(error)}"
    if is_not_installed(error.sqlstate, error.message):
        reason += "; name a server that has it: --sandbox-url"
    return _Failure(failed, reason)
