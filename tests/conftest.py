"""Databases for tests: a server of each Postgres major, a migrated template, a clone of it for each test."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from alembic import command
from pytest_postgresql.factories import postgresql, postgresql_noproc
from pytest_postgresql.janitor import DatabaseJanitor

from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.url import DatabaseURL
from tests.history import History
from tests.support import alembic_config

# A shell without a terminal lets its children ignore Ctrl-C, and so would the commands that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# As in an activated environment: there commands are named without their path.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

# Taken out of the environment, so that a test names its database or gets none.
EXTERNAL_URL = os.environ.pop("DATABASE_URL", None)
SERVERS = ["external"] if EXTERNAL_URL else ["18", "16"]
_ROOM = 8 * 1024**3  # bytes: four servers with a few hundred MB each, and as much again for everybody else


@dataclass(frozen=True)
class Server:
    """A Postgres server for tests; its attributes are those that pytest-postgresql asks a process fixture for."""

    name: str
    host: str
    port: int
    user: str
    password: str | None
    options: str = ""
    maintenance_dbname: str = "postgres"
    template_dbname: str | None = None
    dbname: str = "hexalembic_test"

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database of this server."""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        place = f"{quote(database)}?host={quote(self.host, safe='')}&port={self.port}"
        return f"postgresql://{quote(self.user)}{password}@/{place}"

    @property
    def major(self) -> int:
        """The major version of Postgres."""
        with psycopg.connect(self.url()) as connection:
            return connection.info.server_version // 10_000


@pytest.hookimpl(tryfirst=True)  # before pytest itself selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` and `make test-all` leave out, and begin with the longest, so that no process waits alone.

    Of a test marked `few(n)`, n of its cases are not long, which lie evenly among them; of one marked `some(n)`, n are
    not exhaustive. A test marked `one_major` is exhaustive on Postgres 16, as one of its parameters says.
    """
    older = {item for item in items if item.get_closest_marker("one_major") and "16" in map(str, _parameters(item))}
    for marker, level in (("few", "long"), ("some", "exhaustive")):
        many: dict[tuple[str, bool], list[pytest.Item]] = {}
        for item in items:
            if item.get_closest_marker(marker):
                many.setdefault((item.nodeid.partition("[")[0], item in older), []).append(item)
        for cases in many.values():
            (wanted,) = cases[0].get_closest_marker(marker).args  # type: ignore[union-attr]
            kept = {place * len(cases) // wanted for place in range(wanted)}
            for place in set(range(len(cases))) - kept:
                cases[place].add_marker(level)
    for item in older:
        item.add_marker("long")
        item.add_marker("exhaustive")
    items.sort(
        key=lambda item: "real_projects" not in item.path.parts and not item.path.name.startswith("test_isolation")
    )


def _parameters(item: pytest.Item) -> Iterable[object]:
    return item.callspec.params.values() if hasattr(item, "callspec") else ()


def _roomy_memory() -> Path | None:
    """Return a file system in memory, where a database is copied in a fraction of the time; None if it is too small."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is nobody else's
    return memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM else None


