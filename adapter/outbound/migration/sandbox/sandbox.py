"""Temporary databases on a server; `embedded` and `guest` say on which one.

No other database of the server is changed. The sandbox keeps one session open, whose application name is the first part
of the names of its databases. A database that a killed process has left is recognized by the absence of such a session,
and on the same host also by the absence of the process. The next sandbox drops it.

Sources: the Postgres manual, CREATE DATABASE (a template must have no sessions; STRATEGY), and ALTER DATABASE.
"""

import atexit
import os
import sys
import time
from contextlib import suppress
from typing import Any, ClassVar, LiteralString, Self

import psycopg
from psycopg import sql

from adapter.outbound.migration.sandbox.database_settings import copy_settings
from adapter.outbound.migration.sandbox.names import (
    PREFIX,
    is_leftover,
    new_database,
    new_owner,
    template_name,
)
from adapter.outbound.migration.sandbox.server_roles import ServerRoles
from adapter.outbound.migration.sandbox.template_comments import key_in, new_comment, note_in, template_comments
from adapter.outbound.postgres import direct
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import explain, fault_of
from adapter.outbound.postgres.full_disk import describe_full_disk
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.sandbox import Sandbox

KEPT_TEMPLATES = 20
_STRATEGY_SINCE = 150_000
_DISCONNECT_SECONDS = 5.0  # that terminated sessions get to end
_POLL_SECONDS = 0.002
DISK = "pg_default"


class GoneError(DatabaseError):
    """An error for a sandbox server that has stopped or does not respond."""

    def __init__(self, problem: str, message: str) -> None:
        hint = "Nothing but the sandbox was touched: run the command again, and leave its server alone."
        super().__init__(f"{problem} ({message}).", hint)


