"""Copies a database that is in use, all of one exported snapshot: pg_dump writes it, and a session counts its rows."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.digester import digest
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.target.applied import applied_revisions
from adapter.outbound.migration.target.backup.client import client_of
from adapter.outbound.migration.target.backup.command import run_command
from adapter.outbound.migration.target.backup.dump import dump
from adapter.outbound.migration.target.backup.programs import login_of, remedy_of
from adapter.outbound.migration.target.backup.relations import Selection, everything, touched
from adapter.outbound.migration.target.identity import read_identity
from adapter.outbound.migration.target.poolers import refuse_transaction_pooler
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import explaining, server_message
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.backups import BackupSource, Copied
from domain.migration.deployment.backup import BackupScope, BackupUsageError, Locale, Manifest, Progress
from domain.migration.deployment.restored import NOT_IN_A_BACKUP
from domain.migration.digest import DataDigest
from domain.migration.snapshot import SchemaSnapshot

_SESSION = """
SELECT pg_catalog.set_config(name, value, false)
  FROM (VALUES ('statement_timeout', '0'), ('lock_timeout', '30s'), ('idle_in_transaction_session_timeout', '0'),
               ('transaction_timeout', '0'), ('row_security', 'off')) AS settings (name, value)
 WHERE name IN (SELECT s.name FROM pg_catalog.pg_settings s)
"""
_LOCALE = """
SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
       CASE pg_catalog.to_jsonb(d) ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
       coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale', '')
  FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
"""
# pg_shdepend knows who owns or may use something, but for the role that initdb has made.
_ROLES = """
SELECT r.rolname::text FROM pg_catalog.pg_roles r
 WHERE r.rolname !~ '^pg_' AND (r.oid = 10 OR r.oid IN (
       SELECT s.refobjid FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
        WHERE d.datname = pg_catalog.current_database() AND s.refclassid = 'pg_catalog.pg_authid'::regclass))
 ORDER BY 1
"""
_AT_ONCE = 50  # tables that one statement counts


@dataclass(frozen=True)
class DatabaseSource(BackupSource):
    """A database that is in use.

    Attributes:
        url: Where it is.
        version_tables: Where the project writes its versions; empty for tables that are called as Alembic calls them.
        command: The user's own program for the scope `command`, with its arguments.
    """

    url: DatabaseURL
    version_tables: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def copy(
        self,
        scope: BackupScope,
        touched_tables: Collection[str] | None,
        folder: str,
        progress: Progress,
        *,
        compared: bool,
    ) -> Copied:
        """Copy it into an empty folder.

        Raises:
            BackupUsageError: No command is named for the scope `command`.
            DatabaseError: The database, pg_dump or the command refused, or the folder's disk is full.
        """
        with explaining(self.url, reads=True), self._snapshot() as connection:
            if scope is BackupScope.COMMAND:
                return self._by_command(connection, Path(folder))
            selection = (
                Selection(()) if scope is BackupScope.SCHEMA else self._selected(connection, scope, touched_tables)
            )
            roles = tuple(name for (name,) in connection.execute(_ROLES.encode()).fetchall()) if compared else ()
            client = client_of(connection.info.server_version // 10_000)
            manifest = self._manifest(connection, scope, client.version, selection)
            exported = str(_value(connection, "SELECT pg_catalog.pg_export_snapshot()"))
            with (
                login_of(connection) as login,
                _beside(connection, lambda: _read(connection, scope, selection, compared)) as reading,
            ):

                def watched(done: int, tables: int, following: str) -> None:
                    if reading.done():
                        reading.result()  # raises what has ended it, so that pg_dump does not go on in vain
                    progress(done, tables, following)

                dump(client, login, Path(folder), exported, scope, selection, watched)
                counts, schema, rows = reading.result()
        return Copied(replace(manifest, tables=counts), schema, rows, roles)

    @contextmanager
    def _snapshot(self) -> Iterator[psycopg.Connection[Any]]:
        refuse_transaction_pooler(self.url)
        with psycopg.connect(self.url.libpq, client_encoding="utf8", prepare_threshold=None) as connection:
            connection.execute(_SESSION)
            connection.commit()
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield connection

    def _selected(
        self, connection: psycopg.Connection[Any], scope: BackupScope, names: Collection[str] | None
    ) -> Selection:
        if scope is BackupScope.TOUCHED:
            return touched(connection, names, self.version_tables)
        return everything(connection)

    def _by_command(self, connection: psycopg.Connection[Any], folder: Path) -> Copied:
        if not self.command:
            raise BackupUsageError("no command is named for the backup", "name it: --command 'snapshot.sh prod'")
        manifest = self._manifest(connection, BackupScope.COMMAND, self.command[0], Selection(()))
        connection.rollback()  # the command takes as long as it likes
        return Copied(run_command(self.command, connection, folder, manifest))

    def _manifest(
        self, connection: psycopg.Connection[Any], scope: BackupScope, tool: str, selection: Selection
    ) -> Manifest:
        locale = connection.execute(_LOCALE.encode()).fetchone() or ()
        return Manifest(
            scope=scope,
            target=read_identity(connection, self.url),
            revisions=applied_revisions(connection, self.url, self.version_tables),
            taken_at=datetime.now(UTC).replace(microsecond=0),
            tool=tool,
            locale=Locale(*locale),
            left_out=selection.left_out,
            whole=selection.whole,
        )


def count_rows(connection: psycopg.Connection[Any], tables: Collection[str]) -> dict[str, int]:
    """Return the number of rows of each table, without those of its children."""
    names, counts = list(tables), {}
    for start in range(0, len(names), _AT_ONCE):
        queries = [
            f"SELECT {position}, count(*) FROM ONLY {name}"  # noqa: S608 - names that the server has quoted
            for position, name in enumerate(names[start : start + _AT_ONCE])
        ]
        for position, rows in connection.execute(" UNION ALL ".join(queries).encode()).fetchall():
            counts[names[start + position]] = int(rows)
    return dict(sorted(counts.items()))


Reading = tuple[dict[str, int], SchemaSnapshot | None, DataDigest | None]


def _read(connection: psycopg.Connection[Any], scope: BackupScope, selection: Selection, compared: bool) -> Reading:
    try:
        counts = count_rows(connection, [relation.name for relation in selection.tables])
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(f"the rows cannot all be read: {server_message(error)}", remedy_of(str(error))) from error
    if not compared:
        return counts, None, None
    schema = snapshot(connection, exclude_tables=(), exclude_kinds=NOT_IN_A_BACKUP)
    if scope is BackupScope.SCHEMA:
        return counts, schema, None
    return counts, schema, digest(connection, selection.digested, exclude_tables=())


@contextmanager
def _beside(connection: psycopg.Connection[Any], read: Callable[[], Reading]) -> "Iterator[Future[Reading]]":
    """Read in another thread during the block; its error comes before that of the block, which follows from it."""
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(read)
        try:
            yield reading
        except BaseException as error:
            first = reading.exception() if reading.done() else None
            connection.cancel()  # nobody waits for it any more
            if first is not None and isinstance(error, Exception):
                raise first from error
            raise


def _value(connection: psycopg.Connection[Any], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
