"""A tablespace in memory for databases that are copied, used once and dropped.

A copy costs per file, some 400 of them. On ext4 without a journal it takes ten times as long when as many files have
been deleted in the last minute, for their inodes are passed over one by one; in memory it takes 30 ms in any case, and
no disk is worn out. Templates stay where the server's data is: they outlive it.

Sources: the Postgres manual, CREATE TABLESPACE and CREATE DATABASE.
"""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

NAME = "hexalembic_memory"
ROOM = 4 * 1024**3  # bytes: a database takes some dozens of MB, on growing tables some hundreds
_LOCATION = f"SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = '{NAME}'"  # noqa: S608 - a constant
_DROP = sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(NAME))
_LOCK = 7_203_811_954  # of those who make or drop the tablespace, in the one database that all sandboxes connect to
_DATA = "data"  # the file that says whose folder this is
_FOLDER = "/dev/shm"  # noqa: S108 - what is made there is looked at before it is used
_PREFIX = "hexalembic-memory-"
_MEMORY = Path("/proc/meminfo")
_GROUP = {name: Path("/sys/fs/cgroup") / f"memory.{name}" for name in ("max", "current")}


def memory_tablespace(connection: psycopg.Connection[Any]) -> str | None:
    """Have a server on this machine use memory, and name its tablespace there; None where there is no room.

    `HEXALEMBIC_SANDBOX_MEMORY` names another folder than /dev/shm, or none when it is empty.

    Args:
        connection: A superuser's, outside a transaction, that is seen as a sandbox's.
    """
    folder = Path(os.environ.get("HEXALEMBIC_SANDBOX_MEMORY", _FOLDER) or os.devnull)
    data = Path(str(_value(connection, "SHOW data_directory")))
    if not folder.is_dir() or _is_on(data, folder) or not _has_room(folder):
        return None
    place = folder / f"{_PREFIX}{hashlib.sha256(_owner(data).encode()).hexdigest()[:16]}"
    try:
        with _locked(connection):
            return NAME if _is_ready(connection, place) or _made(connection, place, data) else None
    except (OSError, psycopg.Error):  # somebody else's folder, or a server that refuses: the disk does as well
        return None


def bring_back(folder: Path) -> None:
    """Make the folders anew that servers below a folder had in memory before the machine was started anew.

    A server that was killed then looks for them when it recovers, and does not start without.
    """
    for link in folder.glob("*/pg_tblspc/*"):
        with suppress(OSError):
            place = link.readlink()
            if place.name.startswith(_PREFIX) and not place.exists():
                _make(place, link.parent.stat())


def give_back(connection: psycopg.Connection[Any], is_alone: Callable[[], bool]) -> None:
    """Drop the tablespace and its folder, unless other sandboxes use it.

    Args:
        connection: As above; no database of its sandbox is left.
        is_alone: Tells whether no other sandbox is open on the server.
    """
    with suppress(OSError, psycopg.Error), _locked(connection):
        if is_alone():
            place = Path(str(_value(connection, _LOCATION)))
            connection.execute(_DROP)
            shutil.rmtree(place)


@contextmanager
def _locked(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _is_ready(connection: psycopg.Connection[Any], place: Path) -> bool:
    """Return whether the tablespace is there and its files are, too; one whose files went with a restart is dropped."""
    found = _value(connection, _LOCATION)
    if found is None:
        return False
    if found == str(place) and any(place.glob("PG_*")):
        return True
    connection.execute(_DROP)
    return False


def _made(connection: psycopg.Connection[Any], place: Path, data: Path) -> bool:
    owner = data.stat()
    with suppress(FileExistsError):
        _make(place, owner)
    held = place.lstat()
    if not stat.S_ISDIR(held.st_mode) or (held.st_uid, stat.S_IMODE(held.st_mode)) != (owner.st_uid, 0o700):
        return False
    _sweep(place, owner.st_uid)
    (place / _DATA).write_text(_owner(data), encoding="utf-8")
    query = sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(sql.Identifier(NAME), sql.Literal(str(place)))
    connection.execute(query)
    return True


def _make(place: Path, owner: os.stat_result) -> None:
    place.mkdir(mode=0o700)
    if place.stat().st_uid != owner.st_uid:
        os.chown(place, owner.st_uid, owner.st_gid)


def _owner(data: Path) -> str:
    """Return whose memory it is: the folder's name, and whose view of the files: containers can share memory."""
    view = ""
    with suppress(OSError):
        view = os.readlink("/proc/self/ns/mnt")  # noqa: PTH115 - it is no path
    return f"{view}\n{data}"


def _sweep(place: Path, owner: int) -> None:
    """Delete what killed servers left here whose data has been deleted; the name tells that of this one."""
    for left in place.iterdir():
        shutil.rmtree(left, ignore_errors=True)
    for other in place.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            said = (other / _DATA).read_text(encoding="utf-8")
            data = Path(said.partition("\n")[2])
            mine = said == _owner(data) and other.lstat().st_uid == owner
            if other != place and mine and not data.exists():
                shutil.rmtree(other)


def _is_on(data: Path, folder: Path) -> bool:
    return data.stat().st_dev == folder.stat().st_dev


def _has_room(folder: Path) -> bool:
    """Return whether the folder and the machine's memory have room; a folder elsewhere needs no memory."""
    if shutil.disk_usage(folder).free < ROOM:
        return False
    found = re.search(r"MemAvailable:\s+(\d+) kB", _MEMORY.read_text(encoding="ascii")) if _MEMORY.exists() else None
    if found is not None and int(found[1]) * 1024 < ROOM:
        return False
    with suppress(OSError, ValueError):  # a container's own limit; "max" is none
        return int(_GROUP["max"].read_text("ascii")) - int(_GROUP["current"].read_text("ascii")) >= ROOM
    return True


def _value(connection: psycopg.Connection[Any], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
