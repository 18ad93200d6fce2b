"""Reads the heads that a database is at, whatever its version table is called."""

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.holders import holders_query, join, read_holders
from adapter.outbound.postgres.privileges import refuse_unreadable
from adapter.outbound.postgres.url import DatabaseURL

# The target is in use, so a read gives up before other sessions have to wait behind it.
TIMEOUTS = "SELECT set_config('statement_timeout', '10s', true), set_config('lock_timeout', '500ms', true)"

_VERSION_TABLES = """
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version_num'
 WHERE c.relkind = 'r' AND n.nspname !~ '^pg_'
   AND CASE WHEN %(names)s::text[] = '{}' THEN c.relname ~ '^alembic_version' ELSE c.relname = ANY (%(names)s) END
"""
_LOCKING = """
SELECT l.pid FROM pg_catalog.pg_locks l
 WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND l.relation = (
       SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = {schema} AND c.relname = {table})
"""


def read_applied(url: DatabaseURL, version_tables: Collection[str] = ()) -> tuple[str, ...]:
    """Return the heads that a database is at; none where Alembic was never run. It is only read.

    Args:
        url: Where it is.
        version_tables: Where the project writes its versions, as `schema.table`; without them, tables that are called
            as Alembic calls them.

    Raises:
        DatabaseError: There are several version tables, so the right one is unknown; or the role may not read the
            version table; or another session has locked it.
        psycopg.Error: The server cannot be reached, or refused the connection or a query.
    """
    with psycopg.connect(url.libpq, client_encoding="utf8") as connection:
        connection.read_only = True
        connection.execute(TIMEOUTS)
        return applied_revisions(connection, url, version_tables)


def applied_revisions(
    connection: psycopg.Connection[Any], url: DatabaseURL, version_tables: Collection[str]
) -> tuple[str, ...]:
    """Do the same on a connection that is open."""
    tables = connection.execute(
        _VERSION_TABLES, {"names": [name.partition(".")[2] for name in version_tables]}
    ).fetchall()
    tables = [table for table in tables if ".".join(table) in version_tables] or tables
    if len(tables) > 1:
        names = ", ".join(f"{schema}.{table}" for schema, table in tables)
        raise DatabaseError(f"the database has several version tables: {names}", "name the range of revisions")
    return _versions(connection, url, *tables[0]) if tables else ()


def _versions(connection: psycopg.Connection[Any], url: DatabaseURL, schema: str, table: str) -> tuple[str, ...]:
    name = sql.Identifier(schema, table)
    _refuse_without_grant(connection, url, schema, table)
    try:
        rows = connection.execute(sql.SQL("SELECT version_num FROM {} ORDER BY 1").format(name)).fetchall()
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
        connection.rollback()
        locking = sql.SQL(_LOCKING).format(schema=sql.Literal(schema), table=sql.Literal(table)).as_string(connection)
        holders = read_holders(connection.execute(holders_query(locking).encode()).fetchall())
        raise DatabaseError(
            f"The revisions of {url} could not be read in time: {name.as_string(connection)} is locked by "
            f"{join(holders) or 'somebody who has just ended'} ({error.diag.message_primary}).",
            "Try again when no deployment runs there.",
        ) from error
    return tuple(str(version) for (version,) in rows)


def refuse_without_grants(connection: psycopg.Connection[Any], url: DatabaseURL) -> None:
    """Raise a DatabaseError where this role may not read the version tables that are there."""
    for schema, table in connection.execute(_VERSION_TABLES, {"names": []}).fetchall():
        _refuse_without_grant(connection, url, schema, table)


def _refuse_without_grant(connection: psycopg.Connection[Any], url: DatabaseURL, schema: str, table: str) -> None:
    refuse_unreadable(lambda query: connection.execute(query.encode()).fetchall(), table, schema, str(url))
