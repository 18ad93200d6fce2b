"""Queries to Postgres over its socket, without a driver."""

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapter.outbound.isolation.socket_files import peer
from adapter.outbound.postgres.embedded.place import SOCKET, EmbeddedServer, Place, UnusableServerError, unusable
from adapter.outbound.postgres.embedded.processes import is_postmaster
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.full_disk import DISK_FULL, describe_full_disk, describe_os_error

_PROBE = "hexalembic-probe"
WALL_SETTING = "hexalembic.wall"  # a setting that marks a server started behind the wall
TOO_MANY = "53300"  # SQLSTATE: too many connections
_NOT_YET = "57P03"  # the server is starting or stopping
_DUPLICATES = {"42P04", "23505"}  # another process created the database at the same time


class RefusedError(OSError):
    """Postgres answered with an error.

    Attributes:
        sqlstate: The SQLSTATE of the error.
    """

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def ensure_database(server: EmbeddedServer, name: str) -> None:
    """Create a database unless it exists.

    Raises:
        DatabaseError: The server does not answer or refuses.
    """
    place = Place(server.major, server.data_directory.parent, Path())
    try:
        create_database(place, name)
    except OSError as error:
        raise DatabaseError(f"cannot create the database '{name}': {error}", "see `migrate db status`") from error


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn errors of the file system and of the socket into errors with a hint.

    Raises:
        DatabaseError: The server refuses more connections, or the disk is full.
        UnusableServerError: The server refuses its superuser, or has no room for its own database.
        DatabaseConfigurationError: The files of the server cannot be used.
    """
    try:
        yield
    except RefusedError as error:
        if error.sqlstate == DISK_FULL:
            disk = describe_full_disk("the embedded server", place.root, str(error), "free space there")
            raise UnusableServerError(disk.message, disk.hint) from error
        kind = DatabaseError if error.sqlstate == TOO_MANY else UnusableServerError
        raise kind(f"Postgres refused: {error}", f"see {place.file('log')}") from error
    except OSError as error:
        error.filename = error.filename or str(place.root)
        if full := describe_os_error(error):
            raise full from error
        raise unusable(place, error) from error


def query(place: Place, sql: str) -> list[str | None]:
    """Run a statement over the socket and return its first column.

    This is a simple query of the frontend protocol (manual, "Message Flow"). Starting psql would take longer.

    Raises:
        RefusedError: Postgres answered with an error.
        OSError: Postgres does not answer.
    """
    values: list[str | None] = []
    startup = f"user\0postgres\0database\0postgres\0application_name\0{_PROBE}\0\0".encode()
    statement = sql.encode() + b"\0"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(place.sockets / SOCKET))
        _refuse_stranger(connection, place)
        connection.sendall(struct.pack("!ii", len(startup) + 8, 3 << 16) + startup)
        with connection.makefile("rb") as stream:
            ready_count = 0
            while ready_count < 2:  # noqa: PLR2004 - the server is ready after the login and after the answer
                header = stream.read(5)
                if len(header) < 5:  # noqa: PLR2004 - type byte and length
                    raise ConnectionResetError("the server closed the connection")
                kind, length = struct.unpack("!ci", header)
                body = stream.read(length - 4)
                if kind == b"E":
                    fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
                    raise RefusedError(fields[b"C"], fields[b"M"])
                if kind == b"D":
                    size = struct.unpack("!i", body[2:6])[0]
                    values.append(None if size < 0 else body[6 : 6 + size].decode())
                if kind == b"Z":
                    ready_count += 1
                    connection.sendall(
                        b"X\0\0\0\4" if ready_count == 2 else b"Q" + struct.pack("!i", len(statement) + 4) + statement  # noqa: PLR2004 - as above
                    )
    return values


def _refuse_stranger(connection: socket.socket, place: Place) -> None:
    """Raise an OSError where another server listens at the socket, as whoever may write in its folder can arrange.

    The kernel knows who listens (manual of Linux, unix(7), SO_PEERCRED); it says 0 of a process in another container.
    """
    if sys.platform != "linux":
        return
    pid = peer(connection.fileno())
    if pid and not is_postmaster(pid, place.data):
        raise ConnectionRefusedError(f"what listens at {place.sockets / SOCKET} is not the server of {place.data}")


def answers(place: Place) -> bool:
    """Return whether the server of this data directory accepts connections."""
    try:
        # A foreign directory of that name in /tmp, or a deleted data directory, must not be taken for our server.
        if (place.data / "postmaster.pid").stat().st_uid != place.sockets.stat().st_uid:
            return False
        query(place, "select 1")
    except RefusedError as error:
        return error.sqlstate != _NOT_YET  # any other refusal comes from a running server
    except OSError:
        return False
    return True


def is_walled(place: Place) -> bool:
    """Return whether the running server was started behind the wall."""
    return bool(query(place, f"select current_setting('{WALL_SETTING}', true)")[0])


def check_wall(place: Place) -> None:
    """Raise a DatabaseError if another process has started the server without the wall in the meantime."""
    if not is_walled(place):
        raise DatabaseError(
            f"Postgres {place.major} in {place.root} was started without isolation just now",
            "wait until the command with --no-isolation has ended, then run this again",
        )


def is_idle(place: Place) -> bool:
    """Return whether no client is connected; a server that refuses the query for another reason counts as idle."""
    try:
        return count_clients(place) == 0
    except RefusedError as error:
        return error.sqlstate not in {TOO_MANY, _NOT_YET}


def count_clients(place: Place) -> int:
    """Return the number of connected clients without our own probes."""
    return int(
        query(
            place,
            "select count(*) from pg_stat_activity where backend_type in ('client backend', 'walsender')"  # noqa: S608 - a constant
            f" and application_name <> '{_PROBE}'",
        )[0]
        or 0
    )


def create_database(place: Place, name: str) -> None:
    """Create a database unless it exists."""
    literal, identifier = name.replace("'", "''"), name.replace('"', '""')
    if not query(place, f"select 1 from pg_database where datname = '{literal}'"):  # noqa: S608 - quoted above
        try:
            query(place, f'create database "{identifier}"')
        except RefusedError as error:
            if error.sqlstate not in _DUPLICATES:
                raise
