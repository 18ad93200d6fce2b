"""What fails is explained by one rule, by what the server said."""

from dataclasses import replace

import pytest

from tests.unit.domain.migration.traces import codes, revision, step


@pytest.mark.parametrize(
    ("sqlstate", "sql", "error", "code"),
    [
        ("55P04", "UPDATE users", "unsafe use of new value", "enum-value-used-in-its-transaction"),
        ("23502", "ALTER TABLE users", "contains null values", "fails-on-existing-rows"),
        ("22001", "ALTER TABLE users", "value too long", "fails-on-existing-rows"),
        ("42501", "CREATE EXTENSION vector", "permission denied", "extension-without-permission"),
        ("54000", "CREATE INDEX", "column cannot have more than 2000 dimensions", "ann-index-too-many-dimensions"),
        ("25001", "CREATE INDEX CONCURRENTLY", "cannot run inside a transaction block", "upgrade-fails"),
        ("42P07", "CREATE TABLE users", "relation exists", "upgrade-fails"),
        ("08006", "CREATE SUBSCRIPTION s", "could not connect to the publisher", "not-in-sandbox"),
        ("08001", "SELECT dblink_connect('')", "could not establish connection", "not-in-sandbox"),
        ("08003", "ALTER TABLE users", "connection was closed in the middle of operation", "upgrade-fails"),
        ("0A000", "ALTER SYSTEM RESET ALL", "ALTER SYSTEM is not allowed in this environment", "not-in-sandbox"),
        ("0A000", "CREATE EXTENSION postgis", 'extension "postgis" is not available', "not-in-sandbox"),
        ("0A000", "SELECT encrypt('', '', '')", "function encrypt of pgcrypto is not available", "not-in-sandbox"),
        ("0A000", "CREATE INDEX", "access method does not support it", "upgrade-fails"),
        ("42501", "CREATE ROLE app", "permission denied to create role", "not-in-sandbox"),
        ("42501", "ALTER TABLE users", "must be owner of table users", "upgrade-fails"),
        ("55000", "SELECT 1", "access to non-system foreign table is restricted", "not-in-sandbox"),
        ("55000", "SELECT 1", "currval of sequence is not yet defined in this session", "upgrade-fails"),
    ],
)
def test_failures(sqlstate: str, sql: str, error: str, code: str) -> None:
    """One rule explains each failure of a statement, by what the server said."""
    trace = revision(step(sql, error=error, sqlstate=sqlstate), downgrade=None)
    assert codes(replace(trace, after=None, restored=None)) == {code: "error"}


def test_failure_in_python() -> None:
    """An upgrade that raises without a failing statement fails, too."""
    trace = revision(error="NameError: sa", downgrade=None)
    assert codes(replace(trace, after=None, restored=None)) == {"upgrade-fails": "error"}


def test_an_error_that_the_revision_caught_is_no_failure() -> None:
    """The upgrade, or the downgrade, came to its end all the same."""
    caught = step("ALTER TABLE nope ADD x int", error="no such table", sqlstate="42P01")
    assert codes(revision(caught)) == {}
    assert codes(revision(step("SELECT 1"), downgrade=(caught, step("SELECT 2")))) == {}
