"""psycopg: the entries that are redirected, and those beside them."""

import asyncio
import importlib
from typing import Any

import psycopg

ASK = "SELECT current_database()"


def _ask(connection: Any) -> str:
    with connection:
        return str(connection.execute(ASK).fetchone()[0])


def psycopg_connect(to: Any) -> str:
    """`psycopg.connect(url)`"""
    return _ask(psycopg.connect(to.url))


def psycopg_connect_keywords(to: Any) -> str:
    """`psycopg.connect(host=…, port=…)`"""
    return _ask(psycopg.connect(host=to.host, port=to.port, user=to.user, dbname=to.database))


def psycopg_connect_hosts(to: Any) -> str:
    """`psycopg.connect` with two hosts"""
    return _ask(
        psycopg.connect(
            f"host=/nowhere,{to.host} port={to.port},{to.port} user={to.user} dbname={to.database}"
            " target_session_attrs=read-write"
        )
    )


def psycopg_service(to: Any) -> str:
    """`psycopg.connect("service=…")` with a file of services and passwords"""
    return _ask(psycopg.connect(f"service={to.service}"))


def psycopg_connection_connect(to: Any) -> str:
    """`psycopg.Connection.connect`"""
    return _ask(psycopg.Connection.connect(to.url))


def psycopg_subclass(to: Any) -> str:
    """a class derived from `psycopg.Connection`"""

    class Own(psycopg.Connection[Any]):
        pass

    return _ask(Own.connect(to.url))


def psycopg_async(to: Any) -> str:
    """`psycopg.AsyncConnection.connect`"""

    async def ask() -> str:
        async with await psycopg.AsyncConnection.connect(to.url) as connection:
            cursor = await connection.execute(ASK)
            row: Any = await cursor.fetchone()
            return str(row[0])

    return asyncio.run(ask())


def psycopg_connect_gen(to: Any) -> str:
    """`psycopg.Connection._connect_gen`"""
    private: Any = psycopg.Connection
    return _ask(psycopg.waiting.wait_conn(private._connect_gen(to.url)))


def psycopg_connect_wrapped(to: Any) -> str:
    """`psycopg.connect.__wrapped__`"""
    wrapped: Any = psycopg.connect
    return _ask(wrapped.__wrapped__(psycopg.Connection, to.url))


def psycopg_reload(to: Any) -> str:
    """`importlib.reload(psycopg.connection)`"""
    return _ask(importlib.reload(importlib.import_module("psycopg.connection")).Connection.connect(to.url))


def psycopg_pq(to: Any) -> str:
    """`psycopg.pq.PGconn.connect`"""
    connection = psycopg.pq.PGconn.connect(to.url.encode())
    return _first(connection)


def psycopg_pq_start(to: Any) -> str:
    """`psycopg.pq.PGconn.connect_start`"""
    connection = psycopg.pq.PGconn.connect_start(to.url.encode())
    while connection.status not in {psycopg.pq.ConnStatus.OK, psycopg.pq.ConnStatus.BAD}:
        connection.connect_poll()
    return _first(connection)


def _first(connection: Any) -> str:
    try:
        if connection.status != psycopg.pq.ConnStatus.OK:
            raise ConnectionError(connection.error_message.decode())
        return str(connection.exec_(ASK.encode()).get_value(0, 0).decode())
    finally:
        connection.finish()


def psycopg_pool(to: Any) -> str:
    """`psycopg_pool.ConnectionPool`"""
    from psycopg_pool import ConnectionPool

    with ConnectionPool(to.url, min_size=1, timeout=5) as pool, pool.connection() as connection:
        row: Any = connection.execute(ASK).fetchone()
        return str(row[0])


def psycopg_pool_async(to: Any) -> str:
    """`psycopg_pool.AsyncConnectionPool`"""
    from psycopg_pool import AsyncConnectionPool

    async def ask() -> str:
        async with AsyncConnectionPool(to.url, min_size=1, timeout=5, open=False) as pool, pool.connection() as one:
            cursor = await one.execute(ASK)
            row: Any = await cursor.fetchone()
            return str(row[0])

    return asyncio.run(ask())
