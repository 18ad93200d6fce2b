"""The rule `blocking-index-drop`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.locks import LockMode
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, IX, LIGHT, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, changed, codes, index, revision, step


def test_blocking_index_drop() -> None:
    """DROP INDEX takes ACCESS EXCLUSIVE for an instant: a warning, not an error."""
    drop = step("DROP INDEX ix", 1, EXCLUSIVE, dropped=changed("index", "public.ix"))
    trace = revision(drop, before=IX, after=BASE)
    assert codes(trace) == {"blocking-index-drop": "warning"}
    assert 'op.drop_index("ix", "users", if_exists=True, postgresql_concurrently=True)' in str(
        diagnostic(trace, "blocking-index-drop").fix
    )
    concurrent = replace(drop, sql="DROP INDEX CONCURRENTLY ix", transaction=None, locks={USERS: LIGHT})
    assert codes(revision(concurrent, before=IX, after=BASE)) == {}


def test_the_index_of_a_materialized_view() -> None:
    """Only readers wait for it."""
    before = {**BASE, ("view", "public.sums"): {"kind": "materialized view"}, **index("ix", "public.sums")}
    locks = {"public.sums": LockMode.ACCESS_EXCLUSIVE}
    drop = step("DROP INDEX ix", 1, locks=locks, dropped=changed("index", "public.ix"))
    found = diagnostic(revision(drop, before=before, after=BASE), "blocking-index-drop")
    assert "while reads of public.sums wait" in found.message


def test_a_part_of_the_index_of_a_partitioned_table() -> None:
    """There is no code for it: Postgres drops it with the whole only, and refuses to do that concurrently."""
    part = {**BASE, **index("ix", USERS, parent="public.ix_whole")}
    drop = step("DROP INDEX ix_whole", 1, EXCLUSIVE, dropped=changed("index", "public.ix"))
    assert diagnostic(revision(drop, before=part, after=BASE), "blocking-index-drop").fix is None


def test_the_index_of_a_constraint_goes_with_that() -> None:
    """Postgres does not drop it by itself, so there is no other way to propose."""
    key = {**BASE, **index("uq", USERS, unique=True, constraint="uq")}
    swap = "ALTER TABLE users DROP CONSTRAINT uq, ADD CONSTRAINT uq UNIQUE USING INDEX other"
    drop = step(swap, 1, EXCLUSIVE, dropped=changed("index", "public.uq"))
    assert "blocking-index-drop" not in codes(revision(drop, before=key, after=key))
