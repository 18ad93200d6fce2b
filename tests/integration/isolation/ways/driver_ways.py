"""Other drivers: in pure Python, in Rust, on a libpq of their own."""

import asyncio
import importlib
import inspect
import re
from contextlib import closing
from typing import Any

ASK = "SELECT current_database()"


def pg8000_dbapi(to: Any) -> str:
    """`pg8000.dbapi.connect`"""
    import pg8000.dbapi

    with closing(pg8000.dbapi.connect(**_pg8000(to))) as connection:
        cursor = connection.cursor()
        cursor.execute(ASK)
        return str(cursor.fetchone()[0])


def pg8000_native(to: Any) -> str:
    """`pg8000.native.Connection`"""
    import pg8000.native

    with closing(pg8000.native.Connection(**_pg8000(to))) as connection:
        return str(connection.run(ASK)[0][0])


def pg8000_legacy(to: Any) -> str:
    """`pg8000.connect`"""
    import pg8000

    with closing(pg8000.connect(**_pg8000(to))) as connection:
        cursor = connection.cursor()
        cursor.execute(ASK)
        return str(cursor.fetchone()[0])


def pg8000_core(to: Any) -> str:
    """`pg8000.core.CoreConnection`"""
    import pg8000.core

    with closing(pg8000.core.CoreConnection(**_pg8000(to))) as connection:
        return str(connection.execute_simple(ASK).rows[0][0])


def _pg8000(to: Any) -> dict[str, Any]:
    where = {"unix_sock": to.path} if to.path else {"host": to.host, "port": to.port}
    return {"user": to.user, "database": to.database, "timeout": 5, **where}


def asyncpg_connect(to: Any) -> str:
    """`asyncpg.connect(url)`"""
    import asyncpg

    return _asyncpg(asyncpg.connect(to.url, timeout=5))


def asyncpg_module(to: Any) -> str:
    """`asyncpg.connection.connect(host=…, port=…)`"""
    import asyncpg.connection

    return _asyncpg(
        asyncpg.connection.connect(host=to.host, port=to.port, user=to.user, database=to.database, timeout=5)
    )


def asyncpg_wrapped(to: Any) -> str:
    """`asyncpg.connect.__wrapped__`"""
    import asyncpg

    return _asyncpg(getattr(asyncpg.connect, "__wrapped__", asyncpg.connect)(to.url, timeout=5))


def asyncpg_reload(to: Any) -> str:
    """`importlib.reload(asyncpg.connection)`"""
    return _asyncpg(importlib.reload(importlib.import_module("asyncpg.connection")).connect(to.url, timeout=5))


def asyncpg_utils(to: Any) -> str:
    """`asyncpg.connect_utils._connect`"""
    import asyncpg

    utils = importlib.import_module("asyncpg.connect_utils")
    connect: Any = getattr(asyncpg.connect, "__wrapped__", asyncpg.connect)
    given = {name: one.default for name, one in inspect.signature(connect).parameters.items() if name != "timeout"}
    given.update(dsn=to.url, connection_class=asyncpg.Connection, record_class=asyncpg.Record)
    return _asyncpg(utils._connect(**given))


def asyncpg_pool(to: Any) -> str:
    """`asyncpg.create_pool`"""
    import asyncpg

    async def ask() -> str:
        async with asyncpg.create_pool(to.url, min_size=1, max_size=1, timeout=5) as pool:
            return str(await pool.fetchval(ASK))

    return asyncio.run(ask())


def _asyncpg(connecting: Any) -> str:
    async def ask() -> str:
        connection = await connecting
        try:
            return str(await connection.fetchval(ASK))
        finally:
            await connection.close()

    return asyncio.run(ask())


def databases_database(to: Any) -> str:
    """`databases.Database(url)` on asyncpg"""
    import databases

    async def ask() -> str:
        async with databases.Database(to.url) as database:
            return str(await database.fetch_val(ASK))

    return asyncio.run(ask())


def psqlpy_pool(to: Any) -> str:
    """`psqlpy.ConnectionPool`, a driver in Rust"""
    import psqlpy

    async def ask() -> str:
        pool = psqlpy.ConnectionPool(
            host=to.host, port=to.port, username=to.user, db_name=to.database, connect_timeout_sec=5, max_db_pool_size=2
        )
        async with pool.acquire() as connection:
            found = await connection.fetch(f"{ASK} AS name")
        pool.close()
        return str(found.result()[0]["name"])

    return asyncio.run(ask())


def adbc_connect(to: Any) -> str:
    """`adbc_driver_postgresql.connect`, a libpq of its own"""
    import adbc_driver_manager
    import adbc_driver_postgresql

    try:
        with (
            adbc_driver_postgresql.connect(to.url) as database,
            adbc_driver_manager.AdbcConnection(database) as connection,
            adbc_driver_manager.AdbcStatement(connection) as statement,
        ):
            # an answer without the package of Arrow
            statement.set_sql_query("DO $$ BEGIN RAISE EXCEPTION 'at <%>', current_database(); END $$")
            statement.execute_update()
    except adbc_driver_manager.Error as error:
        found = re.search(r"at <(\w+)>", str(error))
        if found:
            return found[1]
        raise
    return "nothing"
