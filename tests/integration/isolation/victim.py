"""A Postgres that plays production: on TCP, on a Unix socket and on an abstract one, with a log of every connection."""

import hashlib
import os
import pwd
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from adapter.outbound.postgres import embedded
from tests.integration.isolation.user import folder_for_everybody

KEEPER = "keeper"  # the tests' own role: every other connection is an attack that came through
PASSWORD = "production-password"  # noqa: S105 - of a server that lives for one test
ROWS = 1000
_SECONDS = 30
_HBA = """
local all app scram-sha-256
host all app 127.0.0.1/32 scram-sha-256
local all,replication all trust
host all,replication all 127.0.0.1/32 trust
host all,replication all ::1/128 trust
"""
_SHOP = f"""
CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, total numeric NOT NULL);
INSERT INTO orders SELECT i, 'customer ' || i, i * 1.5 FROM generate_series(1, {ROWS}) AS i;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('r0');
CREATE PUBLICATION production FOR ALL TABLES;
SELECT lo_from_bytea(0, 'a large object');
"""
_LINE = re.compile(r"^\S+ \S+ \S+ \[(?P<pid>\d+)\] user=(?P<user>\S*) db=\S* (?P<text>.*)$")


@dataclass(frozen=True)
class Seen:
    """A connection in the victim's log.

    Attributes:
        user: The role that it asked for: the name of the way; empty when it did not say.
        host: Where it came from; `[local]` for a Unix socket.
    """

    user: str
    host: str


@dataclass(frozen=True)
class Victim:
    """A running victim.

    Attributes:
        major: Its major version.
        folder: What it owns, data directory and log included.
        port: On TCP, and in the name of its sockets.
        pid: Of its postmaster.
    """

    major: int
    folder: Path
    port: int
    pid: int

    @property
    def sockets(self) -> Path:
        """The folder of its socket, which everybody may enter."""
        return self.folder / "run"

    @property
    def abstract(self) -> str:
        """The name of its abstract socket's folder, as libpq spells it."""
        return f"@{self.folder.name}"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def connect(self, database: str = "shop") -> psycopg.Connection[Any]:
        """Connect as the tests' own role."""
        where = {"host": str(self.sockets), "port": self.port, "user": KEEPER}
        return psycopg.connect(**where, dbname=database, autocommit=True)  # type: ignore[arg-type]

    def add_roles(self, names: list[str]) -> None:
        """Let everybody in who says its name: a wall that holds must not owe it to a password."""
        with self.connect() as connection:
            for name in names:
                connection.execute(f'CREATE ROLE "{name}" SUPERUSER LOGIN'.encode())

    def log_position(self) -> int:
        """Return how long the log is."""
        return (self.folder / "log").stat().st_size

    def connections(self, since: int = 0) -> list[Seen]:
        """Return the connections of others that the log has, from a position in bytes on."""
        found: dict[str, Seen] = {}
        for line in (self.folder / "log").read_bytes()[since:].decode(errors="replace").splitlines():
            match = _LINE.match(line)
            if match is None:
                continue
            received = re.search(r"connection received: host=(\S+)", match["text"])
            if received:
                found[match["pid"]] = Seen("", received[1])
            elif match["pid"] in found and match["user"] not in {"", "[unknown]"}:
                found[match["pid"]] = Seen(match["user"], found[match["pid"]].host)
        return [one for one in found.values() if one.user != KEEPER]

    def state(self, database: str | None = None) -> str:
        """Return a checksum of all that production has: schemas, rows, roles, settings, slots, names of its files.

        Args:
            database: Of this one alone, and of roles only their names.
        """
        program = embedded.binary("pg_dump" if database else "pg_dumpall", 18)
        dump = subprocess.run(
            [
                str(program),
                "-h",
                str(self.sockets),
                "-p",
                str(self.port),
                "-U",
                KEEPER,
                *([database] if database else []),
            ],
            capture_output=True,
            check=True,
        ).stdout
        lines = [line for line in dump.splitlines() if not line.startswith((b"\\restrict", b"\\unrestrict", b"--"))]
        with self.connect() as connection:
            slots = connection.execute("SELECT slot_name FROM pg_replication_slots ORDER BY 1").fetchall()
        settings = (self.data / "postgresql.auto.conf").read_bytes()
        names = sorted(os.listdir(self.data)) + sorted(os.listdir(self.data / "pg_wal" / "archive_status"))  # noqa: PTH208
        return hashlib.sha256(repr((lines, slots, settings, names)).encode()).hexdigest()

    def restore(self) -> None:
        """Undo what an attack did to the shop, so that the next one finds it whole."""
        with self.connect("postgres") as connection:
            for (name,) in connection.execute("SELECT slot_name FROM pg_replication_slots").fetchall():
                connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))
            connection.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
            connection.execute("CREATE DATABASE shop TEMPLATE pristine")


@contextmanager
def running_victim(major: int) -> Iterator[Victim]:
    """Start a victim under a user of its own, and stop it."""
    with folder_for_everybody("hxv") as folder:
        (folder / "run").mkdir()
        if os.geteuid() == 0:
            for path in (folder, folder / "run"):
                os.chown(path, _owner().pw_uid, _owner().pw_gid)
        _create(major, folder)
        port = _free_port()
        settings = {
            "listen_addresses": _addresses(),
            "port": port,
            "unix_socket_directories": f"{folder / 'run'}, @{folder.name}",
            "log_connections": "on",
            "log_line_prefix": "%m [%p] user=%u db=%d ",
            "wal_level": "logical",
            "fsync": "off",
            "max_connections": 200,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [embedded.binary("postgres", major), "-D", folder / "data", *options], stderr=log, **_identity()
            )
        try:
            victim = Victim(major, folder, port, process.pid)
            _fill(victim)
            yield victim
        finally:
            process.send_signal(signal.SIGINT)  # without waiting for clients
            process.wait(_SECONDS)


def _owner() -> pwd.struct_passwd:
    """Return a user that is neither the attacker nor the one that runs the sandbox."""
    return pwd.getpwnam("daemon")


def _identity() -> dict[str, Any]:
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    if os.geteuid() != 0:
        return {"env": environment}
    return {"env": environment, "user": _owner().pw_uid, "group": _owner().pw_gid, "extra_groups": [], "cwd": "/"}


def _create(major: int, folder: Path) -> None:
    command = [str(embedded.binary("initdb", major)), "-D", str(folder / "data"), "-U", KEEPER, "-A", "trust"]
    subprocess.run(
        [*command, "--no-sync", "-E", "UTF8", "--locale=C"],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        **_identity(),
    )
    (folder / "data" / "pg_hba.conf").write_text(_HBA)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _addresses() -> str:
    """Return the loopback addresses that this machine has."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return "127.0.0.1"
    return "127.0.0.1,::1"


def _fill(victim: Victim) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            connection = victim.connect("postgres")
            break
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    with connection:
        connection.execute(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE pristine OWNER app TEMPLATE template0")
    with victim.connect("pristine") as connection:
        connection.execute(_SHOP)
        connection.execute("GRANT ALL ON orders, alembic_version TO app")
    victim.restore()
