"""A folder of backups: each is written aside, and gets its name when it is complete.

A backup is a folder with `manifest.json` and the files that it lists. While it is written, its name ends with
`.partial`, and its writer holds a lock on it, so that the next one can tell what a killed process has left.
"""

import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.full_disk import describe_os_error
from application.migration.ports.backups import BackupFiles, BackupStore, UnfinishedBackup
from domain.migration.deployment.backup import Backup, BackupUsageError, BrokenBackupError, Manifest

MANIFEST = "manifest.json"
_PARTIAL = ".partial"


@dataclass
class PartialFolder(UnfinishedBackup):
    """A folder that a backup is written into.

    Attributes:
        path: Where it is until it is complete.
    """

    path: Path

    @property
    def folder(self) -> str:
        """Where the files are written."""
        return str(self.path)

    def complete(self, manifest: Manifest, verified: str) -> Backup:
        """Write the manifest with the checksums of all files, and give the folder its name."""
        _make_private(self.path)
        manifest = manifest.with_files(checksums(self.path), verified)
        with os.fdopen(os.open(self.path / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(manifest.to_json().encode())
            file.flush()
            os.fsync(file.fileno())
        name = quote(manifest.name, safe="")
        names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
        final = next(path for path in (self.path.parent / each for each in names) if not path.exists())
        self.path.rename(final)
        _sync(final.parent)
        return Backup(str(final), manifest)


@dataclass(frozen=True)
class FolderStore(BackupStore, BackupFiles):
    """A folder of backups, and the backups of other folders by their paths.

    Attributes:
        path: The folder; it is created for its owner only.
    """

    path: Path = Path()

    @contextmanager
    def new(self) -> Iterator[UnfinishedBackup]:
        """Open a folder for a new backup; it is removed at the end of the context unless it was completed.

        Raises:
            DatabaseConfigurationError: It cannot be written to.
        """
        partial = self.path.absolute() / f"{uuid.uuid4().hex}{_PARTIAL}"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._remove_abandoned()
            partial.mkdir(mode=0o700)
            descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise describe_os_error(error) or _unusable(self.path, error) from error
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield PartialFolder(partial)
        finally:
            os.close(descriptor)
            shutil.rmtree(partial, ignore_errors=True)  # it has another name by now if it is complete

    def _remove_abandoned(self) -> None:
        """Remove what processes have left that were killed."""
        for folder in self.path.glob(f"*{_PARTIAL}"):
            with suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
                finally:
                    os.close(descriptor)

    def complete_ones(self) -> tuple[Backup, ...]:
        """Return all complete backups of the folder; what cannot be read is none."""
        backups = []
        for path in sorted(self.path.absolute().glob(f"*/{MANIFEST}")):
            if path.parent.suffix != _PARTIAL and not path.parent.is_symlink():
                with suppress(OSError, UnicodeDecodeError, BrokenBackupError):
                    backups.append(Backup(str(path.parent), Manifest.from_json(path.read_text(encoding="utf-8"))))
        return tuple(backups)

    def remove(self, backup: Backup) -> None:
        """Remove a backup of this folder; without its manifest, which goes first, it is none."""
        folder = Path(backup.path)
        try:
            (folder / MANIFEST).unlink()
            shutil.rmtree(folder)
        except OSError as error:
            raise _unusable(folder, error) from error

    def read(self, path: str) -> Backup:
        """Return a backup, by its folder or its manifest, whose files are as they were written.

        Raises:
            BackupUsageError: There is none.
            BrokenBackupError: A file has changed, is missing, or was added.
        """
        folder = Path(path)
        folder = folder.parent if folder.name == MANIFEST else folder
        if folder.suffix == _PARTIAL:
            raise BackupUsageError(f"{folder} is not complete", "name a complete backup")
        try:
            manifest = Manifest.from_json((folder / MANIFEST).read_text(encoding="utf-8"))
            found = checksums(folder)
        except UnicodeDecodeError:
            raise BrokenBackupError(f"{folder / MANIFEST} is not UTF-8", "name another backup") from None
        except OSError as error:
            raise BackupUsageError(
                f"{error.filename or folder} cannot be read: {error.strerror}",
                "name the folder that migrate backup has printed",
            ) from error
        wrong = sorted(
            name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name)
        )
        if wrong:
            raise BrokenBackupError(
                f"{len(wrong)} files of {folder} are not as they were written: {', '.join(wrong[:5])}",
                "name another backup, or copy this one again from where it was taken to",
            )
        return Backup(str(folder.absolute()), manifest)


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder but the manifest, by its path in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST and not path.is_dir():
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _make_private(folder: Path) -> None:
    """Give all files to their owner only, also those of a user's command."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def _sync(folder: Path) -> None:
    """Make a new name outlive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> DatabaseConfigurationError:
    return DatabaseConfigurationError(
        f"backups cannot be kept in {path}: {error.strerror or error}",
        "name a folder that you may write to: --to FOLDER",
    )
