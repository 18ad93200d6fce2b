"""What the project's process reaches while it deploys: the database that is deployed to, over TLS as well."""

import socket
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import trustme

from tests.conftest import Server
from tests.history import History
from tests.integration.deploy.shops import ADD, DROP, Deployment, columns
from tests.integration.encrypting import encrypting

_ASYNC_ENV = """
import asyncio

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine


def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine("postgresql+asyncpg://nowhere.invalid/none")
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
"""
_OTHER_DATABASE = """
import os
import psycopg
psycopg.Connection.connect.__wrapped__(
    psycopg.Connection, f"host={os.environ['PGHOST']} user={os.environ['PGUSER']} dbname=postgres"
)
"""
needs_wall = pytest.mark.skipif(sys.platform != "linux", reason="the wall is the kernel's of Linux")


@needs_wall
@pytest.mark.one_major
@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_server_that_encrypts(deployment: Deployment, server: Server, tmp_path: Path, driver: str) -> None:
    """The way through the wall is local, and the one to the server encrypted and verified; both drivers get there."""
    authority = trustme.CA()
    certificate = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(certificate)
    if driver == "asyncpg":
        (deployment.config.parent / "env.py").write_text(_ASYNC_ENV)
    with encrypting(server, authority) as port:
        parameters = f"sslmode=verify-full&sslrootcert={quote(str(certificate), safe='')}"
        url = f"postgresql://{server.user}@localhost:{port}/hexalembic_empty?{parameters}"
        report = replace(deployment, url=url).run("r2")
    assert not report.failed, report.last_attempt
    assert columns(deployment.url) == {"id", "name", "phone"}


@needs_wall
def test_nothing_else(deployment: Deployment, shop: History, server: Server) -> None:
    """Neither the network, nor the server's own socket, nor another database of the server is in reach."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        for reach in (
            f"import socket; socket.create_connection(('127.0.0.1', {port}))",
            f"import socket; socket.socket(socket.AF_UNIX).connect('{server.host}/.s.PGSQL.{server.port}')",
            _OTHER_DATABASE,
        ):
            shop.add("r2", "r1", f"{ADD}\n{reach}", DROP)
            report = deployment.run("r2")
            assert report.failed, reach
            assert report.current == ("r1",)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert columns(deployment.url) == {"id", "name"}
    with psycopg.connect(deployment.url) as connection:
        events = connection.execute("SELECT event FROM hexalembic.journal ORDER BY number").fetchall()
    assert [event for (event,) in events] == ["started", "failed"] * 3
