"""Undoes changes of the embedded sandbox's server, because revisions run there as its superuser.

Changes of the server itself outlive the database of a revision: settings, flags of databases, new databases and new
tablespaces. The next sandbox undoes most of them. Otherwise the server is created anew, which loses only templates.

Source: the Postgres manual, chapter "System Catalogs".
"""

from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.migration.sandbox.memory import NAME as MEMORY
from adapter.outbound.postgres.embedded import DEFAULT_DATABASE, UnusableServerError

_INITIAL_DATABASES = ["postgres", "template0", "template1", DEFAULT_DATABASE]  # of a new server

_SYSTEM_SETTINGS = "SELECT EXISTS (SELECT FROM pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf')"
# Resets settings, memberships and comments of built-in roles, privileges on parameters, subscriptions and flags. Each
# statement is executed on its own.
_UNDO = """
DELETE FROM pg_db_role_setting WHERE setrole::bigint < 16384
   AND (setdatabase = 0 OR setdatabase IN (SELECT oid FROM pg_database WHERE datname = ANY (%(made)s)));
DELETE FROM pg_auth_members WHERE oid::bigint >= 16384;
DELETE FROM pg_shdescription WHERE classoid = 'pg_authid'::regclass;
DELETE FROM pg_parameter_acl;
DELETE FROM pg_subscription;
DELETE FROM pg_replication_origin;
UPDATE pg_database SET datallowconn = datname <> 'template0', datistemplate = datname ~ '^template[01]$',
       datconnlimit = -1
 WHERE datname = ANY (%(made)s)
   AND (datallowconn, datistemplate, datconnlimit) <> (datname <> 'template0', datname ~ '^template[01]$', -1)
"""
_STRANGE_DATABASES = """
SELECT datname::text FROM pg_database WHERE datname <> ALL (%(made)s) AND NOT starts_with(datname::text, %(prefix)s)
"""
_STRANGE_TABLESPACES = "SELECT spcname::text FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global', %s)"
_FAULTS = """
SELECT concat_ws('; ',
    CASE WHEN current_setting('is_superuser') <> 'on' THEN 'its role is no superuser' END,
    CASE WHEN pg_is_in_recovery() THEN 'it is a standby' END,
    CASE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postgres' AND rolsuper AND rolcanlogin)
         THEN 'its role may not log in' END,
    CASE WHEN NOT EXISTS (SELECT FROM pg_database WHERE datname = 'template0') THEN 'template0 is gone' END,
    CASE WHEN EXISTS (SELECT FROM pg_event_trigger) THEN 'its own database has an event trigger' END)
"""


def undo_changes(connection: psycopg.Connection[Any], prefix: str) -> None:
    """Undo changes that revisions made to a server which no other sandbox uses now.

    Args:
        connection: A superuser's session in the database `postgres`, with options that override changed settings.
        prefix: Prefix of the names of the sandbox's own databases.

    Raises:
        UnusableServerError: A change cannot be undone.
    """
    try:
        for statement in _UNDO.split(";"):
            connection.execute(statement.encode(), {"made": _INITIAL_DATABASES})
        for (name,) in connection.execute(
            _STRANGE_DATABASES, {"made": _INITIAL_DATABASES, "prefix": prefix}
        ).fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for (name,) in connection.execute(_STRANGE_TABLESPACES, (MEMORY,)).fetchall():
            connection.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise UnusableServerError(
            f"the sandbox's server cannot be repaired: {error}", "run the command again"
        ) from error


def check_server(connection: psycopg.Connection[Any]) -> None:
    """Raise an error when a server is unusable for the sandbox, and reset settings of the whole server.

    Raises:
        UnusableServerError: The server must be created anew.
    """
    try:
        row = connection.execute(_FAULTS).fetchone()
        if connection.execute(_SYSTEM_SETTINGS).fetchone() == (True,):
            connection.execute("ALTER SYSTEM RESET ALL")
            connection.execute("SELECT pg_reload_conf()")
    except psycopg.Error as error:
        raise UnusableServerError(f"the sandbox's server refuses: {error}", "run the command again") from error
    if row and row[0]:
        raise UnusableServerError(f"the sandbox's server was changed: {row[0]}", "run the command again")
