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
    """Open and lock a file without waiting; None when somebody holds it."""
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
        os.close(descriptor)  # deleted between open and lock


def open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner can open, and make it: whoever can open one can lock it, too."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(PermissionError):  # root's, or opened by root in somebody's folder
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    return descriptor


def open_log(place: Place) -> BinaryIO:
    """Open the log to append to it."""
    return os.fdopen(open_private(place.file("log"), os.O_WRONLY | os.O_APPEND), "ab")


def make_root(place: Place) -> None:
    """Make the folder for its owner alone; where root makes it, the user that runs Postgres may pass through.

    One that is there already may be somebody's own: its mode is left alone, and our files in it are made private.
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
    """Return whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def log_tail(place: Place, since: int = 0) -> str:
    """Read the last lines of the log, from a position in bytes on."""
    with suppress(OSError), place.file("log").open("rb") as log:
        log.seek(since)
        return redact("\n" + "\n".join(log.read().decode(errors="replace").splitlines()[-12:]))
    return ""
