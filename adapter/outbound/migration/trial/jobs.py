"""Runs the agent's jobs on databases of the sandbox, each with a time limit and the target's settings."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.environment_errors import (
    has_environment_failed,
    raise_if_disk_full,
    raise_if_environment_failed,
    raise_if_session_ended,
)
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.migration.sandbox.session_settings import PLAIN, SessionSettings, accepted
from adapter.outbound.migration.trial.project import Project
from application.migration.lanes import StoppedError
from application.migration.ports.sandbox import Sandbox

_REVISION_COMMANDS = {Command.UPGRADE, Command.DOWNGRADE, Command.UNDO, Command.STAIRS}
_STATEMENT_TIMEOUTS = 3  # a revision may take this many times the timeout of one statement
_SHORTEST_LIMIT = 20  # seconds that every job may take


class Jobs:
    """Runner of the agent's jobs.

    Attributes:
        broken: The reason, by revision, why no later revision can be run: it fails on an empty database.
        endless: Revisions whose upgrade exceeded the time limit, so that none is run on generated rows again.
    """

    def __init__(self, project: Project, sandbox: Sandbox, agent: Agent, stop: threading.Event | None) -> None:
        """Create a runner.

        Args:
            project: The project whose revisions are run.
            sandbox: The sandbox that has the databases.
            agent: Runs the jobs, in the project's own Python.
            stop: When this is set, no further job starts.
        """
        self.broken: dict[str, str] = {}
        self.endless: set[str] = set()
        self._project = project
        self._sandbox = sandbox
        self._agent = agent
        self._stop = stop
        self._settings: SessionSettings | None = None

    def settings(self, database: str) -> SessionSettings:
        """Return the settings of the project's sessions, without those that the server of a database refuses."""
        if self._settings is None:
            self._settings = accepted(database, {**PLAIN, **self._project.settings})
        return self._settings

    @property
    def refused_settings(self) -> Mapping[str, str]:
        """Settings of the target that the sandbox refuses, by name."""
        return self._settings.refused if self._settings is not None else {}

    def run(
        self,
        database: str,
        command: str,
        revision: str = "head",
        *,
        stepped: Callable[[str, str], bool] = lambda *_: True,
        **options: Any,
    ) -> AgentResult:
        """Run a job of the agent on a database.

        Args:
            database: URL of the database.
            command: As in `AgentJob`.
            revision: As in `AgentJob`.
            stepped: As in `Agent.run`.
            options: Further attributes of the job, such as `kill_after`.

        Raises:
            StoppedError: The result is not needed any more.
        """
        if self._stop is not None and self._stop.is_set():
            raise StoppedError
        seconds = self._project.statement_timeout
        job = AgentJob(
            config=self._project.config,
            name=self._project.name,
            connection=Connection.parse(database),
            command=command,
            revision=revision,
            environment=self._project.environment,
            x_arguments=self._project.x_arguments,
            statement_timeout_ms=seconds * 1000,
            **{"trace": False, "settings": self.settings(database).taken, **options},
        )
        self._sandbox.show(database)
        # No job may run forever. A revision gets the time of some statements, a set-up the time of a dozen.
        limit = max(_SHORTEST_LIMIT, seconds * (_STATEMENT_TIMEOUTS if command in _REVISION_COMMANDS else 12)) * max(
            1, len(job.steps)
        )
        result = self._agent.run(job, limit, stepped)
        if has_environment_failed(job, result) and self._agent.renew():
            # some env.py can run only once in a process
            result = self._agent.run(job, limit, stepped)
        raise_if_environment_failed(job, result)
        raise_if_disk_full(result)
        raise_if_session_ended(job, result)
        self._remember_timeout(result)
        return result

    def _remember_timeout(self, result: AgentResult) -> None:
        """Add a revision whose upgrade exceeded the time limit to `endless`."""
        if result.error is not None and result.error.kind == "timeout" and result.runs:
            run = result.runs[-1]
            if run.direction == "upgrade":
                self.endless.add(run.revision)
