"""The use case of `migrate restore`: a backup becomes a new database, and a person decides what is done with it."""

from dataclasses import dataclass

from application.migration.ports.backups import BackupFiles, RestorePlace, no_progress
from domain.migration.deployment.backup import Backup, BackupUsageError, BrokenBackupError, Progress
from domain.migration.deployment.restored import LONGEST_NAME, new_name, switch_over


@dataclass(frozen=True)
class Restored:
    """A restored backup.

    Attributes:
        backup: The backup.
        database: The new database.
        steps: What a person does with it, a sentence for each step.
    """

    backup: Backup
    database: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class RestoreBackup:
    """Restores backups into new databases of a server; no existing one is written to.

    Attributes:
        files: Reads backups.
        place: The server.
    """

    files: BackupFiles
    place: RestorePlace

    def __call__(self, path: str, database: str = "", progress: Progress = no_progress) -> Restored:
        """Restore a backup.

        Args:
            path: Its folder, or its manifest.
            database: Name of the new database; empty for one that says of what it is and when it was taken.
            progress: Called for each table.

        Raises:
            BackupError: The backup is broken, the database exists, or the server has another version.
        """
        backup = self.files.read(path)
        manifest = backup.manifest
        database = database or new_name(manifest)
        if len(database.encode()) > LONGEST_NAME:
            raise BackupUsageError(
                f"the name of the new database has more than {LONGEST_NAME} bytes", "name a shorter one with --database"
            )
        self.place.check(manifest, database)
        self.place.restore(backup.path, manifest, database, (), progress)
        try:
            counts = self.place.count(manifest, database)
        except BaseException:
            self.place.drop(database)
            raise
        wrong = [
            f"{table} has {counts[table]:,} rows, and the backup {rows:,}"
            for table, rows in manifest.tables.items()
            if counts[table] != rows
        ]
        if wrong:
            self.place.drop(database)
            raise BrokenBackupError(
                f"the backup did not restore: {'; '.join(wrong[:5])}; {database} was dropped", "name another backup"
            )
        return Restored(backup, database, switch_over(manifest, database))
