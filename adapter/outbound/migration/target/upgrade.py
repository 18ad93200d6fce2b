"""Upgrades a real database: `alembic upgrade` in the project's own Python, led to the database that is named.

The agent does it as it runs revisions in the sandbox, without a wall, a trace or a time limit.
"""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.events import EventReader
from adapter.outbound.migration.project.jobs import AgentJob, encoded
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.migration.target.lock_watch import PAUSE, LockWatch
from adapter.outbound.migration.target.poolers import PROCESS, refuse_transaction_pooler
from adapter.outbound.postgres.holders import Holder
from adapter.outbound.postgres.url import DatabaseURL

Asked = Callable[[str, str, tuple[int, ...]], Mapping[str, str] | None]

# No other database has both; not every role on every server may read the second.
_IDENTITIES = (
    "SELECT concat_ws(' ', current_database(), system_identifier) FROM pg_catalog.pg_control_system()",
    "SELECT pg_catalog.current_database()::text",
)
_TERMINATE = """
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
 WHERE pid = ANY (%s) AND datname = current_database() AND usename = current_user
"""
_NO_LIMIT = 10 * 365 * 86_400.0  # seconds
_GRACE = 10.0  # seconds in which an interrupted run may roll back and close its sessions


def upgrade_job(
    config: Path,
    url: DatabaseURL,
    *,
    is_named: bool,
    name: str = "alembic",
    environment: dict[str, str] | None = None,
    x_arguments: tuple[str, ...] = (),
    comparison: str = "",
    command: str = Command.UP,
) -> AgentJob:
    """Return the job that upgrades a database to the head; its `revision` may be replaced by another one.

    Args:
        config: The `alembic.ini` or `pyproject.toml` of the project.
        url: The database.
        is_named: Whether the user has named `config`.
        name: The section of that file.
        environment: Variables of env.py; see `AgentJob.environment`.
        x_arguments: The arguments of `alembic -x`.
        comparison: What compares the models with the database, as `Job.comparison`; empty for nothing.
        command: `Command.UP`, or `Command.DEPLOY`, which asks before each statement.

    Raises:
        psycopg.Error: The database cannot be reached.
        DatabaseConfigurationError: It is reached through a connection pooler in transaction mode.
    """
    parameters = {key: str(value) for key, value in psycopg.conninfo.conninfo_to_dict(url.libpq).items() if value}
    variables = {option.keyword.decode(): option.envvar for option in psycopg.pq.Conninfo.get_defaults()}
    query, identity, is_pooled = _identity(url)
    if is_pooled:
        refuse_transaction_pooler(url)
    return AgentJob(
        config=config,
        connection=_first_address(parameters),
        command=command,
        trace=False,
        environment=environment or {},
        x_arguments=x_arguments,
        name=name,
        target={
            "libpq": parameters,
            "asyncpg": url.asyncpg_arguments,
            "query": query,
            "identity": identity,
            "variables": {
                variable.decode(): parameters[keyword]
                for keyword, variable in variables.items()
                if variable and keyword in parameters
            },
        },
        comparison=comparison,
        is_named=is_named,
    )


def run_upgrade(
    process: AgentProcess,
    job: AgentJob,
    url: DatabaseURL,
    asked: Asked = lambda *_: {},
    pause: float = PAUSE,
    waits: Callable[[float, tuple[Holder, ...]], object] = lambda *_: None,
) -> tuple[AgentResult, tuple[Holder, ...]]:
    """Run the job to its end, or until a signal ends this process; the run is then ended in order first.

    A failure of the project raises nothing: it is recorded in the result.

    Args:
        process: An agent of which no other job is left.
        job: The job, from `upgrade_job`.
        url: The database.
        asked: For `Command.DEPLOY`: returns the settings for a statement, from its text, the lock timeout of its
            session, and the server's processes of the sessions of the upgrade; None to end the revision there.
        pause: Seconds between two looks at who is in the way, less than the lock timeouts.
        waits: As `LockWatch` has it.

    Returns:
        The result, and the sessions for whose locks the upgrade waited at its end.
    """
    token = secrets.token_hex(16)
    reader = EventReader(
        job,
        token,
        process,
        time.monotonic() + _NO_LIMIT,
        asked=lambda sql, lock_timeout: asked(sql, lock_timeout, reader.sessions),
    )
    try:
        process.send(encoded(job, job.connection, token, *process.descriptors))
        with LockWatch(url, lambda: reader.sessions, pause, waits) as watch:
            reader.read()
    except KeyboardInterrupt:
        _interrupt(process, reader)
        raise
    finally:
        process.end_job(wholly=reader.forged)
        if reader.forged or not reader.exited:
            process.close()  # more of this job may be in its pipes
        if not reader.done:
            _end_sessions(url, reader.sessions)
    return reader.result(""), watch.holders()


def _identity(url: DatabaseURL) -> tuple[str, str, bool]:
    """Return a query, its result in the database and nowhere else, and whether the way there is a pooler's."""
    with _connected(url) as connection:
        is_pooled = _value(connection, PROCESS) != str(connection.info.backend_pid)  # a pooler announces another one
        for query in _IDENTITIES[:-1]:
            with suppress(psycopg.Error):
                return query, _value(connection, query), is_pooled
        return _IDENTITIES[-1], _value(connection, _IDENTITIES[-1]), is_pooled


def _connected(url: DatabaseURL) -> psycopg.Connection[Any]:
    return psycopg.connect(url.libpq, autocommit=True, client_encoding="utf8", prepare_threshold=None)


def _value(connection: psycopg.Connection[Any], query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None  # noqa: S101 - it has no WHERE
    return str(row[0])


def _first_address(parameters: dict[str, str]) -> Connection:
    """Return the address that stands in the configuration; of several hosts the first."""
    host, port = (parameters.get(name, "").partition(",")[0] for name in ("host", "port"))
    user = parameters.get("user") or psycopg.conninfo.conninfo_to_dict("").get("user") or os.environ.get("USER", "")
    return Connection(
        host=host or "localhost",
        port=int(port or 5432),
        user=str(user),
        password=parameters.get("password"),
        dbname=parameters.get("dbname") or str(user),
    )


def _interrupt(process: AgentProcess, reader: EventReader) -> None:
    """Interrupt the run as Ctrl-C does, and wait for its end; a second signal ends the waiting."""
    if not process.has_job:
        return
    process.interrupt_job()
    reader.deadline = time.monotonic() + _GRACE
    with suppress(KeyboardInterrupt):
        reader.read()


def _end_sessions(url: DatabaseURL, sessions: tuple[int, ...]) -> None:
    """Terminate the sessions of a run that was killed; the server would first finish their statements."""
    if not sessions:
        return
    with suppress(psycopg.Error), _connected(url) as connection:
        connection.execute(_TERMINATE, (list(sessions),))
