"""Tests for every Alembic project; the setting `hexalembic_tests` adds them to the project's own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from adapter.bootstrap.ready_tests import MigrationDatabases


def _fail_on(problem: str | None) -> None:
    __tracebackhide__ = True
    if problem:
        pytest.fail(problem, pytrace=False)


def test_single_head(migration_databases: "MigrationDatabases") -> None:
    """The history has one head."""
    heads = migration_databases.heads
    _fail_on(
        f"there are {len(heads)} heads: {', '.join(heads)}\njoin them: alembic merge heads" if len(heads) > 1 else None
    )


def test_upgrade(database_at: Callable[..., str]) -> None:
    """All revisions run on an empty database."""
    database_at("heads")


def test_models_match_ddl(migration_databases: "MigrationDatabases") -> None:
    """In the catalog, the result of the revisions equals that of `create_all` on the models."""
    if not migration_databases.heads:
        pytest.skip('there is no revision yet; write the first: alembic revision --autogenerate -m "…"')
    _fail_on(migration_databases.check())


def test_round_trip(assert_round_trip: Callable[[str], None]) -> None:
    """Each revision can be undone: catalog and rows are as before, or the revision declares the loss."""
    assert_round_trip("base:heads")


def test_no_drift(migration_databases: "MigrationDatabases") -> None:
    """The schema is the same after downgrading to base and upgrading again."""
    _fail_on(migration_databases.drift())


def test_idempotent(migration_databases: "MigrationDatabases") -> None:
    """Upgrading a second time changes nothing."""
    _fail_on(migration_databases.upgrade_twice())
