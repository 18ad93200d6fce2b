"""Before a revision runs, its connection proves that it leads to the sandbox: on every driver, and each new one."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.environment_errors import raise_if_environment_failed
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from tests.conftest import Server
from tests.history import History
from tests.integration.test_isolation import REQUIREMENTS
from tests.real_projects.environments import environment

pytestmark = pytest.mark.one_major

_ENV = """
from alembic import context
from sqlalchemy import create_engine
{imports}

def elsewhere():
    return {elsewhere}

{more}
with create_engine("postgresql+{driver}://", creator={creator}).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
_ASYNC_ENV = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine
{imports}

async def elsewhere():
    return await {elsewhere}

def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    async with create_async_engine("postgresql+asyncpg://", async_creator=elsewhere).connect() as connection:
        await connection.run_sync(run)

asyncio.run(main())
"""
# How each driver connects below what leads it to the sandbox.
_ELSEWHERE = {
    "psycopg": (
        "import psycopg",
        'psycopg.Connection(psycopg.pq.PGconn.connect(b"host={host} port={port} user={user} dbname=postgres"))',
    ),
    "asyncpg": (
        "import asyncpg",
        'asyncpg.connect.__wrapped__(host="{host}", port={port}, user="{user}", database="postgres")',
    ),
    "psycopg2": (
        "import psycopg2.extensions",
        'psycopg2.extensions.connection("host={host} port={port} user={user} dbname=postgres")',
    ),
    "pg8000": (
        """import pg8000.dbapi
from pg8000.core import CoreConnection
CoreConnection.__init__ = CoreConnection.__init__.__wrapped__""",
        'pg8000.dbapi.connect("{user}", unix_sock="{host}/.s.PGSQL.{port}", database="postgres")',
    ),
}
_CREATE = 'op.execute("CREATE TABLE hexalembic_never (id int)")'
# A revision whose connection is lost, and which goes on with the next one that its engine makes.
_RECONNECT = f"""bind = op.get_bind()
bind.get_transaction().rollback()
bind.invalidate()
{_CREATE}"""

Run = Callable[..., AgentResult]


@pytest.fixture
def run(history: History, server: Server, empty_url: str) -> Run:
    """Run a revision by an env.py, in a database of its own, and return the result."""

    def run(env: str, upgrade: str = _CREATE, python: Path | None = None, file: str = "env.py") -> AgentResult:
        history.add("r1", None, upgrade)
        config = history.plain_ini()
        (config.parent / "env.py").write_text(env, encoding="utf-8")
        job = AgentJob(config=config, connection=Connection.parse(empty_url), command="upgrade", trace=False)
        process = AgentProcess(*([str(python)] if python else []), keep=[server.host])
        with Agent(process) as agent:
            result = agent.run(job)
        with pytest.raises(DatabaseConfigurationError) as caught:
            raise_if_environment_failed(job, result)
        assert caught.value.exit_code == 2
        place = f'{file} connected to "{server.host}"/postgres itself: nothing was run there ({file}, line '
        assert caught.value.message.startswith(place), caught.value.message
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT to_regclass('hexalembic_never')").fetchone() == (None,)
        return result

    return run


def _env(driver: str, server: Server, creator: str = "elsewhere", more: str = "") -> str:
    imports, elsewhere = _ELSEWHERE[driver]
    where = elsewhere.format(host=server.host, port=server.port, user=server.user)
    if driver == "asyncpg":
        return _ASYNC_ENV.format(imports=imports, elsewhere=where)
    return _ENV.format(driver=driver, imports=imports, elsewhere=where, creator=creator, more=more)


@pytest.mark.parametrize(
    "driver",
    ["psycopg", "asyncpg", *(pytest.param(name, marks=pytest.mark.long) for name in ("psycopg2", "pg8000"))],
)
def test_each_driver(run: Run, server: Server, driver: str) -> None:
    """A connection that leads elsewhere is found out whatever driver has made it, and nothing runs."""
    python = None if driver in {"psycopg", "asyncpg"} else environment("isolation", REQUIREMENTS)
    assert run(_env(driver, server), python=python).runs == ()


def test_a_connection_that_is_made_anew(run: Run, server: Server) -> None:
    """A revision whose connection was lost does not go on elsewhere, though the first one led to the sandbox."""
    more = "connections = [elsewhere, psycopg.connect]"
    result = run(
        _env("psycopg", server, creator="lambda: connections.pop()()", more=more), upgrade=_RECONNECT, file="r1.py"
    )
    assert [one.revision for one in result.runs] == ["r1"]
