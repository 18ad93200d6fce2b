"""Reads and compares catalogs and rows of test databases."""

from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.migration.catalog.inspector import snapshot
from domain.migration.snapshot import SchemaSnapshot, compare

# The order of columns is history: a column that was added later stands last.
COLUMN_ORDER = ("position",)

# What a database has before anything is made in it.
EMPTY = {("schema", "public"), ("extension", "plpgsql"), ("database", "itself"), ("built-in comments", "of Postgres")}


# Roles are those of the whole server, on which other tests leave some.
_OF_SERVER = frozenset({"role", "role setting", "membership"})


def catalog(url: str) -> SchemaSnapshot:
    """Read the normalized catalog, without Alembic's version table and the server's roles."""
    with psycopg.connect(url) as connection:
        return snapshot(connection, exclude_kinds=_OF_SERVER)


def assert_equal(expected: SchemaSnapshot, actual: SchemaSnapshot, *, ignore: tuple[str, ...] = ()) -> None:
    """Fail with sentences that say what differs."""
    difference = compare(expected, actual, ignore=ignore)
    assert not difference, str(difference)


def rows(url: str) -> dict[str, list[Any]]:
    """Read all rows of all tables, in an order of their own."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(
                sql.SQL("SELECT to_jsonb(t) FROM {} AS t ORDER BY to_jsonb(t)::text").format(sql.Identifier(name))
            ).fetchall()
            for (name,) in tables
        }
