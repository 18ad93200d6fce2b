"""Uses a server until the end of this process."""

import atexit
import fcntl
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from adapter.outbound.postgres.embedded.files import is_same, lock_file, make_root, open_private
from adapter.outbound.postgres.embedded.place import TIMEOUT, EmbeddedServer, Place, find_place, is_created
from adapter.outbound.postgres.embedded.processes import postmaster
from adapter.outbound.postgres.embedded.protocol import answers, check_wall, explained, is_walled
from adapter.outbound.postgres.embedded.starting import serve, start_supervisor
from adapter.outbound.postgres.embedded.stopping import stopped
from adapter.outbound.postgres.errors import DatabaseError

_guard = threading.RLock()
_leases: dict[Path, int] = {}  # the descriptor that holds the lock, by lease file
_used: set[Place] = set()


def _forget_after_fork() -> None:
    """Close the descriptors in a forked child, because a copy would hold the parent's lease after the parent's end."""
    global _guard  # noqa: PLW0603 - another thread may have held the lock at the fork
    _guard = threading.RLock()
    for descriptor in _leases.values():
        os.close(descriptor)
    _leases.clear()
    _used.clear()


def _leave_supervisor() -> None:
    """Start a supervisor at the end of this process if it was killed, because nothing else would stop the server."""
    for place in _used:
        with suppress(OSError, DatabaseError):
            lock = lock_file(place.file("supervisor"), fcntl.LOCK_EX) if postmaster(place) else None
            if lock is not None:
                start_supervisor(place, {}, lock, time.monotonic() + 5)
                os.close(lock)


def start(
    major: int | None = None,
    root: Path | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    keep: bool = False,
    walled: bool = False,
    throw_away: bool = False,
) -> EmbeddedServer:
    """Use the server until the end of this process, and start it unless it runs.

    It is safe to call this repeatedly, from several threads and several processes.

    Args:
        major: The major version, 16 or 18; by default `HEXALEMBIC_POSTGRES_VERSION`, or 18.
        root: The folder of the data directories; by default `HEXALEMBIC_POSTGRES_DIR`, or `.postgres` of the project.
        settings: Server settings, such as `{"fsync": "off"}`. A running server keeps its own settings.
        keep: Whether the server keeps running without users until `stop`.
        walled: Whether the kernel refuses all connections from the server and its child processes. A server that
            runs without this wall is stopped first.
        throw_away: Whether the start reverts all changes of the configuration files, including those of ALTER SYSTEM.

    Raises:
        UnusableServerError: The server cannot start, or refuses its own superuser.
        DatabaseConfigurationError: The version, the directory or the installation is wrong; nothing was changed.
        DatabaseError: The server did not start in time; the message quotes its log.
    """
    place = find_place(major, root)
    deadline = time.monotonic() + TIMEOUT
    with _guard, explained(place):
        is_created(place)
        make_root(place)
        if walled and answers(place) and not is_walled(place):
            with stopped(place, force=False):
                pass
        is_new_lease = _take_lease(place, deadline)
        try:
            if keep:
                os.close(open_private(place.file("keep"), os.O_RDONLY))
            serve(place, settings or {}, deadline, walled=walled, throw_away=throw_away)
            if walled:
                check_wall(place)
            _used.add(place)
        except BaseException:
            if is_new_lease:
                os.close(_leases.pop(place.file("lease")))
            raise
    return place.server


def release(server: EmbeddedServer) -> None:
    """Release the lease before the end of this process; do nothing without a lease."""
    place = Place(server.major, server.data_directory.parent, Path())
    with _guard:
        descriptor = _leases.pop(place.file("lease"), None)
        if descriptor is not None:
            with suppress(OSError):
                os.utime(place.file("lease"))  # the linger time counts from now
            os.close(descriptor)


def _take_lease(place: Place, deadline: float) -> bool:
    """Take the shared lease until the end of this process; return False if this process holds it already."""
    path = place.file("lease")
    if path in _leases:
        if is_same(_leases[path], path):
            return False
        os.close(_leases.pop(path))  # the root was deleted in the meantime
    while (descriptor := lock_file(path, fcntl.LOCK_SH)) is None:
        if time.monotonic() > deadline:
            raise DatabaseError(
                f"Postgres {place.major} has been stopping for {TIMEOUT:.0f} seconds and waits for its clients",
                "disconnect them, or use `migrate db stop --force`",
            )
        time.sleep(0.01)
    _leases[path] = descriptor
    with suppress(OSError):
        os.utime(path)  # the linger time counts from the last arrival, even if that process has ended
    return True


os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_leave_supervisor)
