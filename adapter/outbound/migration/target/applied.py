"""Reads the heads that a database is at, whatever its version table is called."""

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.holders import holders_query, join, read_holders
from adapter.outbound.postgres.privileges import refuse_unreadable
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from adapter.outbound.postgres.url import DatabaseURL

# The target is in use, so a read gives up before other sessions have to wait behind it.
TIMEOUTS = "SELECT set_config('statement_timeout', '10s', true), set_config('lock_timeout', '500ms', true)"

_VERSION_TABLES = f"""
SELECT n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version_num'
 WHERE c.relkind = 'r' AND {IN_USER_SCHEMA}
   AND CASE WHEN %(names)s::text[] = '{{}}' THEN c.relname ~ '^alembic_version' ELSE c.relname = ANY (%(names)s) END
"""  # noqa: S608 - a constant
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
        version_tables: Where the project writes its versions, as `schema.table`, or as `table` for the one that the
            search path finds; without them, tables that are called as Alembic calls them.

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
    parameters = {"names": [name.rpartition(".")[2] for name in version_tables]}
    rows = connection.execute(_VERSION_TABLES, parameters).fetchall()
    tables = [
        (schema, table) for schema, table, is_visible in rows if _is_named(schema, table, is_visible, version_tables)
    ]
    if not tables and all("." in name for name in version_tables):
        # The role of a deployment may have another search path than the sandbox's.
        tables = [(schema, table) for schema, table, _ in rows]
    if len(tables) > 1:
        names = ", ".join(f"{schema}.{table}" for schema, table in tables)
        raise DatabaseError(f"the database has several version tables: {names}", "name the range of revisions")
    return _versions(connection, url, *tables[0]) if tables else ()


def _is_named(schema: str, table: str, is_visible: bool, version_tables: Collection[str]) -> bool:
    return f"{schema}.{table}" in version_tables or (is_visible and table in version_tables)


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
            f"{join(holders) or 'a session that has just ended'} ({error.diag.message_primary}).",
            "Try again when no deployment runs there.",
        ) from error
    return tuple(str(version) for (version,) in rows)


def _refuse_without_grant(connection: psycopg.Connection[Any], url: DatabaseURL, schema: str, table: str) -> None:
    refuse_unreadable(lambda query: connection.execute(query.encode()).fetchall(), table, schema, str(url))
