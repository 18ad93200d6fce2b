"""Wiring of `migrate restore`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.bootstrap.project import configuration
from adapter.bootstrap.target import named_database

if TYPE_CHECKING:
    from pathlib import Path

    from application.migration.restore import Restored


@dataclass(frozen=True)
class RestoreRequest:
    """The arguments of `migrate restore`.

    Attributes:
        path: The backup's folder, or its manifest.
        database: The name of the new database; empty for one that says what it is.
        config: The configuration file of the project; None as in `configuration`.
        url: The URL of a database of the server; None for `DATABASE_URL`.
        owners: Whether owners and privileges are restored.
    """

    path: "Path"
    database: str = ""
    config: "Path | None" = None
    url: str | None = None
    owners: bool = True


def restore_backup(request: RestoreRequest, progress: "Callable[..., object]") -> "Restored":
    """Restore a backup into a new database.

    Args:
        request: The backup and the server.
        progress: Called for each table.

    Raises:
        DatabaseError: The server or pg_restore refused.
        BackupError: The backup is broken, the database exists, or the server has another version.
    """
    from adapter.outbound.migration.target.backup.place import ServerPlace
    from adapter.outbound.migration.target.backup.store import FolderStore
    from adapter.outbound.postgres.explain import explaining
    from application.migration.restore import RestoreBackup

    database = named_database(configuration(request.config), request.url, "migrate restore")
    with explaining(database):
        restore = RestoreBackup(FolderStore(), ServerPlace(database, owners=request.owners))
        return restore(str(request.path), request.database, progress)
