"""The use case of `migrate backup`: copy a database before a deployment, and prove that the copy restores."""

import secrets
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from application.migration.ports.backups import (
    BackupSource,
    BackupStore,
    BackupTaker,
    Copied,
    RestorePlace,
    no_progress,
)
from domain.migration.deployment.backup import Backup, BackupScope, BackupUsageError, Progress, surplus
from domain.migration.deployment.restored import differences, in_words, require_same

TRIAL = "hexalembic_restored"
"""First part of the names of databases into which backups are restored on trial."""


@dataclass(frozen=True)
class TakeBackup(BackupTaker):
    """Takes backups of a database into a folder.

    Attributes:
        source: The database.
        store: The folder.
        place: Opens the server on which a backup is restored on trial; None to restore none.
        keep: Number of complete backups of this database that are kept, the new one among them; None for all.
    """

    source: BackupSource
    store: BackupStore
    place: Callable[[], AbstractContextManager[RestorePlace]] | None = None
    keep: int | None = None

    def take(
        self, scope: BackupScope, touched_tables: Collection[str] | None = None, progress: Progress = no_progress
    ) -> Backup | None:
        """Take a backup, prove that it restores if that is asked for, and then remove older ones.

        Raises:
            BackupError: It was not taken, or did not restore. Nothing of it is left.
        """
        if scope is BackupScope.NONE:
            return None
        if scope is BackupScope.COMMAND and self.place is not None:
            raise BackupUsageError(
                "only the command itself knows how its backup is restored, so it cannot be verified here",
                "leave --verify-backup out, or choose --backup full",
            )
        with self.store.new() as unfinished:
            compared = self.place is not None
            copied = self.source.copy(scope, touched_tables, unfinished.folder, progress, compared=compared)
            verified = self._verify(unfinished.folder, copied, progress)
            backup = unfinished.complete(copied.manifest, verified)
        removed = surplus(self.store.complete_ones(), backup, self.keep) if self.keep is not None else ()
        for old in removed:
            self.store.remove(old)
        return replace(backup, removed=tuple(old.path for old in removed))

    def _verify(self, folder: str, copied: Copied, progress: Progress) -> str:
        """Restore a copy into a database of its own, compare it, and return what was compared.

        Raises:
            BrokenBackupError: Something differs.
        """
        if self.place is None:
            return ""
        manifest, trial = copied.manifest, f"{TRIAL}_{secrets.token_hex(4)}"
        with self.place() as place:
            place.check(manifest, trial)
            place.restore(folder, manifest, trial, copied.roles, progress)
            try:
                schema, digest = place.read(
                    manifest, trial, schema=copied.schema is not None, rows=copied.digest is not None
                )
            finally:
                place.drop(trial)
            require_same(differences(copied.schema, schema, copied.digest, digest, manifest), place.address)
            return in_words(manifest, place.address)
