"""Reads which revisions a database has, whatever its project calls home."""

import psycopg
from psycopg import sql

from adapter.outbound.database.errors import DatabaseError
from adapter.outbound.database.url import DatabaseURL

_VERSION_TABLES = """
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version_num'
 WHERE c.relkind = 'r' AND c.relname ~ '^alembic_version' AND n.nspname !~ '^pg_'
"""


def read_applied(url: DatabaseURL) -> tuple[str, ...]:
    """Give the heads that a database is at; none where Alembic was never run. It is only read.

    Raises:
        DatabaseError: There are several version tables, so nobody can tell which one is meant.
        psycopg.Error: The database cannot be reached or refused.
    """
    with psycopg.connect(url.libpq) as connection:
        connection.read_only = True
        found = connection.execute(_VERSION_TABLES).fetchall()
        if len(found) > 1:
            names = ", ".join(f"{schema}.{table}" for schema, table in found)
            raise DatabaseError(f"the database has several version tables: {names}", "name the range of revisions")
        if not found:
            return ()
        query = sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(sql.Identifier(*found[0]))
        return tuple(str(version) for (version,) in connection.execute(query).fetchall())
