"""Explains which disk is full: its file system, the folder on it, and the free space."""

import errno
import os
import shutil
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseError

DISK_FULL = "53100"  # SQLSTATE: disk_full
IS_FULL = "is full"  # in each message of `describe_full_disk`
_WAL_SEGMENT = 16 * 2**20  # bytes of one file, which Postgres deletes again when it cannot write all of it


class FullDiskError(DatabaseError):
    """A disk has no room left."""


def has_no_room(folder: Path, log: str = "") -> bool:
    """Return whether a disk has less room than a file of the write-ahead log takes, or a log says that it was full.

    Args:
        folder: A folder on that disk; of one that does not exist, such as a removed data directory, nothing is known.
        log: What a server that speaks English has written.
    """
    try:
        return "No space left on device" in log or shutil.disk_usage(folder).free < _WAL_SEGMENT
    except FileNotFoundError:
        return False


def describe_full_disk(whose: str, folder: Path | None, message: str, hint: str) -> FullDiskError:
    """Return an error for a full disk.

    Args:
        whose: The owner of the disk in the message: `the sandbox's server`.
        folder: The folder that could not be written to; None if it is on another machine.
        message: The original message.
        hint: The hint of the error.
    """
    where = f": {_free(folder)}" if folder is not None and folder.exists() else ""
    return FullDiskError(f"The disk of {whose} {IS_FULL}{where} ({message}).", hint)


def describe_os_error(error: BaseException) -> FullDiskError | None:
    """Return an error for an error of the file system that means a full disk, or None for any other error."""
    if not isinstance(error, OSError) or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return None
    path = error.filename if isinstance(error.filename, str) else None
    folder = Path(path).absolute().parent if path else None
    return describe_full_disk(
        "this command", folder, error.strerror or str(error), "Free space there, then run it again."
    )


def _free(folder: Path) -> str:
    mount = folder.resolve()
    while not os.path.ismount(mount):
        mount = mount.parent
    return f"{shutil.disk_usage(folder).free:,} bytes are free on {mount}, for the folder {folder}"
