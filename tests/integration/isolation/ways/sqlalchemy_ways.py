"""SQLAlchemy: engines beside the one that env.py made, and what can be hooked into one."""

import asyncio
import importlib
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import event, pool
from sqlalchemy.ext.asyncio import create_async_engine

ASK = "SELECT current_database()"


def _ask(engine: sa.Engine) -> str:
    try:
        with engine.connect() as connection:
            return str(connection.execute(sa.text(ASK)).scalar_one())
    finally:
        engine.dispose()


def _ask_async(engine: Any) -> str:
    async def ask() -> str:
        try:
            async with engine.connect() as connection:
                return str((await connection.execute(sa.text(ASK))).scalar_one())
        finally:
            await engine.dispose()

    return asyncio.run(ask())


def engine_psycopg(to: Any) -> str:
    """`create_engine("postgresql+psycopg://…")`"""
    return _ask(sa.create_engine(to.sqlalchemy("psycopg")))


def engine_psycopg2(to: Any) -> str:
    """`create_engine("postgresql+psycopg2://…")`"""
    return _ask(sa.create_engine(to.sqlalchemy("psycopg2")))


def engine_pg8000(to: Any) -> str:
    """`create_engine("postgresql+pg8000://…")`"""
    url = f"postgresql+pg8000://{to.user}@127.0.0.1:{to.port}/{to.database}"
    arguments = {"unix_sock": to.path} if to.path else {}
    return _ask(sa.create_engine(url, connect_args=arguments))


def engine_asyncpg(to: Any) -> str:
    """`create_async_engine("postgresql+asyncpg://…")`"""
    return _ask_async(create_async_engine(to.sqlalchemy("asyncpg")))


def engine_connect_args(to: Any) -> str:
    """`create_engine(…, connect_args={"host": …})`"""
    arguments = {"host": to.host, "port": to.port, "user": to.user, "dbname": to.database}
    return _ask(sa.create_engine("postgresql+psycopg://", connect_args=arguments))


def engine_service(to: Any) -> str:
    """`create_engine("postgresql+psycopg://?service=…")`"""
    return _ask(sa.create_engine(f"postgresql+psycopg://?service={to.service}"))


def engine_from_config(to: Any) -> str:
    """`engine_from_config({"sqlalchemy.url": …})`"""
    return _ask(sa.engine_from_config({"sqlalchemy.url": to.sqlalchemy("psycopg2")}))


def engine_creator(to: Any) -> str:
    """`create_engine(creator=…)` with psycopg"""
    return _ask(sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(to.url)))


def engine_creator_pq(to: Any) -> str:
    """`create_engine(creator=…)` with a connection around `pq.PGconn`"""

    def creator() -> Any:
        connection = psycopg.pq.PGconn.connect(to.url.encode())
        if connection.status != psycopg.pq.ConnStatus.OK:
            raise ConnectionError(connection.error_message.decode())
        return psycopg.Connection(connection)

    return _ask(sa.create_engine("postgresql+psycopg://", creator=creator))


def engine_creator_pg8000(to: Any) -> str:
    """`create_engine(creator=…)` with pg8000, the recipe of cloud connectors"""
    import pg8000.dbapi

    where = {"unix_sock": to.path} if to.path else {"host": to.host, "port": to.port}
    creator = lambda: pg8000.dbapi.connect(user=to.user, database=to.database, timeout=5, **where)  # noqa: E731
    return _ask(sa.create_engine("postgresql+pg8000://", creator=creator))


def engine_async_creator(to: Any) -> str:
    """`create_async_engine(async_creator=…)` with asyncpg"""
    import asyncpg

    async def creator() -> Any:
        return await asyncpg.connect(to.url, timeout=5)

    return _ask_async(create_async_engine("postgresql+asyncpg://", async_creator=creator))


def engine_static_pool(to: Any) -> str:
    """`StaticPool` around a connection that is made beforehand"""
    connection = psycopg.connect(to.url)
    return _ask(sa.create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=pool.StaticPool))


def engine_own_pool(to: Any) -> str:
    """`create_engine(pool=QueuePool(…))` with `psycopg2.extensions.connection`"""
    import psycopg2.extensions

    own = pool.QueuePool(lambda: psycopg2.extensions.connection(to.url))
    return _ask(sa.create_engine("postgresql+psycopg2://", pool=own))


def listener_own_connection(to: Any) -> str:
    """a `do_connect` listener that returns a connection of its own"""
    engine = sa.create_engine("postgresql+psycopg://")

    @event.listens_for(engine, "do_connect")
    def connect(*_: Any) -> Any:
        return psycopg.connect(to.url)

    return _ask(engine)


def listener_raw_connection(to: Any) -> str:
    """a `do_connect` listener that returns `psycopg2.extensions.connection`"""
    import psycopg2.extensions

    engine = sa.create_engine("postgresql+psycopg2://")
    event.listen(engine, "do_connect", lambda *_: psycopg2.extensions.connection(to.url))
    return _ask(engine)


def listener_arguments(to: Any) -> str:
    """a `do_connect` listener that changes the arguments"""
    engine = sa.create_engine("postgresql+psycopg://")

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _cargs: Any, cparams: dict[str, Any]) -> None:
        cparams.clear()
        cparams.update(host=to.host, port=to.port, user=to.user, dbname=to.database)

    return _ask(engine)


def listener_first(to: Any) -> str:
    """a `do_connect` listener on every engine, put before the others"""
    mine = sa.create_engine("postgresql+psycopg2://")

    def connect(_dialect: Any, _record: Any, cargs: list[Any], _cparams: dict[str, Any]) -> Any:
        import psycopg2.extensions

        cargs[:] = [to.url]
        return psycopg2.extensions.connection(to.url)

    event.listen(sa.Engine, "do_connect", connect, insert=True)
    try:
        return _ask(mine)
    finally:
        event.remove(sa.Engine, "do_connect", connect)


def listener_checkout(to: Any) -> str:
    """a listener of the pool that exchanges the connection when it is connected"""
    import psycopg2.extensions

    engine = sa.create_engine("postgresql+psycopg2://")

    @event.listens_for(engine, "connect")
    def exchange(_connection: Any, record: Any) -> None:
        record.dbapi_connection = psycopg2.extensions.connection(to.url)

    return _ask(engine)


def dialect_dbapi(to: Any) -> str:
    """`engine.dialect.dbapi.connect`"""
    connection: Any = importlib.import_module("sqlalchemy").create_engine("postgresql+psycopg2://").dialect.dbapi
    found = connection.connect(to.url)
    try:
        cursor = found.cursor()
        cursor.execute(ASK)
        return str(cursor.fetchone()[0])
    finally:
        found.close()


def dialect_connect(to: Any) -> str:
    """`engine.dialect.connect`"""
    engine: Any = sa.create_engine("postgresql+psycopg://")
    with engine.dialect.connect(to.url) as connection:
        return str(connection.execute(ASK).fetchone()[0])


def bind_url_changed(to: Any) -> str:
    """`op.get_bind().engine.url.set(…)` on a second engine"""
    from alembic import op

    url = op.get_bind().engine.url.set(
        host=None if to.path else to.host,
        port=None if to.path else to.port,
        username=to.user,
        database=to.database,
        query={"host": f"{to.host}:{to.port}"} if to.path else {},
    )
    return _ask(sa.create_engine(url))


def bind_same_server(to: Any) -> str:
    """another database of the server that `op.get_bind()` is connected to"""
    from alembic import op

    return _ask(sa.create_engine(op.get_bind().engine.url.set(database=to.database)))
