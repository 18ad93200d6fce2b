"""Tests that hold for every well-kept Alembic project; the setting `hexalembic_tests` adds them to its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from adapter.bootstrap.ready_tests import MigrationDatabases


def _hold(wrong: str | None) -> None:
    __tracebackhide__ = True
    if wrong:
        pytest.fail(wrong, pytrace=False)


def test_single_head(migration_databases: "MigrationDatabases") -> None:
    """The history has one head."""
    heads = migration_databases.heads
    _hold(
        f"there are {len(heads)} heads: {', '.join(heads)}\njoin them: alembic merge heads" if len(heads) > 1 else None
    )


def test_upgrade(database_at: Callable[..., str]) -> None:
    """All revisions run on an empty database."""
    database_at("heads")


def test_models_match_ddl(migration_databases: "MigrationDatabases") -> None:
    """What the revisions made is what `create_all` makes of the models, as the catalog has it."""
    if not migration_databases.heads:
        pytest.skip('there is no revision yet; write the first: alembic revision --autogenerate -m "…"')
    _hold(migration_databases.check())


def test_round_trip(assert_round_trip: Callable[[str], None]) -> None:
    """Each revision can be undone: catalog and rows are as before, or the revision declares what is lost."""
    assert_round_trip("base:heads")


def test_no_drift(migration_databases: "MigrationDatabases") -> None:
    """Down to the base and up again leads to the same schema."""
    _hold(migration_databases.drift())


def test_idempotent(migration_databases: "MigrationDatabases") -> None:
    """Upgrading a second time changes nothing."""
    _hold(migration_databases.upgrade_twice())
