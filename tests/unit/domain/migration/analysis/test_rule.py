"""How rules judge a trace together, and what is added to the diagnostics of all of them."""

import pytest

from domain.migration.analysis.rule import OWN_REVISION, judge
from domain.migration.analysis.rules import all_rules
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics
from domain.migration.trace import RowCounts, StatementTrace
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, changed, index, revision, step

BUILD = step("CREATE INDEX ix ON users (email)", 1, LockMode.SHARE, indexes_built=("public.ix",))


@pytest.mark.parametrize(
    ("earlier", "is_advised"),
    [
        ((), False),
        ((step("SET LOCAL lock_timeout = '2s'"),), False),
        ((step("CREATE TABLE items", created=changed("table", "public.items")),), True),
        ((step("ALTER TABLE orders", altered=changed("table", ORDERS)),), True),
        ((step("DROP TABLE items", dropped=changed("table", "public.items")),), True),
        ((step("INSERT INTO orders", rows={ORDERS: RowCounts(inserted=1)}),), True),
        ((step("SELECT 1", rows={ORDERS: RowCounts()}),), False),
        ((step("CREATE TABLE items", None, created=changed("table", "public.items")),), False),
    ],
)
def test_code_that_commits_gets_a_revision_of_its_own(earlier: tuple[StatementTrace, ...], is_advised: bool) -> None:
    """The advice is given if a transaction has changed something before, which the autocommit block would commit."""
    trace = revision(*earlier, BUILD, after={**BASE, **index("ix", USERS)})
    (build,) = (
        diagnostic
        for diagnostic in judge(trace, Statistics.unknown(), all_rules())
        if diagnostic.code == "blocking-index-build"
    )
    assert (OWN_REVISION in build.help) is is_advised


def test_what_holds_for_each_turn_of_a_loop_is_said_once() -> None:
    """Statements with one text that fail for one reason have one diagnostic, which counts the others."""
    update = step("UPDATE users SET email = %s WHERE id = %s", error="duplicate key", sqlstate="23505")
    other = step("UPDATE users SET name = %s WHERE id = %s", error="duplicate key", sqlstate="23505")
    trace = revision(update, other, *[update] * 1200, went_on=True)
    failing = [
        diagnostic
        for diagnostic in judge(trace, Statistics.unknown(), all_rules())
        if diagnostic.code == "fails-on-existing-rows"
    ]

    assert [diagnostic.statement for diagnostic in failing] == [0, 1]
    assert failing[0].message.endswith("(SQLSTATE 23505). The same holds for 1,200 later statements with this text.")
    assert failing[1].message.endswith("(SQLSTATE 23505).")
