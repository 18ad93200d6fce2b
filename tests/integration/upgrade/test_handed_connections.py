"""Upgrades on a connection or an engine that the caller hands over."""

import asyncio
import os
from typing import Any

import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from adapter.outbound.postgres import engine
from adapter.outbound.postgres.url import DatabaseURL
from tests.history import History
from tests.integration.upgrade.runs import HEAD, current, scalar
from tests.support import alembic_config

pytestmark = pytest.mark.one_major


def upgrade_on(target: Any) -> None:
    """Upgrade on what a caller hands over."""
    config = alembic_config("")
    config.attributes["connection"] = target
    command.upgrade(config, "head")


def test_handed_connection(empty_url: str) -> None:
    """A connection with nothing executed on it is used, everything is committed, and its settings are as before."""
    with engine.tooling_engine(DatabaseURL.parse(empty_url)).connect() as connection:
        connection.execute(text("SET lock_timeout = '42s'"))
        connection.commit()
        upgrade_on(connection)

        assert connection.scalar(text("SHOW lock_timeout")) == "42s"
    assert current(empty_url) == HEAD


def test_handed_connection_in_a_transaction(empty_url: str, history: History) -> None:
    """In a transaction that the caller began, the caller decides: nothing is kept before the commit, all after it."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    with engine.tooling_engine(DatabaseURL.parse(empty_url)).begin() as connection:
        config = history.config("")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

        assert scalar(empty_url, "SELECT to_regclass('a')") is None
    assert current(empty_url) == "r1"


def test_handed_transaction_cannot_run_a_revision_that_commits(empty_url: str) -> None:
    """A history with `autocommit_block` in the caller's transaction is refused with a sentence, and nothing is kept."""
    with (
        pytest.raises(CommandError, match="commits by itself"),
        engine.tooling_engine(DatabaseURL.parse(empty_url)).begin() as connection,
    ):
        upgrade_on(connection)

    assert scalar(empty_url, "SELECT to_regclass('users')") is None


def test_handed_engines(empty_url: str) -> None:
    """A sync engine, an async engine, and any object with `connect()` work."""
    url = DatabaseURL.parse(empty_url)
    sync = engine.tooling_engine(url)

    class OnlyConnect:
        """What pytest-alembic hands over."""

        def connect(self) -> Connection:
            return sync.connect()

    for target in (sync, engine.migration_engine(url), OnlyConnect()):
        upgrade_on(target)
        assert current(empty_url) == HEAD
        command.downgrade(alembic_config(empty_url), "base")


def test_inside_a_running_loop(empty_url: str) -> None:
    """`command.upgrade` called from a coroutine works, on a URL and through `run_sync`."""
    url = DatabaseURL.parse(empty_url)

    async def call_directly() -> None:
        command.upgrade(alembic_config(empty_url), "head")

    async def call_through_run_sync() -> None:
        handed = create_async_engine(url.asyncpg_url, connect_args=url.asyncpg_arguments)
        async with handed.connect() as connection:
            await connection.run_sync(upgrade_on)
        await handed.dispose()

    for coroutine in (call_directly, call_through_run_sync):
        asyncio.run(coroutine())
        assert current(empty_url) == HEAD
        command.downgrade(alembic_config(empty_url), "base")


def test_handed_async_connection_is_refused_with_the_way_out(empty_url: str) -> None:
    """An AsyncConnection, which Alembic cannot use, is refused with a sentence that names `run_sync`."""

    async def call() -> None:
        handed = engine.migration_engine(DatabaseURL.parse(empty_url))
        async with handed.connect() as connection:
            upgrade_on(connection)

    with pytest.raises(CommandError, match="run_sync"):
        asyncio.run(call())


def test_plain_psycopg_url_of_the_tooling(empty_url: str) -> None:
    """An engine that a caller made with psycopg upgrades like one with asyncpg."""
    socket = empty_url.replace("postgresql://", "postgresql+psycopg://")
    with create_engine(socket, poolclass=NullPool).connect() as connection:
        upgrade_on(connection)

    assert current(empty_url) == HEAD
    assert os.environ.get("DATABASE_URL") is None