class ServerSandbox(Sandbox):
    """Databases on a server, where the role must be allowed to create databases.

    Attributes:
        url: URL of the database that the sandbox itself connects to, only to create and drop others.
    """

    _options: ClassVar[str] = ""  # of the sandbox's own session, as the server's command line has them

    def __init__(self, url: str) -> None:
        self.url = DatabaseURL.parse(url, source="--sandbox-url", otherwise="leave it out for a server of this command")
        self._pid = os.getpid()
        self._owner = new_owner()
        self._databases: set[str] = set()
        self._source = "template0"  # name of the database that one without a template is copied from
        self._tablespace: str | None = None  # of new databases; None for the server's default, the disk
        self._roles: ServerRoles | None = None
        self._connection = self._first_connection()
        self._server_version = self._connection.info.server_version
        self._check()
        self._known = {name for name, _ in self._others()}
        atexit.register(self.close)
        self._drop_leftovers()

    def _check(self) -> None:
        """Raise an error when the server cannot be used; the base class accepts every server."""

    @property
    def server_version(self) -> int:
        """The server's version as libpq numbers it."""
        return self._server_version

    def create(self, template: str | None = None) -> str:
        """Create a database and return its URL.

        Args:
            template: Key of the template to copy; None for a database without tables.

        Raises:
            DatabaseError: The server refuses, or there is no such template.
        """
        if template is None:
            return self._create(self._source)
        url = self._create(template_name(template))
        self._carry(template_name(template), self._own(url))
        with suppress(DatabaseError):  # another sandbox has dropped the template meanwhile
            self._mark(template_name(template), template, self.template_note(template))
        return url

    def _create(self, source: str, *, on_disk: bool = False) -> str:
        name = new_database(self._owner)
        # recorded before it exists, because the user may press Ctrl-C while the server creates it
        self._databases.add(name)
        try:
            self._create_in(DISK if on_disk and self._tablespace is not None else self._tablespace, name, source)
        except DatabaseError as error:
            is_disk_full = isinstance(error.__cause__, psycopg.errors.DiskFull)
            if not is_disk_full or self._tablespace in {None, DISK}:
                raise
            self._tablespace = DISK
            self._create_in(DISK, name, source)
        return self.url.with_database(name).libpq

    def _create_in(self, tablespace: str | None, name: str, source: str) -> None:
        self._change(
            "CREATE DATABASE {} TEMPLATE {}{}{}",
            sql.Identifier(name),
            sql.Identifier(source),
            sql.SQL(_strategy(self.server_version)),
            sql.SQL(" TABLESPACE {}").format(sql.Identifier(tablespace)) if tablespace else sql.SQL(""),
        )

    def copy(self, database: str) -> str:
        """Copy a database of this sandbox, and return the URL of the copy.

        Raises:
            DatabaseError: The database does not belong to this sandbox, or the server refuses.
        """
        return self._copy(self._own(database))

    def _copy(self, source: str, *, on_disk: bool = False) -> str:
        self.show(source)
        self._disconnect(source)
        url = self._create(source, on_disk=on_disk)
        self._carry(source, self._own(url))
        if self._roles:
            self._roles.copied(source, self._own(url))
        return url

    def _carry(self, source: str, copy: str) -> None:
        """Copy the settings and privileges of a database to its copy, which CREATE DATABASE leaves behind."""
        try:
            copy_settings(self._connection, source, copy)
        except psycopg.Error as error:
            raise self._refused(error) from error

    def drop(self, database: str) -> None:
        """Drop a database of this sandbox.

        Raises:
            DatabaseError: The database does not belong to this sandbox, or the server refuses.
        """
        name = self._own(database)
        self._drop(name)
        self._databases.discard(name)
        if self._roles:
            self._roles.forget(name)

    def show(self, database: str) -> None:
        """Insert the roles of a database into the server, and remove those of others; do nothing on a shared server."""
        if self._roles:
            self._roles.show(self._own(database))

    def has_template(self, key: str) -> bool:
        """Return whether there is a template with this key."""
        return template_name(key) in template_comments(self._connection)

    def newest_template(self) -> str | None:
        """Return the key of the template that was saved or copied last; None without one."""
        comment = next(iter(template_comments(self._connection).values()), None)
        return None if comment is None else key_in(comment)

    def template_note(self, key: str) -> str:
        """Return the note that was saved with a template; empty without one."""
        return note_in(template_comments(self._connection).get(template_name(key), ""))

    def save_template(self, database: str, key: str, note: str = "") -> bool:
        """Make a database of this sandbox a template, and drop the least recently used templates.

        Args:
            database: The database.
            key: Key of the template.
            note: Text to save with the template.

        Returns:
            False when the database has roles or a comment of its own and stays a database of the sandbox, because
            such roles are lost when the sandbox closes, and the comment on a template is the sandbox's.

        Raises:
            DatabaseError: The database does not belong to this sandbox, or the server refuses.
        """
        name, template = self._own(database), template_name(key)
        if self._is_bound_here(name):
            return False
        identifier = sql.Identifier(name)
        self._change("ALTER DATABASE {} ALLOW_CONNECTIONS false", identifier)
        self._disconnect(name)
        if self._tablespace is not None:  # a template must survive the loss of the memory
            self._change("ALTER DATABASE {} SET TABLESPACE {}", identifier, sql.Identifier(DISK))
        self._mark(name, key, note)
        try:
            # the rename comes last, so that no other sandbox sees an incomplete template
            self._run("ALTER DATABASE {} RENAME TO {}", identifier, sql.Identifier(template))
            self._databases.discard(name)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            # another sandbox has saved the same template before, or is doing so at the same time
            self.drop(name)
        except psycopg.Error as error:
            raise self._refused(error) from error
        for unused in list(template_comments(self._connection))[KEPT_TEMPLATES:]:
            # another sandbox may be copying it, or another role may own it
            with suppress(psycopg.Error):
                self._run("DROP DATABASE IF EXISTS {}", sql.Identifier(unused))
        return True

    def save_copy(self, database: str, key: str, note: str = "") -> None:
        """Save a copy of a database of this sandbox as a template, as `save_template` does; the database stays.

        Nothing is saved if the database has roles or a comment of its own.

        Raises:
            DatabaseError: The database does not belong to this sandbox, or the server refuses.
        """
        name = self._own(database)
        if not self._is_bound_here(name):
            self.save_template(self._copy(name, on_disk=True), key, note)

    def _is_bound_here(self, name: str) -> bool:
        """Return whether a database has roles or a comment of its own, which no template can keep."""
        query = "SELECT FROM pg_database WHERE datname = %s AND shobj_description(oid, 'pg_database') IS NOT NULL"
        has_roles = self._roles is not None and self._roles.has(name)
        return has_roles or bool(self._connection.execute(query, (name,)).fetchall())

    def _mark(self, name: str, key: str, note: str) -> None:
        """Write the key, the time of the last use, which is now, and the note into the comment on a template."""
        comment = sql.Literal(new_comment(key, note))
        self._change("COMMENT ON DATABASE {} IS {}", sql.Identifier(name), comment)

    def close(self) -> None:
        """Drop all databases of this sandbox, and close its session; a second call does nothing."""
        if os.getpid() != self._pid:
            return
        self._drop_databases()
        self._connection.close()
        atexit.unregister(self.close)

    def _drop_databases(self) -> None:
        for name in sorted(self._databases):
            try:
                self.drop(name)
            except DatabaseError as error:
                self._warn_of(name, error)
                if isinstance(error, GoneError):
                    break  # the others cannot be dropped either
        self._drop_strangers()

    def _warn_of(self, name: str, error: DatabaseError) -> None:
        """Write a warning that a database could not be dropped, because an error cannot be raised any more."""
        others = len(self._databases) - 1 if isinstance(error, GoneError) else 0
        were = f"and {others} more were" if others else "was"
        warning = f"the database {name} {were} left: {error.message}; the next sandbox on this server drops it"
        sys.stderr.write(f"warning: {warning}\n")

    def _drop_strangers(self) -> None:
        """Drop the databases that revisions have created."""
        with suppress(psycopg.Error):  # the server has stopped, as a warning has said already
            for name, owned in self._others():
                if owned and name not in self._known:
                    try:
                        self._drop(name)
                    except DatabaseError as error:
                        self._warn_of(name, error)

    def _others(self) -> list[tuple[str, bool]]:
        """Return the names of the databases that belong to no sandbox, and whether this role owns them."""
        query = """
            SELECT datname::text, pg_get_userbyid(datdba) = session_user FROM pg_database
            WHERE NOT starts_with(datname::text, %s)
        """
        return self._connection.execute(query, (PREFIX,)).fetchall()

    def _is_alone(self) -> bool:
        """Return whether no other sandbox is open on the server."""
        query = """
            SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, %s) AND application_name <> %s
        """
        return self._connection.execute(query, (PREFIX, self._owner)).fetchall() == [(0,)]

    def __enter__(self) -> Self:
        """Return the sandbox itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the sandbox."""
        self.close()

    def _first_connection(self) -> psycopg.Connection[Any]:
        """Open the first session: a server that does not let it in is not gone, its address or its login is wrong."""
        try:
            return self._connect()
        except GoneError as error:
            raise explain(error.__cause__ or error, self.url) or error from error

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            address = psycopg.conninfo.make_conninfo(self.url.libpq, options=self._options or None)
            return direct.connect(address, autocommit=True, application_name=self._owner)
        except psycopg.Error as error:
            raise self._refused(error) from error

    def _own(self, database: str) -> str:
        name = DatabaseURL.parse(database).database if "://" in database else database
        if name not in self._databases:
            raise DatabaseError(f"'{name}' is no database of this sandbox", "name one that the sandbox created")
        return name

    def _run(self, query: LiteralString, *parts: sql.Composable) -> None:
        if self._connection.closed:
            # somebody may have terminated the session; the databases still belong to this sandbox
            self._connection = self._connect()
        self._connection.execute(sql.SQL(query).format(*parts))

    def _change(self, query: LiteralString, *parts: sql.Composable) -> None:
        try:
            self._run(query, *parts)
        except psycopg.Error as error:
            raise self._refused(error) from error

    def _refused(self, error: psycopg.Error) -> DatabaseError:
        message = error.diag.message_primary or str(error).partition("\n")[0]
        if isinstance(error, psycopg.errors.DiskFull):
            return self.full_disk(message)
        if fault := fault_of(error):
            return GoneError(fault[0].replace("The server", "The sandbox's server"), message)
        return DatabaseError(f"the sandbox server refused: {message}", "its role must be allowed to create databases")

    def full_disk(self, message: str) -> DatabaseError:
        """Return the error that describes the server's full disk.

        Args:
            message: The server's message, which has the path of the file.
        """
        return describe_full_disk("the sandbox's server", None, message, "free space there, or name another server")

    def _drop(self, name: str) -> None:
        query: LiteralString = "DROP DATABASE IF EXISTS {} WITH (FORCE)"
        try:
            self._run(query, sql.Identifier(name))
        except psycopg.errors.InsufficientPrivilege:  # FORCE may not end autovacuum, which ends by itself
            self._disconnect(name)
            self._change("DROP DATABASE IF EXISTS {}", sql.Identifier(name))
        except (psycopg.errors.ObjectInUse, psycopg.errors.WrongObjectType):  # the latter for a template
            self._release(name)
            self._change(query, sql.Identifier(name))
        except psycopg.Error as error:
            raise self._refused(error) from error

    def _release(self, name: str) -> None:
        """Remove obstacles to the drop of a database: flags, subscriptions and prepared transactions."""
        with suppress(psycopg.Error):  # the drop reports any obstacle that remains
            self._run("ALTER DATABASE {} IS_TEMPLATE false ALLOW_CONNECTIONS true", sql.Identifier(name))
            if self._connection.execute("SHOW is_superuser").fetchone() == ("on",):
                query = "DELETE FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = %s)"
                self._connection.execute(query, (name,))
            prepared = "SELECT gid FROM pg_prepared_xacts WHERE database = %s"
            for (transaction,) in self._connection.execute(prepared, (name,)).fetchall():
                with direct.connect(self.url.with_database(name).libpq, autocommit=True) as session:
                    session.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(transaction)))

    def _disconnect(self, name: str) -> None:
        """Terminate the sessions of a database, and wait until they have ended."""
        # Most sessions are closed and about to end. The server itself would check only every tenth of a second.
        query = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = %s AND backend_type = 'client backend'
        """  # autovacuum runs as a superuser, and ends by itself
        deadline = time.monotonic() + _DISCONNECT_SECONDS
        while self._connection.execute(query, (name,)).fetchall() != [(0,)] and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def _drop_leftovers(self) -> None:
        """Drop the databases of sandboxes that ended without dropping them."""
        query = """
            SELECT d.datname FROM pg_database d WHERE starts_with(d.datname::text, %s) AND NOT EXISTS (
                SELECT FROM pg_stat_activity a
                WHERE starts_with(a.application_name, %s) AND starts_with(d.datname::text, a.application_name || '_'))
        """
        for (name,) in self._connection.execute(query, (PREFIX, PREFIX)).fetchall():
            if is_leftover(str(name)):
                # another sandbox may drop it at the same time
                with suppress(DatabaseError):
                    self._drop(str(name))


def _strategy(server_version: int) -> LiteralString:
    """Return the option for the faster way to copy a small template, which exists since Postgres 15; else nothing."""
    return " STRATEGY file_copy" if server_version >= _STRATEGY_SINCE else ""
