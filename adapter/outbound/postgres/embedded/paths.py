"""The paths of the server's socket and of its programs."""

from pathlib import Path

from adapter.outbound.postgres.embedded.place import find_place
from adapter.outbound.postgres.errors import DatabaseConfigurationError


def socket_directory(major: int | None = None, root: Path | None = None) -> Path:
    """Return the folder of a server's socket; the arguments are those of `start`.

    Raises:
        DatabaseConfigurationError: The major version is unknown, or its package is not installed.
    """
    return find_place(major, root).sockets


def binary(name: str, major: int | None = None) -> Path:
    """Return the path of a program of the installed Postgres, such as `psql` or `pg_dump`.

    Raises:
        DatabaseConfigurationError: The major version is unknown, its package is not installed, or it lacks the program.
    """
    place = find_place(major, None)
    path = place.binaries / name
    if not path.is_file():
        raise DatabaseConfigurationError(
            f"the embedded Postgres {place.major} has no program '{name}'", "name a Postgres program, such as psql"
        )
    return path
