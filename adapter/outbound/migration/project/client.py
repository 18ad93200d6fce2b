"""Runs the agent in a project's own Python, and reads what it reports.

The agent (`agent/`) is a child process in a process group of its own. This side limits its time, and lends it a
second session for statements that no transaction may hold: `CREATE INDEX CONCURRENTLY` and its like.
"""

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import psycopg

from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import redact

if TYPE_CHECKING:
    from adapter.outbound.migration.sandbox.relay import Relay
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.events import EventReader
from adapter.outbound.migration.project.jobs import AgentJob, encoded
from adapter.outbound.migration.project.results import AgentResult

UNWALLED = "run it where user processes may set up seccomp filters, or go on without isolation: --no-isolation"
TIMEOUT = 300.0  # seconds that one run of the agent may take


def run_agent(job: AgentJob, *, python: str = sys.executable, timeout: float = TIMEOUT) -> AgentResult:
    """Run one job in an agent of its own; see `Agent.run`."""
    with Agent(python=python) as agent:
        return agent.run(job, timeout)


class Agent:
    """Gives jobs to a process of the project's Python, which forks for each of them.

    It has the libraries imported. After a `revisions` job it also runs env.py, while this side goes on, so that later
    jobs find imported what that imports; the job's database must stay for that, and be nobody else's.
    """

    def __init__(
        self, process: AgentProcess | None = None, *, relay: "Relay | None" = None, python: str = sys.executable
    ) -> None:
        """Take over a process, or let the first job start one of a Python; it ends with the agent.

        Args:
            process: The process.
            relay: What leads to databases that are out of its reach; its folder is in the reach of the process.
            python: The Python of a process that is started here.
        """
        self._process = process
        self._python = python
        self._relay = relay
        self._has_run_env = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its process."""
        self.close()

    def run(
        self, job: AgentJob, timeout: float = TIMEOUT, stepped: Callable[[str, str], bool] = lambda *_: True
    ) -> AgentResult:
        """Run a job to its end.

        Whatever the project does is data in the result; nothing of it is raised.

        Args:
            job: What to do.
            timeout: Seconds until the project's processes are killed and its sessions ended.
            stepped: Called after each step of `stairs` with its revision and direction, when it is committed and the
                project's connection is idle; tells whether to go on.
        """
        process = self._started(job.connection)
        self._has_run_env = self._has_run_env or job.command == "revisions"
        begin = process.said()
        with os.fdopen(os.dup(process.answers[1]), "w", encoding="utf-8") as answers:
            token = secrets.token_hex(16)
            reader = EventReader(job, token, process.events[0], answers, time.monotonic() + timeout, stepped)
            try:
                # env.py goes on running there while other jobs have databases of their own
                way = self._way_to(job.connection, process, keep=job.command == "revisions")
                process.send(encoded(job, way, token, process.events[1], process.answers[0]))
                reader.read()
            finally:
                if reader.pid is not None:  # the leader may have gone and left others
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(reader.pid, signal.SIGKILL)
                reader.close()
                if not reader.done:
                    _end_sessions(job.connection)
                output = process.tail(begin)
                unwalled = not reader.exited and process.failed_to_start()
                if not reader.exited:
                    process.close()
        if unwalled:
            raise DatabaseConfigurationError(redact(output.strip()), UNWALLED)
        return reader.result(redact(output))

    def close(self) -> None:
        """End the process; the next job starts another."""
        if self._process is not None:
            self._process.close()
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def renew(self) -> bool:
        """End a process in which env.py has run, so that the next job starts with a new one; tell whether it had."""
        if not self._has_run_env or self._process is None:
            return False
        self._has_run_env = False
        self._process.close()
        return True

    def _started(self, connection: Connection) -> AgentProcess:
        if self._process is None:
            if not connection.is_local:
                from adapter.outbound.migration.sandbox.relay import Relay

                self._relay = Relay()
            folder = self._relay.folder if self._relay else connection.host
            self._process = AgentProcess(self._python, keep=[folder])
        elif not self._process.is_open:
            self._process = self._process.again()
        return self._process

    def _way_to(self, connection: Connection, process: AgentProcess, *, keep: bool) -> Connection:
        """Return how the process gets to a database: directly, or through a socket of ours where that is walled off."""
        if self._relay is None or (connection.is_local and process.reaches(connection.host)):
            return connection
        self._relay.lead_to({**connection.parameters, "dbname": connection.dbname}, keep=keep)
        return replace(connection, host=self._relay.folder, port=5432)


def _end_sessions(connection: Connection) -> None:
    """End what a killed project left running in the sandbox database."""
    with suppress(psycopg.Error), connection.connect() as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
