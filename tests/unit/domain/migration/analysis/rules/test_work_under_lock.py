"""The rule `work-under-lock`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import SHARE
from tests.unit.domain.migration.traces import USERS, codes, revision, step


def test_work_under_lock() -> None:
    """What no other rule explains is still unsafe: ALTER DOMAIN reads every table that uses the domain."""
    sql = "ALTER DOMAIN label ADD CONSTRAINT filled CHECK (VALUE <> '')"
    assert codes(revision(step(sql, 1, SHARE, scanned={USERS: 2000}))) == {"work-under-lock": "error"}
    assert codes(revision(step(sql + " NOT VALID", 1))) == {}
