"""psycopg2, its C extension, and what is built on it."""

import asyncio
import importlib
from contextlib import closing
from typing import Any

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import psycopg2.pool

ASK = "SELECT current_database()"


def _ask(connection: Any) -> str:
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(ASK)
        return str(cursor.fetchone()[0])


def psycopg2_connect(to: Any) -> str:
    """`psycopg2.connect(url)`"""
    return _ask(psycopg2.connect(to.url))


def psycopg2_connect_keywords(to: Any) -> str:
    """`psycopg2.connect(host=…, port=…)`"""
    return _ask(psycopg2.connect(host=to.host, port=to.port, user=to.user, dbname=to.database))


def psycopg2_service(to: Any) -> str:
    """`psycopg2.connect("service=…")` with a file of services and passwords"""
    return _ask(psycopg2.connect(f"service={to.service}"))


def psycopg2_connection(to: Any) -> str:
    """`psycopg2.extensions.connection(dsn)`"""
    return _ask(psycopg2.extensions.connection(to.url))


def psycopg2_c_connect(to: Any) -> str:
    """`psycopg2._connect`, the function of the C extension"""
    return _ask(importlib.import_module("psycopg2._psycopg")._connect(to.url))


def psycopg2_factory(to: Any) -> str:
    """`psycopg2.connect(connection_factory=…)`"""

    class Own(psycopg2.extensions.connection):  # type: ignore[misc]
        pass

    return _ask(psycopg2.connect(to.url, connection_factory=Own))


def psycopg2_replication(to: Any) -> str:
    """`psycopg2.extras.LogicalReplicationConnection(dsn)`"""
    return _ask(psycopg2.extras.LogicalReplicationConnection(to.url))


def psycopg2_pool(to: Any) -> str:
    """`psycopg2.pool.SimpleConnectionPool`"""
    pool = psycopg2.pool.SimpleConnectionPool(1, 1, to.url)
    try:
        return _ask(pool.getconn())
    finally:
        pool.closeall()


def psycopg2_wrapped(to: Any) -> str:
    """`psycopg2.connect.__wrapped__`"""
    return _ask(psycopg2.connect.__wrapped__(to.url))


def psycopg2_reload(to: Any) -> str:
    """`importlib.reload(psycopg2)`"""
    return _ask(importlib.reload(psycopg2).connect(to.url))


def aiopg_connect(to: Any) -> str:
    """`aiopg.connect(dsn)`"""
    import aiopg

    async def ask() -> str:
        async with aiopg.connect(to.url, timeout=5) as connection, connection.cursor() as cursor:
            await cursor.execute(ASK)
            return str((await cursor.fetchone())[0])

    return asyncio.run(ask())
