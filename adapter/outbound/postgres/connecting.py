"""Asks once more what a server says to a connection, where the driver kept its SQLSTATE for itself."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from adapter.outbound.postgres.url import DatabaseURL

_PATIENCE = 5.0  # seconds


def reason_of_asyncpg(chain: Iterable[BaseException], url: DatabaseURL) -> BaseException | None:
    """Return what asyncpg says where psycopg could not connect; None where something else failed.

    libpq gives its text and no SQLSTATE for whatever happens before the connection is there. So `migrate`, which
    connects by psycopg, would know less than `alembic`, which connects by asyncpg.
    """
    if not any(_is_of_connecting(one) for one in chain):
        return None
    with ThreadPoolExecutor(1) as thread:  # there may be a loop in this one
        try:
            thread.submit(asyncio.run, _connect(url)).result()
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 - it is what was asked for
            return error
    return None


def _is_of_connecting(error: BaseException) -> bool:
    return getattr(error, "sqlstate", "") is None and getattr(error, "pgconn", None) is not None


async def _connect(url: DatabaseURL) -> None:
    from adapter.outbound.postgres.engine import migration_engine

    async with asyncio.timeout(_PATIENCE), migration_engine(url).connect():
        pass
