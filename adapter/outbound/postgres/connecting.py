"""Connects a second time with asyncpg if psycopg did not report the SQLSTATE of a refused connection."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from adapter.outbound.postgres.url import DatabaseURL

_PATIENCE = 5.0  # seconds to wait for the connection


def reason_of_asyncpg(chain: Iterable[BaseException], url: DatabaseURL) -> BaseException | None:
    """Return the error of asyncpg if psycopg could not connect, or None if something else failed.

    libpq reports a text and no SQLSTATE for an error before the connection is established. Without this, `migrate`,
    which connects with psycopg, would know less than `alembic`, which connects with asyncpg.
    """
    if not any(_is_connection_error(link) for link in chain):
        return None
    with ThreadPoolExecutor(1) as thread:  # an event loop may run in the current thread
        try:
            thread.submit(asyncio.run, _connect(url)).result()
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 - the error is the result
            return error
    return None


def _is_connection_error(error: BaseException) -> bool:
    return getattr(error, "sqlstate", "") is None and getattr(error, "pgconn", None) is not None


async def _connect(url: DatabaseURL) -> None:
    from adapter.outbound.postgres.engine import migration_engine

    async with asyncio.timeout(_PATIENCE), migration_engine(url).connect():
        pass
