"""Starts a supervisor for a server and waits until the server answers."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from adapter.outbound.postgres.embedded.files import lock_file, log_tail, open_log
from adapter.outbound.postgres.embedded.identity import identity_for
from adapter.outbound.postgres.embedded.place import (
    DEFAULT_DATABASE,
    PROJECT,
    TIMEOUT,
    Place,
    UnusableServerError,
    is_created,
)
from adapter.outbound.postgres.embedded.processes import postmaster
from adapter.outbound.postgres.embedded.protocol import TOO_MANY, RefusedError, answers, create_database
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.full_disk import IS_FULL
from adapter.outbound.postgres.redaction import shown

_MORE_ROOM = (
    "free space there, or choose another folder with HEXALEMBIC_POSTGRES_DIR (a sandbox: HEXALEMBIC_SANDBOX_DIR)"
)
# The configuration files of a throw-away server, which are written anew at each start.
_CONFIGURATION = {"postgresql.auto.conf": "", "pg_hba.conf": "local all all trust\n", "pg_ident.conf": ""}


def serve(place: Place, settings: Mapping[str, str], deadline: float, *, walled: bool, throw_away: bool) -> None:
    """Start a supervisor unless there is one, and wait until the server answers.

    Args:
        place: The files of the server.
        settings: Server settings by name.
        deadline: When to give up, in seconds of `time.monotonic`.
        walled: Whether the server is started behind the wall.
        throw_away: Whether the configuration files are written anew before the start.

    Raises:
        UnusableServerError: The server does not start, or a throw-away server does not answer in time.
        DatabaseError: The server does not answer in time.
    """
    failures = 0
    while True:
        lock = lock_file(place.file("supervisor"), fcntl.LOCK_EX)
        if lock is not None:
            try:
                _undo_configuration(place, throw_away=throw_away)
                answer = start_supervisor(place, settings, lock, deadline, walled=walled)
            finally:
                os.close(lock)
            if answer != "ready":
                failures += 1
                if answer or failures > 2:  # noqa: PLR2004 - the supervisor may have been killed, so two more tries
                    raise UnusableServerError(
                        f"Postgres {place.major} did not start: {answer or log_tail(place)}",
                        _MORE_ROOM if IS_FULL in answer else f"see {place.file('log')}",
                    )
        if answers(place):
            try:
                create_database(place, DEFAULT_DATABASE)
            except RefusedError as error:
                if error.sqlstate != TOO_MANY:
                    raise
            except OSError:  # the server has just ended
                continue
            return
        if time.monotonic() > deadline:
            error_class = UnusableServerError if throw_away else DatabaseError
            raise error_class(
                f"Postgres {place.major} did not answer within {TIMEOUT:.0f} seconds: {log_tail(place)}",
                f"see {place.file('log')}",
            )
        time.sleep(0.02)


def _undo_configuration(place: Place, *, throw_away: bool) -> None:
    """Write the configuration files of a stopped throw-away server anew, without following links."""
    if not throw_away or postmaster(place) is not None or not is_created(place):
        return
    for name, text in _CONFIGURATION.items():
        path = place.data / name
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        identity = identity_for(place)
        if identity is not None:
            os.fchown(descriptor, identity[0], identity[1])
        os.write(descriptor, text.encode())
        os.close(descriptor)


def start_supervisor(
    place: Place, settings: Mapping[str, str], lock: int, deadline: float, *, walled: bool = False
) -> str:
    """Start a supervisor that inherits the lock, and return "ready", its error, or nothing if it was killed.

    Args:
        place: The files of the server.
        settings: Server settings by name.
        lock: The descriptor of the locked supervisor file.
        deadline: When to give up, in seconds of `time.monotonic`.
        walled: Whether the server is started behind the wall.
    """
    identity_for(place)  # raises errors of the installation here instead of in the log
    linger = os.environ.get("HEXALEMBIC_POSTGRES_LINGER") or "5"
    try:
        float(linger)
    except ValueError:
        raise DatabaseConfigurationError(
            f"HEXALEMBIC_POSTGRES_LINGER is '{shown(linger)}'", "set it to a number of seconds"
        ) from None
    # -P keeps the current folder off the path, where an `alembic` could shadow the library. -S starts faster.
    command = [sys.executable, "-S", "-P", "-m", "adapter.outbound.postgres.embedded.supervisor"]
    arguments = [str(place.major), str(place.root), str(place.binaries), str(lock), linger, "walled" * walled]
    with open_log(place) as log, suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            [*command, *arguments, *(f"{name}={value}" for name, value in settings.items())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=_supervisor_environment(),
            pass_fds=[lock],
            start_new_session=True,
            timeout=max(0.1, deadline - time.monotonic()),
            encoding="utf-8",
            check=False,
        ).stdout
    return ""


def _supervisor_environment() -> dict[str, str]:
    """Return the environment of the supervisor, which outlives its caller and must not keep the caller's secrets."""
    names = {"PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX"}
    environment = {name: value for name, value in os.environ.items() if name in names or name.startswith("LC_")}
    return {**environment, "PYTHONPATH": str(PROJECT)}
