"""Files that only their owner can open, and locks on them."""

import fcntl
import os
import pwd
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from adapter.outbound.postgres.embedded.place import Place
from adapter.outbound.postgres.redaction import redact


def lock_file(path: Path, mode: int) -> int | None:
    """Open and lock a file without waiting, and return its descriptor, or None if another process holds the lock."""
    while True:
        descriptor = open_private(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
            if is_same(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was deleted between open and lock


def open_private(path: Path, flags: int) -> int:
    """Open or create a file that only its owner can open, because whoever can open a file can also lock it."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(PermissionError):  # the file belongs to root, or root opened it in another user's folder
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    return descriptor


def open_log(place: Place) -> BinaryIO:
    """Open the log for appending."""
    return os.fdopen(open_private(place.file("log"), os.O_WRONLY | os.O_APPEND), "ab")


def make_root(place: Place) -> None:
    """Create the root folder for its owner only; if root creates it, the user that runs Postgres may pass through it.

    An existing folder may belong to the user, so its mode is not changed. Our files in it are made private.
    """
    if place.root.is_dir():
        for suffix in ("lease", "supervisor", "keep", "log"):
            with suppress(OSError):
                if place.file(suffix).lstat().st_mode & 0o077:
                    place.file(suffix).chmod(0o600)
        return
    place.root.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        place.root.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(place.root, -1, pwd.getpwnam("nobody").pw_gid)
            place.root.chmod(0o710)


def is_same(descriptor: int, path: Path) -> bool:
    """Return whether the path still names the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def log_tail(place: Place, since: int = 0) -> str:
    """Read the last lines of the log, after a position in bytes; passwords are redacted."""
    with suppress(OSError), place.file("log").open("rb") as log:
        log.seek(since)
        return redact("\n" + "\n".join(log.read().decode(errors="replace").splitlines()[-12:]))
    return ""
