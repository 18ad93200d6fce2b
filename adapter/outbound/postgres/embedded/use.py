"""Using a server for the rest of this process's life."""

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
_leases: dict[Path, int] = {}  # lease file -> descriptor that holds its lock
_used: set[Place] = set()


def _forget_after_fork() -> None:
    """Close a forked child's copies: a copy would keep the parent's lease after the parent's end."""
    global _guard  # noqa: PLW0603 - another thread may have held it at the fork
    _guard = threading.RLock()
    for descriptor in _leases.values():
        os.close(descriptor)
    _leases.clear()
    _used.clear()


def _leave() -> None:
    """See to it, as this process ends, that there is a supervisor: if it was killed, who else would stop the server?"""
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
    """Use the server for the rest of this process's life, and start it unless it runs.

    Safe to call again, from several threads and by several processes at once.

    Args:
        major: 16 or 18; default `HEXALEMBIC_POSTGRES_VERSION`, else 18.
        root: Holds the data directories; default `HEXALEMBIC_POSTGRES_DIR`, else `.postgres` of the project.
        settings: Server settings, such as `{"fsync": "off"}`. A server that runs already keeps its own.
        keep: Let it run without users, until `stop`.
        walled: The kernel refuses the server, and all that it starts, every connection to somewhere else. One that
            runs without that is stopped first.
        throw_away: Undo at the start what was done to its configuration files since it was made, by ALTER SYSTEM too.

    Raises:
        UnusableServerError: It cannot start, or refuses its own superuser.
        DatabaseConfigurationError: The version, the directory or the installation cannot work; nothing was changed.
        DatabaseError: It did not start in time; the message quotes its log.
    """
    place = find_place(major, root)
    deadline = time.monotonic() + TIMEOUT
    with _guard, explained(place):
        is_created(place)
        make_root(place)
        if walled and answers(place) and not is_walled(place):
            with stopped(place, force=False):
                pass
        fresh = _take_lease(place, deadline)
        try:
            if keep:
                os.close(open_private(place.file("keep"), os.O_RDONLY))
            serve(place, settings or {}, deadline, walled=walled, throw_away=throw_away)
            if walled:
                check_wall(place)
            _used.add(place)
        except BaseException:
            if fresh:
                os.close(_leases.pop(place.file("lease")))
            raise
    return place.server


def release(server: EmbeddedServer) -> None:
    """Give the lease back before this process ends; without a lease, do nothing."""
    place = Place(server.major, server.data_directory.parent, Path())
    with _guard:
        descriptor = _leases.pop(place.file("lease"), None)
        if descriptor is not None:
            with suppress(OSError):
                os.utime(place.file("lease"))  # the linger time counts from now
            os.close(descriptor)


def _take_lease(place: Place, deadline: float) -> bool:
    """Hold the shared lease until this process ends; False when it is held already."""
    path = place.file("lease")
    if path in _leases:
        if is_same(_leases[path], path):
            return False
        os.close(_leases.pop(path))  # the root was deleted under us
    while (descriptor := lock_file(path, fcntl.LOCK_SH)) is None:
        if time.monotonic() > deadline:
            raise DatabaseError(
                f"Postgres {place.major} has been stopping for {TIMEOUT:.0f} seconds and waits for its clients",
                "disconnect them, or use `migrate db stop --force`",
            )
        time.sleep(0.01)
    _leases[path] = descriptor
    with suppress(OSError):
        os.utime(path)  # the linger time counts from the last arrival, also of a process that has gone since
    return True


os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_leave)
