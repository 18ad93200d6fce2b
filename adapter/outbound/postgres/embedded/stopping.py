"""Stopping a server, and deleting it."""

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
    """Stop the server, and end its `keep`. Its data stay.

    Args:
        major: As in `start`.
        root: As in `start`.
        force: Also when somebody uses it: clients are disconnected, their open transactions rolled back.

    Returns:
        Whether it ran.

    Raises:
        DatabaseError: Somebody uses it, this process included, or it did not stop in time.
    """
    place = find_place(major, root, installed=False)
    if not place.root.is_dir():
        return False
    with explained(place), stopped(place, force=force) as ran:
        return ran


def reset(major: int | None = None, root: Path | None = None, *, force: bool = False) -> bool:
    """Stop the server and delete its data directory for good; the caller asks before.

    Returns:
        Whether there was one.

    Raises:
        DatabaseConfigurationError: The directory was not created here; nothing was deleted.
        DatabaseError: Somebody uses it and `force` is not set, or it did not stop in time.
    """
    place = find_place(major, root, installed=False)
    if not is_created(place):
        return False
    with explained(place), stopped(place, force=force):
        if not is_created(place, reset=True):
            return False
        doomed = tempfile.mkdtemp(prefix=f"{place.major}.new-", dir=place.root)
        place.data.rename(doomed)  # first out of the way in one step: half a data directory must not be found
        shutil.rmtree(doomed)
    return True


def _claim(place: Place) -> int | None:
    """Take the lease exclusively; None when somebody uses the server."""
    for _ in range(25):  # the supervisor takes it for some milliseconds at a time
        lease = lock_file(place.file("lease"), fcntl.LOCK_EX)
        if lease is not None:
            return lease
        if count_processes(place):
            break
        time.sleep(0.02)
    return None


def _refuse_if_used(place: Place, lease: int | None) -> None:
    """Raise a DatabaseError that counts the users, unless there are none."""
    clients = 0
    try:
        clients = count_clients(place) if answers(place) else 0
    except RefusedError:
        raise
    except OSError:  # it ended just now
        pass
    if clients or lease is None:
        processes = "other" if (count := count_processes(place)) is None else str(count)
        raise DatabaseError(
            f"Postgres {place.major} is in use by {processes} process(es) and {clients} connected client(s)",
            "it stops by itself when they have finished; `--force` disconnects them",
        )


@contextmanager
def stopped(place: Place, *, force: bool) -> Iterator[bool]:
    """Stop the server, and let nobody start it meanwhile; give whether it ran."""
    place.file("keep").unlink(missing_ok=True)
    lease, supervisor, ran = _claim(place), None, False
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
                    os.kill(pid, signal.SIGCONT)  # one that somebody has frozen would not notice
            time.sleep(0.01)
        yield ran
    finally:
        for descriptor in (lease, supervisor):
            if descriptor is not None:
                os.close(descriptor)
