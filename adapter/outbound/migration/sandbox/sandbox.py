"""Throw-away databases on a server; `embedded_sandbox` and `guest_sandbox` say on which.

Every database is called `hexalembic_sandbox_<host>_<pid>_<random>`, a template `hexalembic_sandbox_template_<hash>`; no
other database of the server is touched. The sandbox keeps one session open, whose application name is the first part of
the names of its databases. What a killed process left behind is recognized by that: no such session is connected, and
on the same host no such process lives. The next sandbox drops it.

Sources: the Postgres manual, CREATE DATABASE (a template must have no sessions; STRATEGY), and ALTER DATABASE.
"""

import atexit
import hashlib
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, LiteralString, Self

import psycopg
from psycopg import sql

from adapter.outbound.migration.sandbox.server_roles import ServerRoles
from adapter.outbound.postgres import direct
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import fault_of
from adapter.outbound.postgres.full_disk import describe_full_disk
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports import Sandbox

PREFIX = "hexalembic_sandbox_"
TEMPLATE_PREFIX = f"{PREFIX}template_"
KEPT_TEMPLATES = 20
_STRATEGY_SINCE = 150_000
_GOING = 5.0  # seconds that a session has for going
_LOOK = 0.002
_MARK = "hexalembic template"
DISK = "pg_default"


