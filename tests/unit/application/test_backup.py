"""Which backups are taken, verified and removed, on fakes of a database, a folder and a server."""

# ruff: noqa: ARG002 - a fake takes what its port takes

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from application.migration.backup import TakeBackup
from application.migration.ports.backups import (
    BackupFiles,
    BackupSource,
    BackupStore,
    Copied,
    RestorePlace,
    UnfinishedBackup,
)
from application.migration.restore import RestoreBackup
from domain.migration.deployment.backup import (
    Backup,
    BackupScope,
    BackupUsageError,
    BrokenBackupError,
    Manifest,
    Progress,
)
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.deployment.test_backup import MANIFEST
from tests.unit.domain.migration.traces import USERS, table

SCHEMA = SchemaSnapshot(table(USERS, "id"))


@dataclass
class Source(BackupSource):
    """A database, which counts its copies."""

    copies: int = 0

    def copy(
        self, scope: BackupScope, touched_tables: Any, folder: str, progress: Progress, *, compared: bool
    ) -> Copied:
        """Copy it, an hour after the copy before."""
        self.copies += 1
        taken_at = MANIFEST.taken_at + timedelta(hours=self.copies)
        return Copied(replace(MANIFEST, scope=scope, taken_at=taken_at), SCHEMA if compared else None)


@dataclass
class Store(BackupStore, BackupFiles, UnfinishedBackup):
    """A folder of backups."""

    backups: list[Backup] = field(default_factory=list)
    is_open: bool = False

    @property
    def folder(self) -> str:
        """Where it is."""
        return "partial"

    @contextmanager
    def new(self) -> Iterator[UnfinishedBackup]:
        """Open it for a new one."""
        self.is_open = True
        yield self
        self.is_open = False

    def complete(self, manifest: Manifest, verified: str) -> Backup:
        """Take the new one in."""
        self.backups.append(Backup(str(len(self.backups)), replace(manifest, verified=verified)))
        return self.backups[-1]

    def complete_ones(self) -> tuple[Backup, ...]:
        """Return all."""
        return tuple(self.backups)

    def remove(self, backup: Backup) -> None:
        """Remove one."""
        self.backups.remove(backup)

    def read(self, path: str) -> Backup:
        """Return one."""
        return self.backups[int(path)]


@dataclass
class Place(RestorePlace):
    """A server with the names of its databases, and the schema and rows that each restored one has."""

    schema: SchemaSnapshot = SCHEMA
    rows: int = 3
    databases: set[str] = field(default_factory=set)

    def check(self, manifest: Manifest, database: str) -> None:
        """Refuse nothing."""

    def restore(
        self, folder: str, manifest: Manifest, database: str, roles: Collection[str], progress: Progress
    ) -> None:
        """Make the database."""
        self.databases.add(database)

    def count(self, manifest: Manifest, database: str) -> dict[str, int]:
        """Return the rows."""
        return dict.fromkeys(manifest.tables, self.rows)

    def read(self, manifest: Manifest, database: str, *, schema: bool, rows: bool) -> tuple[SchemaSnapshot, None]:
        """Return the schema."""
        return self.schema, None

    def drop(self, database: str) -> None:
        """Drop it."""
        self.databases.remove(database)

    @property
    def address(self) -> str:
        """Where it is."""
        return "a server"


def taking(source: Source, store: Store, place: Place | None = None, keep: int | None = None) -> TakeBackup:
    """Return the use case on these."""

    @contextmanager
    def opened() -> Iterator[RestorePlace]:
        assert place is not None
        yield place

    return TakeBackup(source, store, opened if place else None, keep)


def test_none_and_what_cannot_be_verified() -> None:
    """The scope `none` takes nothing; a command's backup cannot be verified, which is said before it is taken."""
    source, store = Source(), Store()

    assert taking(source, store, keep=1).take(BackupScope.NONE) is None
    with pytest.raises(BackupUsageError, match="only the command itself"):
        taking(source, store, Place()).take(BackupScope.COMMAND)
    assert (source.copies, store.backups) == (0, [])


def test_older_ones_go_only_when_the_new_one_is_proved() -> None:
    """A backup that does not restore removes nothing and is no backup; a proved one makes room. No trial stays."""
    source, store, place = Source(), Store(), Place()
    first = taking(source, store).take(BackupScope.FULL)
    assert first is not None
    with pytest.raises(BrokenBackupError, match="the backup does not restore"):
        taking(source, store, Place(SchemaSnapshot({})), keep=1).take(BackupScope.FULL)
    assert store.backups == [first]

    second = taking(source, store, place, keep=1).take(BackupScope.FULL)

    assert second is not None
    assert second.removed == (first.path,)
    assert "same schema" in second.manifest.verified
    assert (len(store.backups), place.databases) == (1, set())


def test_a_database_with_fewer_rows_is_dropped() -> None:
    """A restored database must have the rows that the manifest counts; otherwise it goes again."""
    store, place = Store([Backup("0", MANIFEST)]), Place(rows=2)

    with pytest.raises(BrokenBackupError, match="has 2 rows, and the backup 3"):
        RestoreBackup(store, place)("0")
    assert place.databases == set()
    restored = RestoreBackup(store, Place())("0", "again")
    assert (restored.database, restored.backup.path) == ("again", "0")
