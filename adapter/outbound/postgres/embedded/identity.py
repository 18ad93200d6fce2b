"""The user that runs Postgres, because Postgres refuses to run as root."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from adapter.outbound.postgres.embedded.files import open_log
from adapter.outbound.postgres.embedded.place import Place
from adapter.outbound.postgres.errors import DatabaseConfigurationError


def identity_for(place: Place) -> tuple[int, int, list[str]] | None:
    """Return the user that runs Postgres, because Postgres refuses to run as root.

    Returns:
        User id, group id and a command prefix, or None for the current user. The prefix is empty, or `setpriv` with the
        one capability that passes a private directory on the path, because the modes of a user's directories must not
        be changed.

    Raises:
        DatabaseConfigurationError: A private directory is on the path and `setpriv` is not installed.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    uid, gid = nobody.pw_uid, nobody.pw_gid
    with suppress(FileNotFoundError):
        uid, gid = place.data.stat().st_uid or uid, place.data.stat().st_gid or gid
    program = place.binaries / "postgres"
    if all(_is_passable(path.stat(), gid) for path in (*place.data.parents, program, *program.parents)):
        return uid, gid, []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise DatabaseConfigurationError(
            f"Postgres does not run as root, and user {uid} cannot reach {place.root} or {program}",
            "install setpriv (util-linux), run as another user, or choose another HEXALEMBIC_POSTGRES_DIR",
        )
    # initdb finds its programs with access(2), which ignores the capability without no_setuid_fixup.
    capability = ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return uid, gid, [setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *capability]


def _is_passable(status: os.stat_result, group: int) -> bool:
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == group else stat.S_IXOTH))


def run_program(place: Place, *command: str, wall: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start a program of Postgres as the right user.

    Args:
        place: The files of the server; the output is appended to its log.
        *command: The name of the program and its arguments.
        wall: A command prefix that starts the program behind the wall; empty for none.
    """
    identity = identity_for(place)
    uid, gid, prefix = identity or (None, None, [])
    with open_log(place) as log:
        return subprocess.Popen(
            [*prefix, *wall, str(place.binaries / command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},  # without the secrets of the caller
            user=None if prefix else uid,
            group=None if prefix else gid,
            extra_groups=[] if identity and not prefix else None,
            umask=0o077,
        )


def give_to_owner(path: Path, place: Place) -> None:
    """Make the user that runs Postgres the owner of a file or directory."""
    identity = identity_for(place)
    if identity is not None:
        os.chown(path, identity[0], identity[1])
