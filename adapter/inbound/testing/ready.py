"""Tests for every Alembic project; the setting `hexalembic_tests` adds them to the project's own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from adapter.inbound.testing.failures import fail_on

if TYPE_CHECKING:
    from application.migration.ready_tests import ReadyTests


def test_single_head(hexalembic_ready_tests: "ReadyTests") -> None:
    """The history has one head."""
    fail_on(hexalembic_ready_tests.single_head())


def test_upgrade(database_at: Callable[..., str]) -> None:
    """All revisions run on an empty database."""
    database_at("heads")


def test_models_match_ddl(hexalembic_ready_tests: "ReadyTests") -> None:
    """In the catalog, the result of the revisions equals that of `create_all` on the models."""
    if not hexalembic_ready_tests.databases.history().heads:
        pytest.skip('there is no revision yet; write the first: alembic revision --autogenerate -m "…"')
    fail_on(hexalembic_ready_tests.models_match())


def test_round_trip(assert_round_trip: Callable[[str], None]) -> None:
    """Each revision can be undone: catalog and rows are as before, or the revision declares the loss."""
    assert_round_trip("base:heads")


def test_no_drift(hexalembic_ready_tests: "ReadyTests") -> None:
    """The schema is the same after downgrading to base and upgrading again."""
    fail_on(hexalembic_ready_tests.no_drift())


def test_idempotent(hexalembic_ready_tests: "ReadyTests") -> None:
    """Upgrading a second time changes nothing."""
    fail_on(hexalembic_ready_tests.idempotent())
