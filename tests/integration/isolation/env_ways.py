"""Ways in which an env.py connects by itself; each gets the victim's address and a function that migrates.

This file is copied into the attacking project and imports nothing of the tests.
"""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import context
from sqlalchemy import event, pool
from sqlalchemy.ext.asyncio import create_async_engine

Run = Callable[[Any], None]


def _through(engine: sa.Engine, run: Run) -> None:
    with engine.connect() as connection:
        run(connection)


def _through_async(engine: Any, run: Run) -> None:
    async def migrate() -> None:
        async with engine.connect() as connection:
            await connection.run_sync(run)
        await engine.dispose()

    asyncio.run(migrate())


def env_psycopg(to: Any, run: Run) -> None:
    """`create_engine("postgresql+psycopg://…")`"""
    _through(sa.create_engine(to.sqlalchemy("psycopg")), run)


def env_psycopg2(to: Any, run: Run) -> None:
    """`create_engine("postgresql+psycopg2://…")`"""
    _through(sa.create_engine(to.sqlalchemy("psycopg2")), run)


def env_asyncpg(to: Any, run: Run) -> None:
    """`create_async_engine("postgresql+asyncpg://…")`"""
    _through_async(create_async_engine(to.sqlalchemy("asyncpg")), run)


def env_pg8000(to: Any, run: Run) -> None:
    """`create_engine("postgresql+pg8000://…")`"""
    url = f"postgresql+pg8000://{to.user}@127.0.0.1:{to.port}/{to.database}"
    _through(sa.create_engine(url, connect_args={"unix_sock": to.path} if to.path else {}), run)


def env_ini(_to: Any, run: Run) -> None:
    """`engine_from_config`: the URL of alembic.ini, with its password"""
    _through(sa.engine_from_config(context.config.get_section("alembic", {}), poolclass=pool.NullPool), run)


def env_main_option(to: Any, run: Run) -> None:
    """`config.set_main_option("sqlalchemy.url", …)` and `engine_from_config`"""
    context.config.set_main_option("sqlalchemy.url", to.sqlalchemy("psycopg2").replace("%", "%%"))
    _through(sa.engine_from_config(context.config.get_section("alembic", {}), poolclass=pool.NullPool), run)


def env_database_url(_to: Any, run: Run) -> None:
    """`os.environ["DATABASE_URL"]`"""
    _through(sa.create_engine(_scheme(os.environ["DATABASE_URL"])), run)


def env_variable(to: Any, run: Run) -> None:
    """`os.environ["SHOP_DSN"]`, a variable of the project's own"""
    _through(sa.create_engine(_scheme(os.environ[to.variable])), run)


def _scheme(url: str) -> str:
    return "postgresql+psycopg://" + url.partition("://")[2]


def env_service(to: Any, run: Run) -> None:
    """a service file, a password file"""
    _through(sa.create_engine(f"postgresql+psycopg2://?service={to.service}"), run)


def env_creator(to: Any, run: Run) -> None:
    """`creator=` with `psycopg.connect`"""
    _through(sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(to.url)), run)


def env_creator_psycopg2(to: Any, run: Run) -> None:
    """`creator=` with `psycopg2.extensions.connection`"""
    import psycopg2.extensions

    _through(sa.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.extensions.connection(to.url)), run)


def env_creator_pg8000(to: Any, run: Run) -> None:
    """`creator=` with pg8000, the recipe of cloud connectors"""
    import pg8000.dbapi

    where = {"unix_sock": to.path} if to.path else {"host": to.host, "port": to.port}
    creator = lambda: pg8000.dbapi.connect(user=to.user, database=to.database, timeout=5, **where)  # noqa: E731
    _through(sa.create_engine("postgresql+pg8000://", creator=creator), run)


def env_creator_pq(to: Any, run: Run) -> None:
    """`creator=` with `psycopg.pq.PGconn`"""
    _through(sa.create_engine("postgresql+psycopg://", creator=lambda: _pq(to)), run)


def _pq(to: Any) -> Any:
    connection = psycopg.pq.PGconn.connect(to.url.encode())
    if connection.status != psycopg.pq.ConnStatus.OK:
        raise ConnectionError(connection.error_message.decode())
    return psycopg.Connection(connection)


