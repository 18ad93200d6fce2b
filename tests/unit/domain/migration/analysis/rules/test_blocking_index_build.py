"""The rule `blocking-index-build`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.diagnostic import Severity
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RowCounts, TableFacts
from tests.unit.domain.migration.analysis.rules.shared import BUILD, EXCLUSIVE, IX, LIGHT, SHARE, diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, changed, codes, column, index, revision, step, table


def test_blocking_index_build() -> None:
    """CREATE INDEX holds SHARE: writes wait for the whole build, and until the commit."""
    found = diagnostic(revision(BUILD, step("SELECT 1"), after=IX), "blocking-index-build")
    assert (found.severity, found.statement, found.relation) == (Severity.ERROR, 0, USERS)
    assert "writes of public.users wait until the transaction ends with statement 2 (SHARE)" in found.message
    assert "CREATE INDEX CONCURRENTLY ix ON public.users" in str(found.fix)
    concurrent = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), scanned={USERS: 2000})
    assert codes(revision(replace(concurrent, lock_timeout="0"), after=IX)) == {}


def test_an_index_on_a_small_or_new_table_blocks_nobody() -> None:
    """The target's table has 10 rows, or did not exist before."""
    small = Statistics({USERS: TableStatistics(rows=10)})
    assert "blocking-index-build" not in codes(revision(BUILD, after=IX), small)
    fresh = {**BASE, **table("public.fresh", "email"), **index("ix", "public.fresh")}
    assert codes(revision(step("CREATE INDEX ix", indexes_built=("public.ix",)), after=fresh)) == {}


def test_a_table_without_room_is_small() -> None:
    """Its own constraints keep it at three rows, whatever the target is."""
    tables = {USERS: TableFacts(3, 8192)}
    full = {USERS: "3 of 2000 rows: a unique key leaves no room for more"}
    assert codes(revision(BUILD, after=IX, tables=tables, unfilled=full)) == {}
    assert "blocking-index-build" in codes(revision(BUILD, after=IX, tables=tables))


def test_a_table_that_could_not_be_filled_may_be_big() -> None:
    """That no further value was found says nothing of the target: its work counts, and the few rows are reported."""
    tables = {USERS: TableFacts(3, 8192)}
    few = {USERS: "3 of 2000 rows: no further values found"}
    trace = revision(BUILD, after=IX, tables=tables, unfilled=few)
    assert codes(trace) == {"blocking-index-build": "error", "empty-in-sandbox": "warning"}
    assert codes(trace, Statistics({USERS: TableStatistics(rows=10)})) == {}


def test_work_on_a_new_table_keeps_others_waiting() -> None:
    """An index on a copy of the orders takes time, while the users are locked; on an empty table it takes none."""
    fresh = {**BASE, **table("public.copy", "email"), **index("ix", "public.copy")}
    build = step("CREATE INDEX ix ON copy (email)", indexes_built=("public.ix",))
    lock = step("ALTER TABLE users ADD COLUMN x text", 1, EXCLUSIVE)
    copy = step("CREATE TABLE copy", rows={"public.copy": RowCounts(inserted=2000)}, scanned={ORDERS: 2000})
    assert codes(revision(copy, lock, build, after=fresh)) == {"blocking-index-build": "error"}
    assert codes(revision(copy, build, lock, after=fresh)) == {}
    assert codes(revision(lock, build, after=fresh)) == {}
    small = Statistics({ORDERS: TableStatistics(rows=10)})
    assert codes(revision(copy, lock, build, after=fresh), small) == {}


def test_reindex_blocks() -> None:
    """REINDEX gives the index another file, under SHARE on the table."""
    reindex = step("REINDEX INDEX ix", 1, SHARE, rewritten=("public.ix",), scanned={USERS: 2000})
    found = diagnostic(revision(reindex, before=IX), "blocking-index-build")
    assert "REINDEX INDEX CONCURRENTLY public.ix" in str(found.fix)


def test_an_index_in_the_place_of_another_is_built_concurrently() -> None:
    """And the old one comes back in the downgrade; one that the catalog does not know has no code."""
    other = {**BASE, **index("ix", USERS, "btree (name)")}
    fix = str(diagnostic(revision(BUILD, before=other, after=IX), "blocking-index-build").fix)
    assert "REINDEX" not in fix
    assert "CREATE INDEX CONCURRENTLY ix ON public.users USING btree (email)" in fix
    assert "USING btree (name)" in fix.partition("def downgrade")[2]
    gone = replace(BUILD, built_on={"public.ix": USERS})
    assert diagnostic(revision(gone), "blocking-index-build").fix is None


def test_an_index_in_the_place_of_another_stands_behind_its_new_column() -> None:
    """There the old one is gone already, and the statement that dropped it restores it."""
    other = {**BASE, **index("ix", USERS, "btree (name)")}
    after = {**BASE, **column(f"{USERS}.plan"), **index("ix", USERS, "btree (name, plan)")}
    fix = str(diagnostic(revision(BUILD, before=other, after=after), "blocking-index-build").fix)
    assert "CREATE INDEX CONCURRENTLY ix ON public.users USING btree (name, plan)" in fix
    assert "CREATE" not in fix.partition("def downgrade")[2]
    elsewhere = {**other, **column(f"{ORDERS}.email"), **index("ix", USERS, "btree (email)")}
    fix = str(diagnostic(revision(BUILD, before=other, after=elsewhere), "blocking-index-build").fix)
    assert "USING btree (name)" in fix.partition("def downgrade")[2]


def test_an_index_that_another_collation_builds_again_gets_a_second_column() -> None:
    """To build it concurrently would leave the column as it is."""
    alter = replace(BUILD, altered=changed("table column", f"{USERS}.email"))
    after = {**IX, **column(f"{USERS}.email", collation='pg_catalog."C"')}
    fix = str(diagnostic(revision(alter, before=IX, after=after), "blocking-index-build").fix)
    assert 'ADD COLUMN email_new text COLLATE pg_catalog."C"' in fix
    assert "REINDEX" not in fix
    assert diagnostic(revision(alter, before=IX, after=IX), "blocking-index-build").fix is None
