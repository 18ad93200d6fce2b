"""The rule `fails-on-existing-rows`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

from domain.migration.trace import RevisionTrace
from tests.unit.domain.migration.analysis.rules.shared import SHARE, diagnostic
from tests.unit.domain.migration.traces import USERS, codes, revision, step


def failed(sqlstate: str, **more: Any) -> RevisionTrace:
    """An upgrade that ended with a statement."""
    sql = more.pop("sql", "ALTER TABLE users ADD CONSTRAINT")
    trace = revision(step(sql, error="it failed", sqlstate=sqlstate, **more), downgrade=None)
    return replace(trace, after=None, restored=None)


def test_each_state_has_its_advice() -> None:
    """And the table that was locked is named, of those that were there before."""
    said = diagnostic(failed("23505", locks={"public.new": SHARE, USERS: SHARE}), "fails-on-existing-rows")
    assert (said.relation, said.help) == (USERS, "Find and merge the duplicates in an earlier revision.")
    other = diagnostic(failed("22001"), "fails-on-existing-rows")
    assert other.help == "Find the rows on which it fails, and correct them in an earlier revision."
    assert "It leaves an invalid index." not in other.message


def test_a_concurrent_build_leaves_an_invalid_index() -> None:
    """That is said as well."""
    trace = failed("23505", sql="CREATE UNIQUE INDEX CONCURRENTLY uq", transaction=None)
    assert diagnostic(trace, "fails-on-existing-rows").message.endswith("It leaves an invalid index.")


def test_an_upgrade_that_runs_without_rows_only() -> None:
    """What is judged then is the trace without rows; where a statement failed there, that is the reason."""
    trace = revision(step("SELECT 1"), rows_error="bad value.\nDETAIL: x")
    assert diagnostic(trace, "fails-on-existing-rows").message == (
        "The upgrade fails on existing rows: bad value. Only a run without rows was judged."
    )
    both = replace(failed("22001"), rows_error="bad value")
    assert diagnostic(both, "fails-on-existing-rows").statement == 0
    assert "fails-on-existing-rows" not in codes(revision(step("SELECT 1")))
