"""Wiring of `migrate backup`, and of the backup that `migrate deploy` takes before its first lock."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.bootstrap.plan import PlanRequest, planner
from adapter.bootstrap.project import ProjectRequest, configuration
from adapter.bootstrap.target import named_database

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.outbound.postgres.url import DatabaseURL
    from application.migration.ports.backups import BackupTaker, RestorePlace
    from domain.migration.deployment.backup import Backup, BackupScope


@dataclass(frozen=True)
class BackupRequest:
    """The arguments of a backup.

    Attributes:
        scope: What it contains.
        folder: The folder of backups.
        keep: Number of complete backups of the database that are kept; None for all.
        verified: Whether it is restored on trial, and compared.
        verify_at: The URL of a server for that; None for an embedded one.
        command: The user's own command for the scope `command`; a shell does not read it.
    """

    scope: "BackupScope"
    folder: "Path"
    keep: int | None = None
    verified: bool = False
    verify_at: str | None = None
    command: str = ""


def backup_taker(
    database: "DatabaseURL", request: BackupRequest, version_tables: "Collection[str]" = ()
) -> "BackupTaker":
    """Return what takes backups of a database; `take` has finished before it returns.

    Args:
        database: The database.
        request: Where the backup goes, and whether it is restored on trial.
        version_tables: Where the project writes its versions; empty for tables that are called as Alembic calls them.

    Raises:
        DatabaseConfigurationError: The command cannot be read, or the URL of the server for the trial.
    """
    from adapter.outbound.migration.target.backup.command import arguments
    from adapter.outbound.migration.target.backup.source import DatabaseSource
    from adapter.outbound.migration.target.backup.store import FolderStore
    from application.migration.backup import TakeBackup

    source = DatabaseSource(database, tuple(version_tables), arguments(request.command))
    return TakeBackup(source, FolderStore(request.folder), _trial_place(database, request), request.keep)


def _trial_place(
    database: "DatabaseURL", request: BackupRequest
) -> "Callable[[], AbstractContextManager[RestorePlace]] | None":
    """Return what opens the server on which a backup is restored on trial; None if it is not to be."""
    if not request.verified and request.verify_at is None:
        return None

    @contextmanager
    def open_place() -> "Iterator[RestorePlace]":
        from adapter.outbound.migration.sandbox.places import cache_directory
        from adapter.outbound.migration.target.backup.place import ServerPlace, throw_away_place
        from adapter.outbound.migration.target.state import DatabaseTarget
        from adapter.outbound.postgres.url import DatabaseURL
        from application.migration.backup import TRIAL

        if request.verify_at is not None:
            otherwise = "leave it out for an embedded server"
            yield ServerPlace(DatabaseURL.parse(request.verify_at, source="--verify-at", otherwise=otherwise))
            return
        major = DatabaseTarget(database).major()
        with throw_away_place(major, cache_directory() / "restored", TRIAL) as place:
            yield place

    return open_place


def take_backup(
    project: ProjectRequest, plan: PlanRequest, request: BackupRequest, progress: "Callable[..., object]"
) -> "Backup | None":
    """Take a backup of a database, which is only read.

    Args:
        project: The project, and the sandbox in which its revisions are measured for the scope `touched`.
        plan: The database, and what is about to be applied to it.
        request: What the backup contains, and where it goes.
        progress: Called before each revision, and for each table.

    Raises:
        DatabaseError: The database, a program or the folder refused.
        MigrationError: The goal or the history cannot be read, or the backup does not restore.
    """
    from adapter.outbound.postgres.explain import explaining
    from domain.migration.deployment.backup import BackupScope

    if request.scope is BackupScope.TOUCHED:
        with planner(project, plan, "migrate backup") as made:
            touched = made.plan(plan.goal, made.statistics, progress, made.start_after).touched
            database, version_tables = made.database, made.project.version_tables()
    else:
        touched, version_tables = None, ()
        database = named_database(configuration(project.config), plan.url, "migrate backup")
    with explaining(database, reads=True):
        return backup_taker(database, request, version_tables).take(request.scope, touched, progress)
