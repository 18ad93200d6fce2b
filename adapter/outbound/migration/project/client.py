"""Runs the agent in a project's own Python, and reads its reports.

`agent_process.py` owns the process of the agent (`agent/`). This side limits the time of its jobs. It also observes
statements that cannot run inside a transaction, such as `CREATE INDEX CONCURRENTLY`, from a second session.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import psycopg

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import redact

if TYPE_CHECKING:
    from adapter.outbound.migration.project.relay import Relay
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.events import EventReader
from adapter.outbound.migration.project.jobs import AgentJob, encoded
from adapter.outbound.migration.project.results import AgentResult

UNWALLED = "run it where user processes may set up seccomp filters, or go on without isolation: --no-isolation"
TIMEOUT = 300.0  # seconds that one run of the agent may take


def run_agent(job: AgentJob, *, python: str = sys.executable, timeout: float = TIMEOUT) -> AgentResult:
    """Run a single job in a new agent, which ends with the job; see `Agent.run`."""
    with Agent(python=python) as agent:
        return agent.run(job, timeout)


class Agent:
    """A process of the project's own Python that runs jobs, each in a fork of itself.

    The process has the common libraries imported. After a job of `Command.REVISIONS` it also runs env.py in the
    background, so that later jobs find the imports of env.py done. The database of that job must therefore stay, and no
    other job may use it.
    """

    def __init__(
        self, process: AgentProcess | None = None, *, relay: "Relay | None" = None, python: str = sys.executable
    ) -> None:
        """Create an agent.

        Args:
            process: The process to use; None to start one with the first job. It ends with the agent.
            relay: Forwards connections to databases that the process cannot reach; its folder must be reachable.
            python: Path of the Python interpreter of a process that is started here.
        """
        self._process = process
        self._python = python
        self._relay = relay
        self._has_run_env = False

    def __enter__(self) -> Self:
        """Return the agent."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def run(
        self, job: AgentJob, timeout: float = TIMEOUT, stepped: Callable[[str, str], bool] = lambda *_: True
    ) -> AgentResult:
        """Run a job to its end.

        A failure of the project raises nothing: it is recorded in the result.

        Args:
            job: The job.
            timeout: Seconds until the project's processes are killed and its sessions are terminated.
            stepped: Called after each step of `Command.STAIRS` with its revision and direction, when the step is
                committed and the project's connection is idle. It returns whether to continue.

        Raises:
            DatabaseConfigurationError: The isolation of the process could not be set up.
        """
        process = self._running_process(job.connection)
        self._has_run_env = self._has_run_env or job.command == Command.REVISIONS
        output_start = process.output_size()
        token = secrets.token_hex(16)
        reader = EventReader(job, token, process, time.monotonic() + timeout, stepped)
        try:
            # after this command, env.py continues on this database while other jobs use databases of their own
            address = self._reachable_address(job.connection, process, keep=job.command == Command.REVISIONS)
            process.send(encoded(job, address, token, *process.descriptors))
            reader.read()
        finally:
            process.end_job(wholly=reader.forged)
            reader.close()
            if reader.forged or not reader.done:
                _end_sessions(job.connection)
            output = process.output_after(output_start)
            is_isolation_missing = not reader.exited and process.failed_to_start()
            if reader.forged or not reader.exited:
                process.close()  # more of this job may be in its pipes
        if is_isolation_missing:
            raise DatabaseConfigurationError(redact(output.strip()), UNWALLED)
        return replace(reader.result(redact(output)), has_network=process.has_network)

    def close(self) -> None:
        """End the process and the relay; the next job starts a new process."""
        if self._process is not None:
            self._process.close()
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def renew(self) -> bool:
        """End the process when env.py has run in it, so that the next job starts a new one; return whether it did."""
        if not self._has_run_env or self._process is None:
            return False
        self._has_run_env = False
        self._process.close()
        return True

    def _running_process(self, connection: Connection) -> AgentProcess:
        if self._process is None:
            if not connection.is_local:
                from adapter.outbound.migration.project.relay import Relay

                self._relay = Relay()
            folder = self._relay.folder if self._relay else connection.host
            self._process = AgentProcess(self._python, keep=[folder])
        self._process.reopen()
        return self._process

    def _reachable_address(self, connection: Connection, process: AgentProcess, *, keep: bool) -> Connection:
        """Return the address at which the process reaches a database: its own, or that of the relay."""
        if self._relay is None or (connection.is_local and process.reaches(connection.host)):
            with suppress(OSError):  # no server is there: the project itself is told so
                process.let_through(connection.host, connection.port)
            return connection
        address = {**connection.parameters, "dbname": connection.dbname, "user": connection.user}
        self._relay.lead_to(address, keep=keep)
        process.let_through(self._relay.folder, 5432, os.getpid())
        return replace(connection, host=self._relay.folder, port=5432)


def _end_sessions(connection: Connection) -> None:
    """Terminate the sessions that a killed project has left in the sandbox database."""
    with suppress(psycopg.Error), connection.connect() as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