def env_creator_reload(to: Any, run: Run) -> None:
    """`creator=` with a `psycopg.connection` that is loaded again"""
    loaded = importlib.reload(importlib.import_module("psycopg.connection"))
    _through(sa.create_engine("postgresql+psycopg://", creator=lambda: loaded.Connection.connect(to.url)), run)


def env_async_creator(to: Any, run: Run) -> None:
    """`async_creator=` with asyncpg"""
    import asyncpg

    async def creator() -> Any:
        return await asyncpg.connect(to.url, timeout=5)

    _through_async(create_async_engine("postgresql+asyncpg://", async_creator=creator), run)


def env_listener(to: Any, run: Run) -> None:
    """a `do_connect` listener that is registered later"""
    engine = sa.create_engine("postgresql+psycopg://")

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, _cargs: Any, cparams: dict[str, Any]) -> None:
        cparams.update(host=to.host, port=to.port, user=to.user, dbname=to.database)

    _through(engine, run)


def env_listener_connection(to: Any, run: Run) -> None:
    """a `do_connect` listener that returns a connection of its own"""
    engine = sa.create_engine("postgresql+psycopg://")
    event.listen(engine, "do_connect", lambda *_: _pq(to))
    _through(engine, run)


def env_static_pool(to: Any, run: Run) -> None:
    """`StaticPool` around `psycopg2._connect`"""
    connection = importlib.import_module("psycopg2._psycopg")._connect(to.url)
    _through(sa.create_engine("postgresql+psycopg2://", creator=lambda: connection, poolclass=pool.StaticPool), run)


def env_dialect(to: Any, run: Run) -> None:
    """a dialect with a `connect` of its own"""
    engine: Any = sa.create_engine("postgresql+psycopg://")
    engine.dialect.connect = lambda *_args, **_named: _pq(to)
    _through(engine, run)


def env_second_connection(to: Any, run: Run) -> None:
    """the sandbox for the first connection, production for the next ones"""
    opened = []

    def creator() -> Any:
        opened.append(1)
        return psycopg.connect(to.url) if len(opened) == 1 else _pq(to)

    engine = sa.create_engine("postgresql+psycopg://", creator=creator)
    with engine.connect() as connection:
        run(connection.execution_options(isolation_level="AUTOCOMMIT"))


def env_exchanged_connection(to: Any, run: Run) -> None:
    """a connection that is exchanged below SQLAlchemy before a statement"""
    engine = sa.create_engine("postgresql+psycopg://")
    with engine.connect() as connection:
        exchanged: list[Any] = []

        @event.listens_for(connection, "before_cursor_execute", retval=True)
        def exchange(_c: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
            if "ALTER TABLE orders" in statement and not exchanged:
                exchanged.append(_pq(to))
                exchanged[0].execute(statement)
                exchanged[0].commit()
            del cursor
            return statement, parameters

        run(connection)


def env_asks_production(to: Any, run: Run) -> None:
    """a look at production first, then migrations on the right connection"""
    _pq(to).close()
    env_psycopg(to, run)


def env_asks_secret_store(to: Any, run: Run) -> None:
    """a secret store asked by HTTP, then migrations on the right connection"""
    import urllib.request

    with urllib.request.urlopen(f"http://{to.host}:{to.port}/secret", timeout=5) as answer:
        answer.read()
    env_psycopg(to, run)


def env_subprocess(to: Any, run: Run) -> None:
    """`psql` started by env.py, then migrations on the right connection"""
    done = subprocess.run([to.psql, "-XAtc", "TRUNCATE orders", to.url], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConnectionError(done.stderr.strip())
    env_psycopg(to, run)


def env_alembic(to: Any, run: Run) -> None:
    """`alembic upgrade head` started by env.py"""
    if "HEXALEMBIC_ATTACK" not in os.environ:
        command = [sys.executable, "-m", "alembic", "-c", str(Path(to.folder, "alembic.ini")), "upgrade", "head"]
        environment = {**os.environ, "HEXALEMBIC_ATTACK": "1", "ATTACK_WAY": "env_psycopg", "ATTACK_OVER": to.over}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise ConnectionError(done.stderr.strip().splitlines()[-1])
    env_psycopg(to, run)
