"""Backups of a database: who takes them, where they are kept, and where they are restored."""

from abc import abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from domain.migration.deployment.backup import Backup, BackupScope, Manifest, Progress
from domain.migration.digest import DataDigest
from domain.migration.snapshot import SchemaSnapshot


def no_progress(_done: int, _all: int, _next: str) -> None:
    """Show no progress."""


class BackupTaker(Protocol):
    """Takes backups of one database; `migrate deploy` calls this before its first lock."""

    @abstractmethod
    def take(
        self, scope: BackupScope, touched_tables: Collection[str] | None = None, progress: Progress = no_progress
    ) -> Backup | None:
        """Take a backup, and return it when it is complete.

        Args:
            scope: What it contains.
            touched_tables: Tables whose rows `touched` saves, such as `Plan.touched`; None if they are not known, so
                that all rows are saved. Other scopes do not need it.
            progress: Called for each table.

        Returns:
            The backup; None for the scope `none`.

        Raises:
            BackupError: It was not taken, or did not restore. Nothing of it is left.
        """


@dataclass(frozen=True)
class Copied:
    """What was copied from a database, all of one snapshot.

    Attributes:
        manifest: What the copy contains; the checksums of its files are not in it yet.
        schema: Schema of the database; None unless it is to be compared.
        digest: Digest of the rows that were copied; None unless they are to be compared.
        roles: Roles that own something in it, or have privileges on it.
    """

    manifest: Manifest
    schema: SchemaSnapshot | None = None
    digest: DataDigest | None = None
    roles: tuple[str, ...] = ()


class BackupSource(Protocol):
    """A database that is copied; it is only read."""

    @abstractmethod
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

        Args:
            scope: What is copied.
            touched_tables: As for `BackupTaker.take`.
            folder: The folder.
            progress: Called for each table.
            compared: Whether the copy will be compared with the database.
        """


class UnfinishedBackup(Protocol):
    """A folder that becomes a backup when it is complete, and goes otherwise."""

    @property
    @abstractmethod
    def folder(self) -> str:
        """Where the files are written."""

    @abstractmethod
    def complete(self, manifest: Manifest, verified: str) -> Backup:
        """Write the manifest with the checksums of all files, and give the folder its name."""


class BackupStore(Protocol):
    """A folder of backups."""

    @abstractmethod
    def new(self) -> AbstractContextManager[UnfinishedBackup]:
        """Open a folder for a new backup; it is removed at the end of the context unless it was completed."""

    @abstractmethod
    def complete_ones(self) -> tuple[Backup, ...]:
        """Return all complete backups of the folder."""

    @abstractmethod
    def remove(self, backup: Backup) -> None:
        """Remove a backup."""


class BackupFiles(Protocol):
    """Reads backups, wherever they are."""

    @abstractmethod
    def read(self, path: str) -> Backup:
        """Return a backup whose files are as they were written.

        Raises:
            BackupError: There is none, or a file has changed, is missing, or was added.
        """


class RestorePlace(Protocol):
    """A server on which a backup is restored into a new database."""

    @abstractmethod
    def check(self, manifest: Manifest, database: str) -> None:
        """Refuse what cannot be restored here, before anything is written.

        Raises:
            BackupError: The database exists, or the server has another major version.
        """

    @abstractmethod
    def restore(
        self, folder: str, manifest: Manifest, database: str, roles: Collection[str], progress: Progress
    ) -> None:
        """Restore into a new database, which is dropped again if that fails.

        Args:
            folder: Folder of the backup.
            manifest: What it contains.
            database: Name of the new database.
            roles: Roles that it needs; a throw-away server creates those that it lacks.
            progress: Called for each table.
        """

    @abstractmethod
    def count(self, manifest: Manifest, database: str) -> dict[str, int]:
        """Return the number of rows of each table of a manifest in a restored database."""

    @abstractmethod
    def read(
        self, manifest: Manifest, database: str, *, schema: bool, rows: bool
    ) -> tuple[SchemaSnapshot | None, DataDigest | None]:
        """Return the schema, and the digest of the rows that the backup has, of a restored database."""

    @abstractmethod
    def drop(self, database: str) -> None:
        """Drop a database that `restore` has made."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where the server is, as it may be printed."""
