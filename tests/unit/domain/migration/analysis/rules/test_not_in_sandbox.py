"""The rule `not-in-sandbox`: where it speaks, and where it does not."""

from dataclasses import replace

import pytest

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import revision, step


@pytest.mark.parametrize(
    ("sqlstate", "sql", "error", "said"),
    [
        ("08006", "CREATE SUBSCRIPTION s", "could not connect", "a subscription cannot connect from the sandbox"),
        ("08001", "SELECT dblink_connect('')", "could not connect", "connects to another server"),
        ("42501", "CREATE ROLE app", "permission denied to create role", "its role may do nothing beyond"),
        ("0A000", "ALTER SYSTEM RESET ALL", "ALTER SYSTEM is not allowed", "a setting of the whole server"),
        (
            "0A000",
            "CREATE EXTENSION postgis",
            'extension "postgis" is not available',
            "the sandbox's server does not have the extension",
        ),
        (
            "55000",
            "CREATE SUBSCRIPTION s",
            "access to non-system foreign table is restricted",
            "a foreign table has no rows in the sandbox",
        ),
    ],
)
def test_each_refusal_is_explained(sqlstate: str, sql: str, error: str, said: str) -> None:
    """By its code, and of lost connections by the statement."""
    trace = revision(step(sql, error=error, sqlstate=sqlstate), downgrade=None)
    assert said in diagnostic(replace(trace, after=None, restored=None), "not-in-sandbox").message
