"""The supervisor: starts Postgres or adopts a running server, and stops it when nobody has used it for a while."""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from adapter.outbound.isolation.wall import behind_wall
from adapter.outbound.postgres.embedded.files import lock_file, log_tail
from adapter.outbound.postgres.embedded.identity import give_to_owner, run_program
from adapter.outbound.postgres.embedded.place import MARK, SOCKET, Place, is_created
from adapter.outbound.postgres.embedded.processes import is_postmaster, postmaster
from adapter.outbound.postgres.embedded.protocol import WALL_SETTING, answers, is_idle
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.full_disk import describe_full_disk, describe_os_error, has_no_room

_LOG_BYTES = 10 * 2**20  # a longer log is emptied at the next start


def _create(place: Place) -> None:
    """Create the data directory under a temporary name and rename it in one step."""
    for leftover in place.root.glob(f"{place.major}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    # A unique name, because the initdb of a killed supervisor may still be running.
    new = Path(tempfile.mkdtemp(prefix=f"{place.major}.new-", dir=place.root))
    give_to_owner(new, place)
    unicode = "C.UTF-8" if sys.platform == "linux" else "C"
    locale = [f"--locale={unicode}"] if place.major < 17 else ["--locale-provider=builtin", "--locale=C.UTF-8"]  # noqa: PLR2004 - Postgres 17 introduced the provider
    try:
        _initialize(place, new, locale)
        (new / MARK).touch()
        give_to_owner(new / MARK, place)
        new.rename(place.data)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _initialize(place: Place, new: Path, locale: list[str]) -> None:
    """Run initdb; what it has written stays also when it fails: only so it is seen how full the disk was."""
    since = place.file("log").stat().st_size
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-clean", "--no-instructions", *locale]
    if run_program(place, "initdb", "-D", str(new), *options).wait() != 0:
        log = log_tail(place, since)
        if has_no_room(place.root, log):
            message = "initdb could not write all of its files, some 40 MB"
            raise describe_full_disk("the embedded server", place.root, message, "free space there")
        raise DatabaseError(f"initdb failed: {log}", f"see {place.file('log')}")


def _launch(place: Place, settings: list[str], *, walled: bool) -> subprocess.Popen[bytes]:
    """Start Postgres; the caller makes sure that no other postmaster of this data directory runs."""
    if not is_created(place):
        _create(place)
    if place.sockets != place.data:
        place.sockets.mkdir(mode=0o700, exist_ok=True)
        folder_status = place.sockets.lstat()
        if stat.S_ISDIR(folder_status.st_mode) and folder_status.st_uid == os.geteuid():
            give_to_owner(place.sockets, place)
            folder_status = place.sockets.lstat()
        if (
            not stat.S_ISDIR(folder_status.st_mode)
            or folder_status.st_uid != place.data.stat().st_uid
            or folder_status.st_mode & 0o077
        ):
            raise DatabaseError(f"{place.sockets} belongs to somebody else", "choose a root with a shorter path")
    # Postgres trusts a stale pid file if any process has that number.
    for stale in (place.data / "postmaster.pid", place.sockets / SOCKET, place.sockets / f"{SOCKET}.lock"):
        stale.unlink(missing_ok=True)
    directories = '"' + str(place.sockets).replace('"', '""') + '"'
    own_settings = ["listen_addresses=", "port=5432", f"unix_socket_directories={directories}", "timezone=UTC"]
    # A failed statement may contain a password, and the server's message may quote it. Only the client gets the
    # message; the log contains what concerns the server.
    own_settings += [
        "log_timezone=UTC",
        "log_min_messages=log",
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
    ]
    wall = [f"{WALL_SETTING}=kernel"] if walled else []
    options = [part for setting in (*own_settings, *settings, *wall) for part in ("-c", setting)]
    command = ("postgres", "-D", str(place.data), *options)
    return (
        behind_wall(lambda prefix: run_program(place, *command, wall=prefix))
        if walled
        else run_program(place, *command)
    )


def _bring_up(place: Place, settings: list[str], *, walled: bool) -> int | None:
    """Adopt the running server or start one, and wait until it answers.

    Returns:
        Its process id, or None if it answers but runs on another machine (a container that shares the directory).
    """
    deadline = time.monotonic() + 10
    while True:
        log = place.file("log")
        since = log.stat().st_size
        if since > _LOG_BYTES:
            os.truncate(log, 0)
            since = 0
        child = None
        pid = postmaster(place)
        if pid is None:
            if answers(place):
                return None
            child = _launch(place, settings, walled=walled)
            pid = child.pid
        while child.poll() is None if child else is_postmaster(pid, place.data):
            if answers(place):
                return pid
            time.sleep(0.01)
        log_text = log_tail(place, since)
        # The last processes of a killed server may need a moment to end.
        if child and (time.monotonic() > deadline or not ("in use" in log_text or "already exists" in log_text)):
            if has_no_room(place.root, log_text):
                message = "the server could not write its files"
                raise describe_full_disk("the embedded server", place.root, message, "free space there")
            raise DatabaseError(f"the server ended: {log_text}", f"see {log}")
        time.sleep(0.1)


def _watch(place: Place, pid: int, linger: float) -> None:
    """Stop the server after nobody has used it for the linger time (seconds), and return when it has ended."""
    created = place.data.stat()
    idle_since = None
    while is_postmaster(pid, place.data):
        time.sleep(max(0.02, min(0.5, linger / 4)))
        try:
            is_same = os.path.samestat(created, place.data.stat())
        except FileNotFoundError:
            is_same = False
        if not is_same:
            # The data directory was deleted. An orderly stop would remove the socket of a successor.
            os.kill(pid, signal.SIGKILL)
            return
        lease = None
        try:
            lease = lock_file(place.file("lease"), fcntl.LOCK_EX)
            if lease is None or place.file("keep").exists() or not is_idle(place):
                idle_since = None
                continue
            idle_since = max(idle_since or time.time(), place.file("lease").stat().st_mtime)
            if time.time() - idle_since >= linger:
                # A smart shutdown lets a client finish that has connected in this moment.
                os.kill(pid, signal.SIGTERM)
                while is_postmaster(pid, place.data):
                    time.sleep(0.01)
        except OSError:  # it does not answer or is deleted; the next round shows which
            idle_since = None
        finally:
            if lease is not None:
                os.close(lease)


def _supervise(arguments: list[str]) -> None:
    """Run the supervisor and write "ready" or an error to stdout.

    Args:
        arguments: `major root binaries lock linger walled [setting …]`.
    """
    major, root, binaries, lock, linger, walled, *settings = arguments
    os.set_inheritable(int(lock), False)  # Postgres must not inherit the lock
    if os.fork():
        os._exit(0)  # the supervisor is nobody's child, so no caller has to wait for it
    place = Place(int(major), Path(root), Path(binaries))
    answer, pid = "ready", None
    try:
        pid = _bring_up(place, settings, walled=bool(walled))
    except (DatabaseError, OSError) as error:
        answer = getattr(describe_os_error(error) or error, "message", str(error))
    with suppress(BrokenPipeError):  # the caller may have been interrupted
        os.write(1, answer.encode())
    os.dup2(0, 1)
    if pid is not None:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
        _watch(place, pid, float(linger))
    if place.sockets != place.data:
        with suppress(OSError):
            place.sockets.rmdir()


if __name__ == "__main__":
    _supervise(sys.argv[1:])
