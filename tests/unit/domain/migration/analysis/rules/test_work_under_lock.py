"""The rule `work-under-lock`: where it speaks, and where it does not."""

import pytest

from domain.migration.statistics import Statistics, TableStatistics
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, SHARE, diagnostic
from tests.unit.domain.migration.traces import USERS, codes, revision, step


def test_work_under_lock() -> None:
    """What no other rule explains is still unsafe: ALTER DOMAIN reads every table that uses the domain."""
    sql = "ALTER DOMAIN label ADD CONSTRAINT filled CHECK (VALUE <> '')"
    assert codes(revision(step(sql, 1, SHARE, scanned={USERS: 2000}))) == {"work-under-lock": "error"}
    assert codes(revision(step(sql + " NOT VALID", 1))) == {}


@pytest.mark.parametrize(
    ("analyzed", "is_reported"),
    [((USERS,), True), ((USERS, "public.new"), True), (("public.new",), False), ((), False)],
)
def test_a_sample_under_a_lock(analyzed: tuple[str, ...], *, is_reported: bool) -> None:
    """ANALYZE reads many pages: not where others wait for a lock that the transaction holds, and well without one."""
    lock = step("ALTER TABLE users ADD COLUMN note text", 1, EXCLUSIVE)
    within, behind = (step("ANALYZE users", transaction, analyzed=analyzed) for transaction in (1, 2))
    assert ("work-under-lock" in codes(revision(lock, within))) is is_reported
    assert "work-under-lock" not in codes(revision(lock, behind))
    assert "work-under-lock" not in codes(revision(within))


def test_a_sample_is_no_work_that_grows_with_the_table() -> None:
    """Its advice is to analyze later, and a small table has no pages to wait for."""
    sample = step("ANALYZE users", 1, analyzed=(USERS,))
    trace = revision(step("ALTER TABLE users ADD COLUMN note text", 1, EXCLUSIVE), sample)
    assert "after the commit" in diagnostic(trace, "work-under-lock").help
    assert "work-under-lock" not in codes(trace, Statistics({USERS: TableStatistics(rows=10)}))
