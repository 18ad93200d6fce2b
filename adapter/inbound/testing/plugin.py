"""Fixtures and ready tests for an Alembic project; `pip install` makes pytest load them.

In the project's pytest configuration (`pyproject.toml`, `[tool.pytest.ini_options]`):

    hexalembic_tests = ["all"]          # or some of: single_head, upgrade, models_match_ddl, round_trip,
                                        # no_drift, idempotent
    hexalembic_config = "alembic.ini"   # where it is, from the root
    hexalembic_rows = "100"             # rows that each table gets in a round trip
    hexalembic_postgres = "18"          # major version of the embedded server
    hexalembic_no_isolation = true      # where the system cannot keep revisions away from other databases

The server is embedded, or the one whose URL the fixture `hexalembic_server` gives. Name one that is thrown away after
the tests, for the migrations may do there whatever its role may, for example pytest-postgresql's:

    @pytest.fixture(scope="session")
    def hexalembic_server(postgresql_proc):
        return f"postgresql://{postgresql_proc.user}@{postgresql_proc.host}:{postgresql_proc.port}/postgres"

The migrations run in a process of their own, so that a project may be async, and its tests as well.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from adapter.bootstrap.ready_tests import MigrationDatabases

_READY = Path(__file__).with_name("ready.py")
_OPTIONS = {
    "hexalembic_tests": ("linelist", "Ready tests of the migrations to run: all, or names."),
    "hexalembic_config": ("string", "alembic.ini or pyproject.toml of the migrations. Default: alembic.ini."),
    "hexalembic_rows": ("string", "Rows that each table gets where rows are needed. Default: 100."),
    "hexalembic_postgres": ("string", "Major version of the embedded Postgres."),
    "hexalembic_no_isolation": ("bool", "Go on where the kernel cannot keep revisions away from other databases."),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    for name, (kind, text) in _OPTIONS.items():
        parser.addini(name, text, type=kind)  # type: ignore[arg-type]


@pytest.hookimpl(tryfirst=True)  # before pytest itself selects by name and marker
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the ready tests that the project wants.

    Raises:
        pytest.UsageError: There is no ready test of a name.
    """
    wanted = [name for line in config.getini("hexalembic_tests") for name in line.replace(",", " ").split()]
    # whoever names a file or a folder wants the tests of that
    everything = {config.rootpath, *(config.rootpath / folder for folder in config.getini("testpaths"))}
    if not wanted or not {Path(argument).resolve() for argument in config.args} <= everything:
        return
    module = pytest.Module.from_parent(session, path=_READY)
    ready = {item.name.removeprefix("test_"): item for item in module.collect() if isinstance(item, pytest.Item)}
    unknown = sorted({*wanted} - {"all", *ready})
    if unknown:
        raise pytest.UsageError(
            f"hexalembic_tests: there is no ready test {', '.join(unknown)}; there are {', '.join(ready)}"
        )
    items += [item for name, item in ready.items() if name in wanted or "all" in wanted]


@pytest.fixture(scope="session")
def hexalembic_server() -> str | None:
    """URL of the server where databases are made and dropped; None for the embedded one. Projects override it."""
    return None


@pytest.fixture(scope="session")
def migration_databases(pytestconfig: pytest.Config, hexalembic_server: str | None) -> "Iterator[MigrationDatabases]":
    """Databases at revisions of the project; see `MigrationDatabases`."""
    from adapter.bootstrap.project import ProjectRequest
    from adapter.bootstrap.ready_tests import migration_databases

    major = pytestconfig.getini("hexalembic_postgres")
    request = ProjectRequest(
        config=pytestconfig.rootpath / (pytestconfig.getini("hexalembic_config") or "alembic.ini"),
        major=int(major) if major else None,
        sandbox_url=hexalembic_server,
        any_role=True,
        rows=int(pytestconfig.getini("hexalembic_rows") or 100),
        isolated=not pytestconfig.getini("hexalembic_no_isolation"),
    )
    with migration_databases(request) as databases:
        yield databases


@pytest.fixture
def database_at(migration_databases: "MigrationDatabases") -> Iterator[Callable[..., str]]:
    """Make databases at revisions: `database_at("ae1027a6acf5")` gives a URL, `rows=100` fills every table.

    Each call gives a database of its own, cloned from a template and dropped after the test.
    """
    made: list[str] = []

    def make(revision: str = "heads", *, rows: int = 0) -> str:
        made.append(migration_databases.create(revision, rows))
        return made[-1]

    yield make
    for url in made:
        migration_databases.drop(url)


@pytest.fixture
def migrated_database(database_at: Callable[..., str]) -> str:
    """URL of a database of the test's own, at the heads and without rows but those that revisions insert."""
    return database_at()


@pytest.fixture
def assert_round_trip(migration_databases: "MigrationDatabases") -> Callable[[str], None]:
    """Prove that a revision, or each of a range such as `base:heads`, can be undone; see `migrate verify`."""

    def check(revision: str) -> None:
        __tracebackhide__ = True
        wrong = migration_databases.round_trip(revision)
        if wrong:
            pytest.fail(wrong, pytrace=False)

    return check
