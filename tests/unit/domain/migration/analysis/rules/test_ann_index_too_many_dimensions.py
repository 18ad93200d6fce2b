"""The rule `ann-index-too-many-dimensions`: what it names."""

from dataclasses import replace

from tests.unit.domain.migration.analysis.rules.shared import SHARE, diagnostic
from tests.unit.domain.migration.traces import USERS, revision, step


def test_the_table_is_the_one_that_is_locked() -> None:
    """Of those that were there before."""
    message = "column cannot have more than 2000 dimensions"
    locks = {"public.new": SHARE, USERS: SHARE}
    trace = revision(step("CREATE INDEX ix", error=message, sqlstate="54000", locks=locks), downgrade=None)
    said = diagnostic(replace(trace, after=None, restored=None), "ann-index-too-many-dimensions")
    assert (said.relation, said.statement) == (USERS, 0)
