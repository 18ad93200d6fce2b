"""Fixtures and ready tests for an Alembic project; `pip install` makes pytest load them.

In the project's pytest configuration (`pyproject.toml`, `[tool.pytest.ini_options]`):

    hexalembic_tests = ["all"]          # or some of: single_head, upgrade, models_match_ddl, round_trip,
                                        # no_drift, idempotent
    hexalembic_config = "alembic.ini"   # its path from the root
    hexalembic_rows = "100"             # rows that fill each table in a round trip
    hexalembic_postgres = "18"          # major version of the embedded server
    hexalembic_no_isolation = true      # if the system cannot keep revisions away from other databases

The server is embedded, or the one whose URL the fixture `hexalembic_server` returns. It must be a server that is thrown
away after the tests, because the migrations may do there whatever the role may. For example pytest-postgresql's:

    @pytest.fixture(scope="session")
    def hexalembic_server(postgresql_proc):
        return f"postgresql://{postgresql_proc.user}@{postgresql_proc.host}:{postgresql_proc.port}/postgres"

The migrations run in a separate process, so that the project and its tests may be async.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from application.migration.ports.project_databases import ProjectDatabase
    from application.migration.ready_tests import ReadyTests

_READY = Path(__file__).with_name("ready.py")
_OPTIONS = {
    "hexalembic_tests": ("linelist", "Ready tests of the migrations to run: all, or their names."),
    "hexalembic_config": ("string", "alembic.ini or pyproject.toml of the migrations. Default: alembic.ini."),
    "hexalembic_rows": ("string", "Number of rows to put into each table. Default: 100."),
    "hexalembic_postgres": ("string", "Major version of the embedded Postgres."),
    "hexalembic_no_isolation": ("bool", "Run even where the kernel cannot keep revisions away from other databases."),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the settings of the plugin."""
    for name, (kind, text) in _OPTIONS.items():
        parser.addini(name, text, type=kind)  # type: ignore[arg-type]


@pytest.hookimpl(tryfirst=True)  # before pytest itself selects by name and marker
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the ready tests that the project has configured.

    Raises:
        pytest.UsageError: A configured name is not a ready test.
    """
    names = [name for line in config.getini("hexalembic_tests") for name in line.replace(",", " ").split()]
    # a run of a file or folder only runs its own tests
    test_roots = {config.rootpath, *(config.rootpath / folder for folder in config.getini("testpaths"))}
    if not names or not {Path(argument).resolve() for argument in config.args} <= test_roots:
        return
    module = pytest.Module.from_parent(session, path=_READY)
    ready_tests = {item.name.removeprefix("test_"): item for item in module.collect() if isinstance(item, pytest.Item)}
    unknown = sorted({*names} - {"all", *ready_tests})
    if unknown:
        raise pytest.UsageError(
            f"hexalembic_tests: there is no ready test {', '.join(unknown)}; there are {', '.join(ready_tests)}"
        )
    items += [item for name, item in ready_tests.items() if name in names or "all" in names]


@pytest.fixture(scope="session")
def hexalembic_server() -> str | None:
    """URL of the server for the databases, or None for the embedded server. Projects override it."""
    return None


@pytest.fixture(scope="session")
def hexalembic_ready_tests(pytestconfig: pytest.Config, hexalembic_server: str | None) -> "Iterator[ReadyTests]":
    """Ready tests of the project, with the databases that they run on; see `ReadyTests`."""
    from adapter.bootstrap.project import ProjectRequest
    from adapter.bootstrap.ready_tests import ready_tests

    major = pytestconfig.getini("hexalembic_postgres")
    request = ProjectRequest(
        config=pytestconfig.rootpath / (pytestconfig.getini("hexalembic_config") or "alembic.ini"),
        major=int(major) if major else None,
        sandbox_url=hexalembic_server,
        any_role=True,
        rows=int(pytestconfig.getini("hexalembic_rows") or 100),
        isolated=not pytestconfig.getini("hexalembic_no_isolation"),
    )
    with ready_tests(request) as tests:
        yield tests


@pytest.fixture
def database_at(hexalembic_ready_tests: "ReadyTests") -> Iterator[Callable[..., str]]:
    """Create databases at revisions: `database_at("ae1027a6acf5")` returns a URL, `rows=100` fills every table.

    Each call creates a separate database, which is cloned from a template and dropped after the test.
    """
    databases: list[ProjectDatabase] = []

    def create(revision: str = "heads", *, rows: int = 0) -> str:
        databases.append(hexalembic_ready_tests.databases.create(revision, rows))
        return databases[-1].url

    yield create
    for database in databases:
        database.drop()


@pytest.fixture
def migrated_database(database_at: Callable[..., str]) -> str:
    """URL of a separate database for the test, at the heads, with only those rows that revisions insert."""
    return database_at()


@pytest.fixture
def assert_round_trip(hexalembic_ready_tests: "ReadyTests") -> Callable[[str], None]:
    """Prove that a revision, or each revision of a range such as `base:heads`, can be undone; see `migrate verify`."""

    def check(revision: str) -> None:
        __tracebackhide__ = True
        from adapter.inbound.testing.failures import fail_on

        fail_on(hexalembic_ready_tests.round_trip(revision))

    return check
