"""The process in which a project deploys: it reaches the database that is deployed to, and nothing else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from adapter.outbound.isolation.processes import unreadable
from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.project.isolation import require_wall, warn_of_gap
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.relay import Relay
from adapter.outbound.postgres.url import DatabaseURL

_PORT = 5432
# How to get to the server and to encrypt is the relay's business.
_OF_RELAY = ("hostaddr", "port", "host", "target_session_attrs", "load_balance_hosts", "channel_binding")


@contextmanager
def deploying_process(
    python: str, job: AgentJob, url: DatabaseURL, *, isolated: bool, network: bool, output: int | None
) -> Iterator[tuple[AgentProcess, AgentJob]]:
    """Yield a process of the project's Python, and the job as it is led from there.

    Args:
        python: The interpreter.
        job: The job of one revision, from `upgrade_job`.
        url: The database.
        isolated: Whether the kernel keeps the process from everything but the database.
        network: Whether the process may use the network in spite of that.
        output: File descriptor for what the project prints; None to keep it.

    Raises:
        DatabaseConfigurationError: This system cannot isolate a process.
    """
    if not isolated:
        with AgentProcess(python, walled=False, network=True, output=output) as process:
            yield process, job
        return
    require_wall()
    with (
        Relay("the deployment") as relay,
        unreadable(),
        AgentProcess(python, keep=[relay.folder], network=network, output=output) as process,
    ):
        parameters = {name: str(value) for name, value in psycopg.conninfo.conninfo_to_dict(url.libpq).items() if value}
        relay.lead_to(
            {**parameters, "dbname": job.connection.dbname, "user": job.connection.user}  # libpq's defaults, named
        )
        process.let_through(relay.folder, _PORT, os.getpid())
        warn_of_gap(process.gate)
        yield process, _through(relay, job)


def _through(relay: Relay, job: AgentJob) -> AgentJob:
    """Return a job whose connections are led to a relay."""
    connection = replace(job.connection, host=relay.folder, port=_PORT)
    asyncpg = {name: value for name, value in job.target["asyncpg"].items() if name not in {"dsn", "ssl", "direct_tls"}}
    address = {"host": relay.folder, "port": _PORT, "user": connection.user, "database": connection.dbname}
    libpq = {
        name: value
        for name, value in job.target["libpq"].items()
        if name not in _OF_RELAY and not name.startswith(("ssl", "gss", "krb"))
    }
    local = {"host": relay.folder, "port": str(_PORT), "user": connection.user, "dbname": connection.dbname}
    variables = {
        name: value
        for name, value in job.target["variables"].items()
        if not name.startswith(("PGSSL", "PGGSS", "PGKRB", "PGHOSTADDR", "PGCHANNELBINDING"))
    }
    target = {
        **job.target,
        "libpq": libpq | local,
        "asyncpg": asyncpg | address | ({"password": connection.password} if connection.password else {}),
        "variables": variables | {"PGHOST": relay.folder, "PGPORT": str(_PORT)},
    }
    return replace(job, connection=connection, target=target)
