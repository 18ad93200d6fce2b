"""`alembic -x name=value`."""

import pytest

from adapter.outbound.database.upgrade.options import MigrationOptions
from adapter.outbound.database.upgrade.session import is_concurrent_build
from adapter.outbound.postgres.errors import DatabaseConfigurationError


def test_defaults() -> None:
    """Without options, locks are waited for shortly, and concurrent builds wait long."""
    assert MigrationOptions.parse({}) == MigrationOptions(
        lock_timeout="2s", concurrent_lock_timeout="1h", lock_retries=10, wait_for_upgrade=600
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lock_timout": "2s"}, "no option -x lock_timout"),
        ({"lock_timeout": "soon"}, "not a duration"),
        ({"concurrent_lock_timeout": "-1s"}, "not a duration"),
        ({"lock_retries": "many"}, "not a whole number"),
        ({"wait_for_upgrade": "-5"}, "not a whole number"),
    ],
)
def test_what_is_refused(given: dict[str, str], message: str) -> None:
    """A misspelled name or a value of another kind is refused before anything is asked of a database."""
    with pytest.raises(DatabaseConfigurationError, match=message):
        MigrationOptions.parse(given)


@pytest.mark.parametrize(
    ("sql", "concurrent"),
    [
        ("CREATE INDEX CONCURRENTLY ix ON a (x)", True),
        ("\n  create unique index concurrently if not exists ix on a (x)", True),
        ("DROP INDEX CONCURRENTLY ix", True),
        ("REINDEX INDEX CONCURRENTLY ix", True),
        ("REINDEX (VERBOSE) TABLE CONCURRENTLY a", True),
        ("CREATE INDEX ix ON a (x)", False),
        ("COMMENT ON TABLE a IS 'CREATE INDEX CONCURRENTLY'", False),
        ("SELECT 'DROP INDEX CONCURRENTLY'", False),
    ],
)
def test_concurrent_builds_are_recognized(sql: str, concurrent: bool) -> None:
    """Statements that build or drop an index concurrently are told from all others."""
    assert is_concurrent_build(sql) is concurrent
