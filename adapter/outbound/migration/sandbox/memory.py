"""A tablespace in memory for databases that are copied, used once and dropped.

The cost of a copy grows with the number of its files, about 400. On ext4 without a journal, a copy takes ten times as
long when as many files were deleted in the last minute, because their inodes are skipped one by one. In memory it
always takes 30 ms, and the disk does not wear out. Templates stay in the server's data directory, because they must
survive a restart of the machine.

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
ROOM = 4 * 1024**3  # bytes that must be free: a database takes dozens of MB, with grown tables hundreds of MB
_LOCATION = f"SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = '{NAME}'"  # noqa: S608 - a constant
_DROP = sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(NAME))
# Key of the advisory lock for creating and dropping the tablespace, in the database that all sandboxes connect to.
_LOCK = 7_203_811_954
_OWNER_FILE = "data"  # the file with the owner of the folder
_FOLDER = "/dev/shm"  # noqa: S108 - the folder that is created there is checked before it is used
_PREFIX = "hexalembic-memory-"
_MEMORY_INFO = Path("/proc/meminfo")
_CGROUP = {name: Path("/sys/fs/cgroup") / f"memory.{name}" for name in ("max", "current")}


def memory_tablespace(connection: psycopg.Connection[Any]) -> str | None:
    """Create a tablespace in memory for a server on this machine, and return its name; None without enough memory.

    `HEXALEMBIC_SANDBOX_MEMORY` names another folder than /dev/shm; when it is empty, no memory is used.

    Args:
        connection: A superuser's session outside a transaction, with the application name of a sandbox.
    """
    folder = Path(os.environ.get("HEXALEMBIC_SANDBOX_MEMORY", _FOLDER) or os.devnull)
    data = Path(str(_value(connection, "SHOW data_directory")))
    if not folder.is_dir() or _is_on(data, folder) or not _has_room(folder):
        return None
    place = folder / f"{_PREFIX}{hashlib.sha256(_owner(data).encode()).hexdigest()[:16]}"
    try:
        with _locked(connection):
            return NAME if _is_ready(connection, place) or _create_tablespace(connection, place, data) else None
    except (OSError, psycopg.Error):  # the folder has another owner, or the server refuses: the disk is used instead
        return None


def recreate_folders(folder: Path) -> None:
    """Create again the memory folders of servers that were lost by a restart of the machine.

    A server that was killed by the restart looks for its folder during recovery, and does not start without it.

    Args:
        folder: Folder of the servers' data directories.
    """
    for link in folder.glob("*/pg_tblspc/*"):
        with suppress(OSError):
            place = link.readlink()
            if place.name.startswith(_PREFIX) and not place.exists():
                _create_folder(place, link.parent.stat())


def drop_tablespace(connection: psycopg.Connection[Any], is_alone: Callable[[], bool]) -> None:
    """Drop the tablespace and its folder, unless other sandboxes use it.

    Args:
        connection: As in `memory_tablespace`; all databases of its sandbox are dropped.
        is_alone: Returns whether no other sandbox is open on the server.
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
    """Return whether the tablespace exists with its files; one whose files were lost by a restart is dropped."""
    location = _value(connection, _LOCATION)
    if location is None:
        return False
    if location == str(place) and any(place.glob("PG_*")):
        return True
    connection.execute(_DROP)
    return False


def _create_tablespace(connection: psycopg.Connection[Any], place: Path, data: Path) -> bool:
    owner = data.stat()
    with suppress(FileExistsError):
        _create_folder(place, owner)
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or (status.st_uid, stat.S_IMODE(status.st_mode)) != (owner.st_uid, 0o700):
        return False
    _delete_leftovers(place, owner.st_uid)
    (place / _OWNER_FILE).write_text(_owner(data), encoding="utf-8")
    query = sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(sql.Identifier(NAME), sql.Literal(str(place)))
    connection.execute(query)
    return True


def _create_folder(place: Path, owner: os.stat_result) -> None:
    place.mkdir(mode=0o700)
    if place.stat().st_uid != owner.st_uid:
        os.chown(place, owner.st_uid, owner.st_gid)


def _owner(data: Path) -> str:
    """Return the owner that a memory folder names: a mount namespace and the path of a data directory.

    The namespace is needed because containers can share memory.
    """
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/mnt")  # noqa: PTH115 - the link does not lead to a path
    return f"{namespace}\n{data}"


def _delete_leftovers(place: Path, owner: int) -> None:
    """Delete old files in a folder, and the folders of killed servers whose data directories do not exist any more."""
    for leftover in place.iterdir():
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in place.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            folder_owner = (folder / _OWNER_FILE).read_text(encoding="utf-8")
            data = Path(folder_owner.partition("\n")[2])
            is_own = folder_owner == _owner(data) and folder.lstat().st_uid == owner
            if folder != place and is_own and not data.exists():
                shutil.rmtree(folder)


def _is_on(data: Path, folder: Path) -> bool:
    return data.stat().st_dev == folder.stat().st_dev


def _has_room(folder: Path) -> bool:
    """Return whether a folder, the machine's memory and the container's memory limit leave `ROOM` bytes free."""
    if shutil.disk_usage(folder).free < ROOM:
        return False
    available = (
        re.search(r"MemAvailable:\s+(\d+) kB", _MEMORY_INFO.read_text(encoding="ascii"))
        if _MEMORY_INFO.exists()
        else None
    )
    if available is not None and int(available[1]) * 1024 < ROOM:
        return False
    with suppress(OSError, ValueError):  # the limit of a container; "max" means no limit
        return int(_CGROUP["max"].read_text("ascii")) - int(_CGROUP["current"].read_text("ascii")) >= ROOM
    return True


def _value(connection: psycopg.Connection[Any], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
