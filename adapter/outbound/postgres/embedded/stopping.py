"""Stops a server, and deletes its data directory."""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapter.outbound.postgres.embedded.files import lock_file
from adapter.outbound.postgres.embedded.place import TIMEOUT, Place, find_place, is_created
from adapter.outbound.postgres.embedded.processes import count_processes, postmaster
from adapter.outbound.postgres.embedded.protocol import RefusedError, answers, count_clients, explained
from adapter.outbound.postgres.errors import DatabaseError


def stop(major: int | None = None, root: Path | None = None, *, force: bool = False) -> bool:
    """Stop the server and end its `keep`; its data directory is not changed.

    Args:
        major: As in `start`.
        root: As in `start`.
        force: Stop it even if it is in use; clients are disconnected and their open transactions rolled back.

    Returns:
        Whether the server ran.

    Raises:
        DatabaseError: The server is in use, perhaps by this process, or did not stop in time.
    """
    place = find_place(major, root, installed=False)
    if not place.root.is_dir():
        return False
    with explained(place), stopped(place, force=force) as ran:
        return ran


def reset(major: int | None = None, root: Path | None = None, *, force: bool = False) -> bool:
    """Stop the server and delete its data directory; the caller must have asked the user before.

    Args:
        major: As in `start`.
        root: As in `start`.
        force: As in `stop`.

    Returns:
        Whether there was a data directory.

    Raises:
        DatabaseConfigurationError: The directory was not created here; nothing was deleted.
        DatabaseError: The server is in use and `force` is not set, or it did not stop in time.
    """
    place = find_place(major, root, installed=False)
    if not is_created(place):
        return False
    with explained(place), stopped(place, force=force):
        if not is_created(place, reset=True):
            return False
        doomed = tempfile.mkdtemp(prefix=f"{place.major}.new-", dir=place.root)
        place.data.rename(doomed)  # renamed in one step, so that nobody finds half a data directory
        shutil.rmtree(doomed)
    return True


def _lock_lease(place: Place) -> int | None:
    """Lock the lease exclusively and return its descriptor, or None if a process uses the server."""
    for _ in range(25):  # the supervisor holds it for some milliseconds at a time
        lease = lock_file(place.file("lease"), fcntl.LOCK_EX)
        if lease is not None:
            return lease
        if count_processes(place):
            break
        time.sleep(0.02)
    return None


def _refuse_if_used(place: Place, lease: int | None) -> None:
    """Raise a DatabaseError with the number of users, unless the server is not in use."""
    clients = 0
    try:
        clients = count_clients(place) if answers(place) else 0
    except RefusedError:
        raise
    except OSError:  # the server has just ended
        pass
    if clients or lease is None:
        processes = "other" if (count := count_processes(place)) is None else str(count)
        raise DatabaseError(
            f"Postgres {place.major} is in use by {processes} process(es) and {clients} connected client(s)",
            "it stops by itself when they have finished; `--force` disconnects them",
        )


@contextmanager
def stopped(place: Place, *, force: bool) -> Iterator[bool]:
    """Stop the server and prevent its start inside the context; yield whether it ran."""
    place.file("keep").unlink(missing_ok=True)
    lease, supervisor, ran = _lock_lease(place), None, False
    try:
        if not force:
            _refuse_if_used(place, lease)
        deadline = time.monotonic() + TIMEOUT
        while supervisor is None:
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"Postgres {place.major} did not stop within {TIMEOUT:.0f} seconds", f"see {place.file('log')}"
                )
            pid = postmaster(place)
            if pid is None:
                supervisor = lock_file(place.file("supervisor"), fcntl.LOCK_EX)
            else:
                ran = True
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)  # fast shutdown; repeating it does no harm
                    os.kill(pid, signal.SIGCONT)  # a suspended process would not handle the signal
            time.sleep(0.01)
        yield ran
    finally:
        for descriptor in (lease, supervisor):
            if descriptor is not None:
                os.close(descriptor)
