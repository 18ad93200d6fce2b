"""The rule `set-local-in-autocommit`: where it speaks, and where it does not."""

from tests.unit.domain.migration.traces import codes, revision, step


def test_set_local_in_autocommit() -> None:
    """SET LOCAL without a transaction is gone with its own statement."""
    assert codes(revision(step("SET LOCAL lock_timeout = '5s'", None))) == {"set-local-in-autocommit": "warning"}
    assert codes(revision(step("SET LOCAL lock_timeout = '5s'", 1), step("SET lock_timeout = '5s'", None))) == {}
