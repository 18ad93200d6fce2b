"""Runs the agent's jobs on databases of the sandbox, each with its time limit and the target's settings."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.environment_errors import (
    described,
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
from application.migration.ports import Sandbox

_STEPS = {"upgrade", "downgrade", "undo", "stairs"}
_STATEMENTS = 3  # times the time of one statement that a revision has
_SHORTEST = 20  # seconds that it has at least


class Jobs:
    """Runs jobs.

    Attributes:
        broken: Revisions that no database gets past, with the reason: those whose upgrade did not end in its time, and
            those that fail on an empty database.
    """

    def __init__(self, project: Project, sandbox: Sandbox, agent: Agent, stop: threading.Event | None) -> None:
        """Keep what it works on.

        Args:
            project: Whose revisions.
            sandbox: Where the databases are.
            agent: Runs the jobs, in the project's own Python.
            stop: No job is begun when this is set.
        """
        self.broken: dict[str, str] = {}
        self._project = project
        self._sandbox = sandbox
        self._agent = agent
        self._stop = stop
        self._settings: SessionSettings | None = None

    def settings(self, database: str) -> SessionSettings:
        """Return what the project's sessions have set, as far as the server of a database takes it."""
        if self._settings is None:
            self._settings = accepted(database, {**PLAIN, **self._project.settings})
        return self._settings

    @property
    def refused_settings(self) -> Mapping[str, str]:
        """Settings of the target that the sandbox does not take."""
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
            database: Its URL.
            command: As in `AgentJob`.
            revision: As in `AgentJob`.
            stepped: As in `Agent.run`.
            options: More of its attributes, such as `kill_after`.

        Raises:
            StoppedError: It is not wanted any more.
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
        # Nothing runs for ever: a revision has the time of some statements, what sets a project up that of a dozen.
        limit = max(_SHORTEST, seconds * (_STATEMENTS if command in _STEPS else 12)) * max(1, len(job.steps))
        result = self._agent.run(job, limit, stepped)
        if has_environment_failed(job, result) and self._agent.renew():
            # it may be one that can run once in a process only
            result = self._agent.run(job, limit, stepped)
        raise_if_environment_failed(job, result)
        raise_if_disk_full(result)
        raise_if_session_ended(job, result)
        self._note_endless(result)
        return result

    def _note_endless(self, result: AgentResult) -> None:
        """Remember a revision whose upgrade did not end in its time: it is not tried again below others."""
        if result.error is not None and result.error.kind == "timeout" and result.runs:
            run = result.runs[-1]
            if run.direction == "upgrade":
                reason = f"revision {run.revision} before it does not end: {described(result.error)}"
                self.broken.setdefault(run.revision, f"not run: {reason}")