def template_key(files: Iterable[Path], server_version: int, extra: str = "") -> str:
    """Return the key of a template: a hash of the names and contents of files, whatever their order.

    Args:
        files: What the database is made from, such as the revisions.
        server_version: As `Sandbox.server_version` gives it.
        extra: Anything else that decides what the database holds.
    """
    parts = sorted((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)
    return hashlib.sha256(repr((parts, server_version, extra)).encode()).hexdigest()


class GoneError(DatabaseError):
    """The sandbox's server does not answer any more."""

    def __init__(self, what: str, said: str) -> None:
        hint = "Nothing but the sandbox was touched: run the command again, and leave its server alone."
        super().__init__(f"{what} ({said}).", hint)


class ServerSandbox(Sandbox):
    """Databases on a server; the role must be allowed to create databases.

    Attributes:
        url: The database that the sandbox connects to; it is only used to create and drop others.
    """

    _options: ClassVar[str] = ""  # of its own session

    def __init__(self, url: str) -> None:
        self.url = DatabaseURL.parse(url)
        self._pid = os.getpid()
        self._owner = f"{PREFIX}{_host()}_{self._pid}_{secrets.token_hex(4)}"
        self._databases: set[str] = set()
        self._source = "template0"  # what a database without a template is made from
        self._tablespace: str | None = None  # of new databases; None where there is no memory
        self._roles: ServerRoles | None = None
        self._connection = self._connect()
        self._server_version = self._connection.info.server_version
        self._check()
        self._known = {name for name, _ in self._others()}
        atexit.register(self.close)
        self._drop_leftovers()

    def _check(self) -> None:
        """Raise an error where the server cannot be used."""

    @property
    def server_version(self) -> int:
        """The server's version as libpq numbers it."""
        return self._server_version

    def create(self, template: str | None = None) -> str:
        """Create a database and give its URL.

        Raises:
            DatabaseError: The server refuses, or there is no such template.
        """
        if template is None:
            return self._create(self._source)
        url = self._create(_template_name(template))
        with suppress(DatabaseError):  # somebody else has dropped it meanwhile
            self._mark(_template_name(template), template, self.template_note(template))
        return url

    def _create(self, source: str) -> str:
        # nobody else can know it: a connection proves by it that it leads here
        name = f"{self._owner}_{secrets.token_hex(8)}"
        # noted before it exists: Ctrl-C may come while the server creates it
        self._databases.add(name)
        try:
            self._create_in(self._tablespace, name, source)
        except DatabaseError as error:
            full = isinstance(error.__cause__, psycopg.errors.DiskFull)
            if not full or self._tablespace in {None, DISK}:
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
        """Copy a database of this sandbox, and give the copy's URL.

        Raises:
            DatabaseError: It is no database of this sandbox, or the server refuses.
        """
        source = self._own(database)
        self.show(source)
        self._disconnect(source)
        url = self._create(source)
        if self._roles:
            self._roles.copied(source, self._own(url))
        return url

    def drop(self, database: str) -> None:
        """Drop a database of this sandbox.

        Raises:
            DatabaseError: It is no database of this sandbox, or the server refuses.
        """
        name = self._own(database)
        self._drop(name)
        self._databases.discard(name)
        if self._roles:
            self._roles.forget(name)

    def show(self, database: str) -> None:
        """Let the server have the roles that belong to a database, and no other's; on a server of others, nothing."""
        if self._roles:
            self._roles.show(self._own(database))

    def has_template(self, key: str) -> bool:
        """Return whether there is a template with this key."""
        return _template_name(key) in self._templates()

    def newest_template(self) -> str | None:
        """Return the key of the template that was saved or copied last; None without one."""
        comment = next(iter(self._templates().values()), None)
        return None if comment is None else comment.partition("\n")[0].removeprefix(f"{_MARK} ").rpartition(" ")[0]

    def template_note(self, key: str) -> str:
        """Return what was noted of a template."""
        return self._templates().get(_template_name(key), "").partition("\n")[2]

    def save_template(self, database: str, key: str, note: str = "") -> bool:
        """Make a database of this sandbox a template, and drop those that nobody has used for longest.

        Returns:
            False when it stays a database of the sandbox, because it has roles: they live no longer than the sandbox.

        Raises:
            DatabaseError: It is no database of this sandbox, or the server refuses.
        """
        name, template = self._own(database), _template_name(key)
        if self._roles and self._roles.has(name):
            return False
        identifier = sql.Identifier(name)
        self._change("ALTER DATABASE {} ALLOW_CONNECTIONS false", identifier)
        self._disconnect(name)
        if self._tablespace is not None:  # it outlives what is there
            self._change("ALTER DATABASE {} SET TABLESPACE {}", identifier, sql.Identifier(DISK))
        self._mark(name, key, note)
        try:
            # last, so that a template is complete from its first moment
            self._run("ALTER DATABASE {} RENAME TO {}", identifier, sql.Identifier(template))
            self._databases.discard(name)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):  # the latter in the same moment
            self.drop(name)
        except psycopg.Error as error:
            raise self._refused(error) from error
        for old in list(self._templates())[KEPT_TEMPLATES:]:
            # somebody may copy it, or own it
            with suppress(psycopg.Error):
                self._run("DROP DATABASE IF EXISTS {}", sql.Identifier(old))
        return True

    def _mark(self, name: str, key: str, note: str) -> None:
        """Write beside a template what it is, and that it was used now."""
        comment = f"{_MARK} {key} {datetime.now(UTC).isoformat(timespec='microseconds')}\n{note}"
        self._change("COMMENT ON DATABASE {} IS {}", sql.Identifier(name), sql.Literal(comment))

    def close(self) -> None:
        """Drop all databases of this sandbox; safe to call again."""
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
                    break  # no other can be dropped either
        self._drop_strangers()

    def _warn_of(self, name: str, error: DatabaseError) -> None:
        """Say that a database could not be dropped, where nothing can be raised any more."""
        others = len(self._databases) - 1 if isinstance(error, GoneError) else 0
        were = f"and {others} more were" if others else "was"
        left = f"the database {name} {were} left: {error.message}; the next sandbox on this server drops it"
        sys.stderr.write(f"warning: {left}\n")

    def _drop_strangers(self) -> None:
        """Drop the databases that revisions have made."""
        with suppress(psycopg.Error):  # the server has gone: what was left has been said
            for name, owned in self._others():
                if owned and name not in self._known:
                    try:
                        self._drop(name)
                    except DatabaseError as error:
                        self._warn_of(name, error)

    def _others(self) -> list[tuple[str, bool]]:
        """Name the databases that are no sandbox's, and whether they are this role's."""
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
        """Close it."""
        self.close()

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
            # the session may have been ended from outside; the databases are still ours
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
        """Describe the server's full disk.

        Args:
            message: What the server said of it, which names the file.
        """
        return describe_full_disk("the sandbox's server", None, message, "free space there, or name another server")

    def _drop(self, name: str) -> None:
        drop: LiteralString = "DROP DATABASE IF EXISTS {} WITH (FORCE)"
        try:
            self._run(drop, sql.Identifier(name))
        except psycopg.errors.InsufficientPrivilege:  # autovacuum is there, as a superuser: without FORCE it gives way
            self._disconnect(name)
            self._change("DROP DATABASE IF EXISTS {}", sql.Identifier(name))
        except (psycopg.errors.ObjectInUse, psycopg.errors.WrongObjectType):  # the latter of what was made a template
            self._release(name)
            self._change(drop, sql.Identifier(name))
        except psycopg.Error as error:
            raise self._refused(error) from error

    def _release(self, name: str) -> None:
        """End what keeps a database from being dropped, besides sessions."""
        with suppress(psycopg.Error):  # what remains is said by the server when the database is dropped
            self._run("ALTER DATABASE {} IS_TEMPLATE false ALLOW_CONNECTIONS true", sql.Identifier(name))
            if self._connection.execute("SHOW is_superuser").fetchone() == ("on",):
                query = "DELETE FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = %s)"
                self._connection.execute(query, (name,))
            prepared = "SELECT gid FROM pg_prepared_xacts WHERE database = %s"
            for (transaction,) in self._connection.execute(prepared, (name,)).fetchall():
                with direct.connect(self.url.with_database(name).libpq, autocommit=True) as there:
                    there.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(transaction)))

    def _disconnect(self, name: str) -> None:
        """End the sessions of a database, and wait until they are gone."""
        # Most have been closed and are about to go; the server's own waiting looks every tenth of a second.
        query = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = %s AND backend_type = 'client backend'
        """  # autovacuum is a superuser's, and gives way by itself
        end = time.monotonic() + _GOING
        while self._connection.execute(query, (name,)).fetchall() != [(0,)] and time.monotonic() < end:
            time.sleep(_LOOK)

    def _templates(self) -> dict[str, str]:
        """Return the comments on the templates by name, the one that was used last first."""
        query = """
            SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database
            WHERE starts_with(datname::text, %s) AND starts_with(shobj_description(oid, 'pg_database'), %s)
        """
        found = self._connection.execute(query, (TEMPLATE_PREFIX, _MARK)).fetchall()
        return dict(sorted(found, key=lambda row: row[1].partition("\n")[0].rpartition(" ")[2], reverse=True))

    def _drop_leftovers(self) -> None:
        """Drop the databases of sandboxes that ended without dropping them."""
        query = """
            SELECT d.datname FROM pg_database d WHERE starts_with(d.datname::text, %s) AND NOT EXISTS (
                SELECT FROM pg_stat_activity a
                WHERE starts_with(a.application_name, %s) AND starts_with(d.datname::text, a.application_name || '_'))
        """
        for (name,) in self._connection.execute(query, (PREFIX, PREFIX)).fetchall():
            if _is_leftover(str(name)):
                # another sandbox may drop it in the same moment
                with suppress(DatabaseError):
                    self._drop(str(name))


def _strategy(server_version: int) -> LiteralString:
    """Return the faster way to copy a small template; STRATEGY exists since Postgres 15."""
    return " STRATEGY file_copy" if server_version >= _STRATEGY_SINCE else ""


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_leftover(name: str) -> bool:
    """Return whether the owner of a database without a session is gone, as far as can be seen from this host."""
    owner = re.fullmatch(rf"{PREFIX}([0-9a-f]{{8}})_(\d+)_[0-9a-f]{{8}}_[0-9a-f]{{16}}", name)
    return owner is not None and (owner[1] != _host() or not _lives(int(owner[2])))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _template_name(key: str) -> str:
    return TEMPLATE_PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32]
