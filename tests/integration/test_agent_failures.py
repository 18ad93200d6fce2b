"""Errors of the server, as the agent reports them."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from adapter.outbound.migration.project.agent.failures import message_of, sqlstate_of

pytestmark = pytest.mark.one_major


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_message_is_that_of_the_server(empty_url: str, driver: str) -> None:
    """Each driver leads to the sentence and its detail, without what SQLAlchemy writes around them."""
    url = sa.make_url(empty_url).set(drivername=f"postgresql+{driver}")
    error = asyncio.run(_duplicate(url))

    assert message_of(error) == 'duplicate key value violates unique constraint "once"\nKey (id)=(1) already exists.'
    assert sqlstate_of(error) == "23505"


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_message_of_the_driver(empty_url: str, driver: str) -> None:
    """What the driver says of a session that was ended has neither its class nor the statement with it."""
    url = sa.make_url(empty_url).set(drivername=f"postgresql+{driver}")
    message = message_of(asyncio.run(_ended(url)))

    assert "terminating connection due to administrator command" in message
    assert not set("()<>[]") & set(message)


async def _ended(url: sa.URL) -> BaseException:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            with pytest.raises(sa.exc.DBAPIError) as raised:
                await connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(50)"))
    finally:
        await engine.dispose()
    return raised.value


async def _duplicate(url: sa.URL) -> BaseException:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execute(sa.text("CREATE TEMP TABLE once_each (id int CONSTRAINT once PRIMARY KEY)"))
            with pytest.raises(sa.exc.IntegrityError) as raised:
                await connection.execute(sa.text("INSERT INTO once_each VALUES (1), (1)"))
    finally:
        await engine.dispose()
    return raised.value