def _embedded_server(major: int) -> Iterator[Server]:
    root = Path(tempfile.mkdtemp(prefix="hx", dir=_roomy_memory()))
    # Nothing here outlives a crash of the machine: a clone and its drop then take 35 ms and not a second.
    settings = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
    running = embedded.start(major, root, settings=settings)
    yield Server(str(major), str(running.socket_directory), running.port, running.user, None)
    embedded.stop(major, root, force=True)
    embedded.release(running)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _sandbox() -> Iterator[None]:
    """Return embedded servers a folder of the tests' own: the developer's cache and database stay as they are."""
    folder = Path(tempfile.mkdtemp(prefix="hx", dir=_roomy_memory()))
    development = folder / "p"
    os.environ["HEXALEMBIC_SANDBOX_DIR"] = str(folder)
    os.environ["HEXALEMBIC_POSTGRES_DIR"] = str(development)
    yield
    for major in embedded.PACKAGES:
        embedded.stop(major, development, force=True)
        embedded.stop(major, folder, force=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_18() -> Iterator[Server]:
    """Postgres 18."""
    yield from _embedded_server(18)


@pytest.fixture(scope="session")
def server_16() -> Iterator[Server]:
    """Postgres 16."""
    yield from _embedded_server(16)


@pytest.fixture(scope="session")
def server_external() -> Server:
    """The server that `DATABASE_URL` names; the role must be allowed to create databases and the extension."""
    assert EXTERNAL_URL is not None
    parts = psycopg.conninfo.conninfo_to_dict(DatabaseURL.parse(EXTERNAL_URL).libpq)
    return Server(
        "external",
        str(parts.get("host", "localhost")),
        int(parts.get("port") or 5432),
        str(parts["user"]),
        str(parts["password"]) if "password" in parts else None,
    )


def _sandbox_url(server: Server) -> str:
    """Make a role that reaches the sandbox's databases only, as `--sandbox-url` wants it, and a base with pgvector."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE hexalembic_sandbox LOGIN CREATEDB")
        for name in ("hexalembic_sandbox", "hexalembic_sandbox_base"):
            connection.execute(f"CREATE DATABASE {name} OWNER hexalembic_sandbox".encode())
        connection.execute("REVOKE CONNECT ON DATABASE postgres, template1, hexalembic FROM PUBLIC")
    with psycopg.connect(server.url("hexalembic_sandbox_base"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    return replace(server, user="hexalembic_sandbox").url("hexalembic_sandbox")


@pytest.fixture(scope="session")
def sandbox_url_18() -> Iterator[str]:
    """Address of a sandbox on Postgres 18, on a server of its own: on others, each new database is open to all."""
    for server in _embedded_server(18):
        yield _sandbox_url(server)


@pytest.fixture(scope="session")
def sandbox_url_16() -> Iterator[str]:
    """The same on Postgres 16."""
    for server in _embedded_server(16):
        yield _sandbox_url(server)


@pytest.fixture(scope="session")
def sandbox_url_external() -> str:
    """The address that `DATABASE_URL` names; tests of `--sandbox-url` need a role that reaches nothing else there."""
    assert EXTERNAL_URL is not None
    return EXTERNAL_URL


def migrate_template(**connection: Any) -> None:
    """Bring the template database to head."""
    server = Server("", connection["host"], connection["port"], connection["user"], connection["password"])
    command.upgrade(alembic_config(server.url(connection["dbname"])), "head")


template_18 = postgresql_noproc(depends_on="server_18", dbname="hexalembic_test", load=[migrate_template])
template_16 = postgresql_noproc(depends_on="server_16", dbname="hexalembic_test", load=[migrate_template])
template_external = postgresql_noproc(depends_on="server_external", dbname="hexalembic_test", load=[migrate_template])
postgresql_18 = postgresql("template_18")
postgresql_16 = postgresql("template_16")
postgresql_external = postgresql("template_external")


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    """A server: each test that uses it runs once on each major."""
    running: Server = request.getfixturevalue(f"server_{request.param}")
    return running


@pytest.fixture
def sandbox_url(server: Server, request: pytest.FixtureRequest) -> str:
    """What `--sandbox-url` takes, on the server's major."""
    url: str = request.getfixturevalue(f"sandbox_url_{server.name}")
    return url


@pytest.fixture
def migrated_url(server: Server, request: pytest.FixtureRequest) -> str:
    """URL of a database of its own at head, without rows but the reference data."""
    connection: psycopg.Connection[Any] = request.getfixturevalue(f"postgresql_{server.name}")
    return server.url(connection.info.dbname)


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    """URL of a database of its own without anything in it."""
    with DatabaseJanitor(
        user=server.user,
        host=server.host,
        port=server.port,
        password=server.password,
        dbname="hexalembic_empty",
        maintenance_dbname=server.maintenance_dbname,
        # template1 may hold what the owner of an external server put there.
        template_dbname="template0",
    ) as janitor:
        yield server.url(janitor.dbname)


@pytest.fixture
def database(empty_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to an empty database."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A folder for revisions that the test writes."""
    folder = tmp_path / "versions"
    folder.mkdir()
    return History(folder)
