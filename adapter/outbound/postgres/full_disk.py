"""Says which disk is full: its file system, the folder on it, and what is free there."""

import errno
import os
import shutil
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseError

DISK_FULL = "53100"  # SQLSTATE: disk_full


class FullDiskError(DatabaseError):
    """A disk has no room left."""


def describe_full_disk(whose: str, folder: Path | None, said: str, hint: str) -> FullDiskError:
    """Describe a disk without room.

    Args:
        whose: Whose disk, as the sentence says it: `the sandbox's server`.
        folder: What could not be written to; None where it is on another machine.
        said: What was said of it.
        hint: How to go on.
    """
    where = f": {_free(folder)}" if folder is not None and folder.exists() else ""
    return FullDiskError(f"The disk of {whose} is full{where} ({said}).", hint)


def describe_os_error(error: BaseException) -> FullDiskError | None:
    """Describe an error of the file system that means a full disk; None where it means something else."""
    if not isinstance(error, OSError) or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return None
    named = error.filename if isinstance(error.filename, str) else None
    folder = Path(named).absolute().parent if named else None
    return describe_full_disk(
        "this command", folder, error.strerror or str(error), "Free space there, then run it again."
    )


def _free(folder: Path) -> str:
    mount = folder.resolve()
    while not os.path.ismount(mount):
        mount = mount.parent
    return f"{shutil.disk_usage(folder).free:,} bytes are free on {mount}, for the folder {folder}"
