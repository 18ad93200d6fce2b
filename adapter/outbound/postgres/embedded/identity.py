"""Who runs Postgres, as it refuses to run as root."""

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
    """Choose who runs Postgres, as it refuses to run as root; None: this user.

    Returns:
        User, group, and the command to run it through where a private directory is in the way: `setpriv` with the one
        capability to pass it, since the modes of somebody's directories are not ours to change.

    Raises:
        DatabaseConfigurationError: Such a directory is in the way and `setpriv` is not installed.
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
    # Without no_setuid_fixup, access(2), by which initdb looks for its programs, would not count the capability.
    capability = ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return uid, gid, [setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *capability]


def _is_passable(found: os.stat_result, group: int) -> bool:
    return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == group else stat.S_IXOTH))


def run_program(place: Place, *command: str, wall: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Run a program of Postgres as the user that fits, writing to the log; `wall` is a command to run it through."""
    identity = identity_for(place)
    uid, gid, prefix = identity or (None, None, [])
    with open_log(place) as log:
        return subprocess.Popen(
            [*prefix, *wall, str(place.binaries / command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},  # secrets of the caller stay out
            user=None if prefix else uid,
            group=None if prefix else gid,
            extra_groups=[] if identity and not prefix else None,
            umask=0o077,
        )


def give_to_owner(path: Path, place: Place) -> None:
    """Give a new directory to the user that runs Postgres."""
    identity = identity_for(place)
    if identity is not None:
        os.chown(path, identity[0], identity[1])
