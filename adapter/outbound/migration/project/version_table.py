"""The version table of a project, which is not compared with the tables of its application.

The agent reads its name from the project's MigrationContext. The table is marked by a comment, which each copy of the
database inherits.
"""

from collections.abc import Iterable
from typing import Any

import psycopg

from adapter.outbound.postgres.errors import DatabaseConfigurationError

_MARK = "hexalembic: version table"
NOT_VERSION_TABLE = f"""
      c.relname <> 'alembic_version'
      AND pg_catalog.obj_description(c.oid, 'pg_class') IS DISTINCT FROM '{_MARK}'
"""
_MARKED = f"""
SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND pg_catalog.obj_description(c.oid, 'pg_class') = '{_MARK}'
"""  # noqa: S608 - a constant


def mark_version_tables(connection: psycopg.Connection[Any], names: Iterable[str]) -> None:
    """Mark the version tables that env.py has created.

    Args:
        connection: A connection to the database.
        names: Qualified and quoted names of the tables.

    Raises:
        DatabaseConfigurationError: A table does not exist, because env.py has not committed its transaction.
    """
    for name in names:
        if connection.execute("SELECT pg_catalog.to_regclass(%s)", (name,)).fetchone() == (None,):
            raise DatabaseConfigurationError(
                "env.py has a transaction open before the migrations begin: nothing that they do is committed",
                "let env.py commit what it executed on the connection before context.configure()",
            )
        connection.execute(f"COMMENT ON TABLE {name} IS '{_MARK}'".encode())


def marked_version_tables(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Return the marked tables, as `schema.table`."""
    return tuple(str(name) for (name,) in connection.execute(_MARKED.encode()).fetchall())


def version_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the marked tables, as `schema.table`, and Alembic's default, by name in any schema."""
    return ["alembic_version", *marked_version_tables(connection)]
