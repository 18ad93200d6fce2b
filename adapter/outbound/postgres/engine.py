"""Engines on a database URL: asyncpg for the application and `env.py`, psycopg for the tooling."""

from typing import Any

from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapter.outbound.postgres.url import DatabaseURL


def application_engine(url: DatabaseURL) -> AsyncEngine:
    """Return the application's pooled engine on asyncpg."""
    return create_async_engine(url.asyncpg_url, connect_args=url.asyncpg_arguments, pool_pre_ping=True)


def migration_engine(url: DatabaseURL) -> AsyncEngine:
    """Return the engine of an Alembic command on asyncpg, without a pool."""
    return create_async_engine(url.asyncpg_url, connect_args=url.asyncpg_arguments, poolclass=NullPool)


def tooling_engine(url: DatabaseURL) -> Engine:
    """Return the tooling's engine on psycopg, without a pool."""
    import psycopg

    def connect() -> "psycopg.Connection[Any]":
        # Behind a pooler, a prepared statement would stay in a session that another client gets next. For a
        # database in SQL_ASCII, psycopg would return bytes.
        return psycopg.connect(url.libpq, prepare_threshold=None, client_encoding="utf8")

    return create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
