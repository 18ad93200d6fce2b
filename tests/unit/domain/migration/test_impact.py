"""Lock windows, work that grows, and what of it runs while others wait."""

from dataclasses import replace
from typing import Any

import pytest

from domain.migration.analysis.impact import (
    WorkKind,
    blocked_work,
    emptied_before,
    is_big,
    truncated,
    unbatched_writes,
    work_of,
    work_on_new_tables,
    work_on_views,
)
from domain.migration.analysis.lock_windows import is_concurrent, lock_windows, other_windows
from domain.migration.locks import LockMode
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RowCounts, SmallerRun, StatementTrace, TableFacts, fold
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    index,
    revision,
    step,
    table,
    updated,
)

EXCLUSIVE = LockMode.ACCESS_EXCLUSIVE
SMALL = Statistics({USERS: TableStatistics(rows=999)})


def test_a_lock_lasts_until_its_transaction_ends() -> None:
    """A lock of transaction 1 is held until the last statement of transaction 1, not until the end of the revision."""
    trace = revision(step("ALTER", 1, EXCLUSIVE), step("SELECT 1", 1), step("SELECT 2", 2))
    (window,) = lock_windows(trace)
    assert (window.relation, window.from_statement, window.to_statement) == (USERS, 0, 1)
    assert window.blocks_reads
    assert window.blocks_writes
    assert window.estimate_seconds is None


def test_without_a_transaction_a_lock_lasts_as_long_as_its_statement() -> None:
    """An autocommit statement releases its lock when it is done."""
    trace = revision(step("CREATE INDEX CONCURRENTLY", None, LockMode.SHARE_UPDATE_EXCLUSIVE), step("SELECT 1", None))
    (window,) = lock_windows(trace)
    assert (window.from_statement, window.to_statement) == (0, 0)
    assert not window.blocks_reads
    assert not window.blocks_writes


def test_a_stronger_lock_opens_another_window() -> None:
    """SHARE, then ACCESS EXCLUSIVE: readers wait from the second statement on only."""
    trace = revision(step("a", 1, LockMode.SHARE), step("b", 1, EXCLUSIVE), step("c", 1, LockMode.SHARE))
    assert [(one.mode, one.from_statement) for one in lock_windows(trace)] == [(LockMode.SHARE, 0), (EXCLUSIVE, 1)]


def test_new_tables_and_access_share_have_no_windows() -> None:
    """A table that the revision made is nobody's; ACCESS SHARE stops nobody but ACCESS EXCLUSIVE."""
    assert lock_windows(revision(step("a", locks={"public.fresh": EXCLUSIVE, USERS: LockMode.ACCESS_SHARE}))) == ()


def test_an_exclusively_locked_index_stops_its_table() -> None:
    """REINDEX holds ACCESS EXCLUSIVE on the index: a SELECT that plans with it waits, so its table waits."""
    before = {**BASE, **index("ix", USERS)}
    trace = revision(step("REINDEX INDEX ix", locks={USERS: LockMode.SHARE, "public.ix": EXCLUSIVE}), before=before)
    assert [(one.relation, one.table, one.blocks_reads) for one in lock_windows(trace)] == [
        ("public.ix", USERS, True),
        (USERS, USERS, False),
    ]
    whole = revision(step("DROP INDEX ix", locks={USERS: EXCLUSIVE, "public.ix": EXCLUSIVE}), before=before)
    assert [one.relation for one in lock_windows(whole)] == [USERS]
    assert lock_windows(revision(step("DROP INDEX unknown", locks={"public.unknown": EXCLUSIVE}), before=before)) == ()


def test_kinds_of_work() -> None:
    """A rewrite, an index build, most rows written, every row read: all grow with the table."""
    after = {**BASE, **index("ix", USERS)}
    trace = revision(
        step("a", rewritten=(USERS, "public.ix")),
        step("b", indexes_built=("public.ix",), scanned={USERS: 2000}),
        step("c", rows=updated(1000), scanned={USERS: 2000}),
        step("d", scanned={USERS: 2000}),
        step("e", rows={USERS: RowCounts(inserted=1000)}),
        step("f", scanned={USERS: 900}, rows={USERS: RowCounts(inserted=900, updated=10)}),
        after=after,
    )
    assert [work.kind for work in work_of(trace)] == [
        WorkKind.REWRITE,
        WorkKind.INDEX,
        WorkKind.WRITE,
        WorkKind.SCAN,
        WorkKind.INSERT,
    ]


def test_work_under_the_lock_of_another_table() -> None:
    """Reading the orders counts while the users are locked in the same transaction."""
    lock, read = step("ALTER", 1, EXCLUSIVE), step("SELECT", 1, scanned={ORDERS: 2000})
    (item,) = blocked_work(revision(lock, read), Statistics.unknown())
    assert (item.work.table, item.windows[0].table) == (ORDERS, USERS)
    assert blocked_work(revision(lock, replace(read, transaction=2)), Statistics.unknown()) == ()


def test_small_tables_do_not_count() -> None:
    """Work on 999 rows is over at once; an unknown size counts as big."""
    trace = revision(step("a", 1, EXCLUSIVE, rewritten=(USERS,)))
    assert blocked_work(trace, Statistics.unknown())
    assert blocked_work(trace, SMALL) == ()
    assert blocked_work(trace, Statistics({USERS: TableStatistics(rows=1000)}))


def test_an_emptied_table_is_nobodys() -> None:
    """After TRUNCATE, or after all rows were deleted, a rewrite has nothing to write."""
    rewrite = step("ALTER", 1, EXCLUSIVE, rewritten=(USERS,))
    truncate = step("TRUNCATE users", 1, EXCLUSIVE, rewritten=(USERS,))
    assert blocked_work(revision(truncate, rewrite), Statistics.unknown()) == ()
    delete = step("DELETE", 1, rows={USERS: RowCounts(deleted=2000)})
    assert [work.statement for work in work_of(revision(delete, rewrite))] == [0]


def test_writes_of_one_transaction_add_up() -> None:
    """Two updates of half the rows each hold all of them until the commit; two transactions do not."""
    half = step("a", 1, rows=updated(600))
    assert [one.statement for one in unbatched_writes(revision(half, half), Statistics.unknown())] == [1]
    assert unbatched_writes(revision(half, replace(half, transaction=2)), Statistics.unknown()) == ()


def test_batches_that_commit_are_no_bulk_write() -> None:
    """Folded into one line with a count, each batch was a transaction of its own."""
    batch = step("UPDATE … LIMIT", None, rows=updated(500))
    (folded,) = fold([batch] * 4)
    assert (folded.count, folded.rows[USERS].updated) == (4, 2000)
    assert unbatched_writes(revision(folded), Statistics.unknown()) == ()
    assert unbatched_writes(revision(step("UPDATE", None, rows=updated())), Statistics.unknown())


def test_the_largest_of_some_transactions_decides() -> None:
    """A loop whose first turn takes all rows, and whose second one finds that out, wrote the table at once."""
    (folded,) = fold([step("UPDATE … LIMIT", None, rows=updated(2000)), step("UPDATE … LIMIT", None)])
    assert (folded.count, folded.most_written) == (2, {USERS: 2000})
    assert unbatched_writes(revision(folded), Statistics.unknown())
    turns = [step("UPDATE … LIMIT", number // 2, rows=updated(900)) for number in range(2, 6)]
    (folded,) = fold(turns)
    assert (folded.transactions, folded.most_written) == (2, {USERS: 1800})
    assert unbatched_writes(revision(folded), Statistics.unknown())


def test_a_batch_is_as_large_on_a_smaller_table_and_a_share_is_not() -> None:
    """1,200 of 2,000 rows are a batch where 1,000 of 1,000 were one, and a share where it were 600."""
    (loop,) = fold([step("UPDATE …", None, rows=updated(1200)), step("UPDATE …", None, rows=updated(800))])
    for before, found in ((1000, 0), (600, 1)):
        smaller = SmallerRun({USERS: 1000}, (replace(loop, most_written={USERS: before}),))
        assert len(unbatched_writes(replace(revision(loop), smaller=smaller), Statistics.unknown())) == found


def test_a_loop_in_one_transaction_is_a_bulk_write() -> None:
    """Rows stay locked until the commit, however many statements wrote them."""
    (folded,) = fold([step("UPDATE … WHERE id = %s", 1, rows=updated(1))] * 2000)
    assert unbatched_writes(revision(folded), Statistics.unknown())


def test_a_table_that_could_not_be_filled_was_read_all_the_same() -> None:
    """Of no rows none was read, but a change that looked at the table would have read them; a SELECT may not."""
    empty = {USERS: TableFacts(0, 0)}
    check = step("ALTER TABLE users ADD CHECK (id > 0)", 1, EXCLUSIVE, scanned={USERS: 0})
    (item,) = blocked_work(revision(check, tables=empty, unfilled={USERS: "no value found"}), Statistics.unknown())
    assert item.work.kind is WorkKind.SCAN
    assert not blocked_work(revision(check, tables=empty), Statistics.unknown())
    select = replace(check, sql="SELECT * FROM users")
    assert not blocked_work(revision(select, tables=empty, unfilled={USERS: "no value found"}), Statistics.unknown())


def test_a_concurrent_build_holds_no_strong_lock_while_it_works() -> None:
    """REINDEX CONCURRENTLY of a partitioned table takes SHARE on each partition to list them, and commits."""
    build = step("REINDEX TABLE CONCURRENTLY users", None, LockMode.SHARE, indexes_built=("public.ix",))
    after = {**BASE, **index("ix", USERS)}
    assert not blocked_work(revision(build, after=after), Statistics.unknown())
    assert blocked_work(revision(replace(build, sql="REINDEX TABLE users"), after=after), Statistics.unknown())
    at_its_end = replace(build, locks={USERS: LockMode.SHARE_UPDATE_EXCLUSIVE, "public.ix": EXCLUSIVE})
    assert not blocked_work(revision(at_its_end, after=after), Statistics.unknown())


def test_partitioned_parents_have_no_rows_of_their_own() -> None:
    """The work is told of their partitions."""
    before = {**BASE, **table(USERS, "id", kind="partitioned table")}
    trace = revision(step("a", 1, EXCLUSIVE, scanned={USERS: 2000}), before=before)
    assert work_of(replace(trace, after=SchemaSnapshot(before))) == ()


@pytest.mark.parametrize(
    ("rows", "reason", "big"),
    [
        (3, "a unique key leaves no room for more", False),
        (0, "a unique key leaves no room for more", False),
        (3, "permission denied", True),
    ],
)
def test_a_table_that_cannot_grow_is_small(rows: int, reason: str, big: bool) -> None:
    """Its own constraints leave no room for more than a few rows, which is proved; any other reason says nothing."""
    trace = revision(step("SELECT 1"), tables={USERS: TableFacts(rows, 0)}, unfilled={USERS: reason})
    assert is_big(trace, Statistics.unknown(), USERS) is big
    assert is_big(revision(step("SELECT 1")), Statistics.unknown(), USERS)
    assert not is_big(trace, SMALL, USERS)


def test_tables_that_were_emptied_before() -> None:
    """By TRUNCATE from that statement on, by a DELETE of all rows from the next one on."""
    truncate = step("TRUNCATE users", rewritten=(USERS,))
    assert emptied_before(revision(truncate, step("a")), 0) == {USERS}
    for deleted, emptied in ((2000, frozenset({USERS})), (1999, frozenset())):
        delete = step("DELETE", rows={USERS: RowCounts(deleted=deleted), "public.new": RowCounts(deleted=5)})
        trace = revision(delete, step("a"))
        assert (emptied_before(trace, 0), emptied_before(trace, 1)) == (frozenset(), emptied)
    nothing = revision(step("DELETE", rows={USERS: RowCounts()}), step("a"), tables={USERS: TableFacts(0, 0)})
    assert emptied_before(nothing, 1) == frozenset()


def test_a_table_that_is_filled_again_is_in_use() -> None:
    """Rows that a transaction puts back where it has taken them are work under its lock, in one text too."""
    truncate = step("TRUNCATE users", 1, EXCLUSIVE, rewritten=(USERS,))
    few, many = (step("INSERT INTO users", rows={USERS: RowCounts(inserted=rows)}) for rows in (999, 1000))
    assert blocked_work(revision(truncate, few), Statistics.unknown()) == ()
    for upgrade in (
        (truncate, many),
        (step("TRUNCATE users; INSERT INTO users", 1, EXCLUSIVE, rewritten=(USERS,), rows=many.rows),),
    ):
        (blocked,) = blocked_work(revision(*upgrade), Statistics.unknown())
        assert (blocked.work.statement, blocked.work.kind) == (len(upgrade) - 1, WorkKind.INSERT)
        assert not emptied_before(revision(*upgrade, step("a")), len(upgrade))


def test_only_a_truncate_that_read_nothing_empties() -> None:
    """A rewrite reads the old rows, and another statement gives a table another file for other reasons."""
    assert truncated(step("TRUNCATE users", rewritten=(USERS, ORDERS), scanned={ORDERS: 5})) == {USERS}
    assert truncated(step("ALTER TABLE users", rewritten=(USERS,))) == frozenset()
    assert truncated(step("TRUNCATE users")) == frozenset()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (step("a", rows={USERS: RowCounts(inserted=1000)}), WorkKind.INSERT),
        (step("a", rows={USERS: RowCounts(inserted=999)}), None),
        (step("a", scanned={USERS: 1000}), WorkKind.SCAN),
        (step("a", scanned={USERS: 999}), None),
        (step("a", scanned={USERS: 2000}, count=3), None),
        (step("a", locked={USERS: 1000}), WorkKind.LOCK),
        (step("a", rows=updated(1000)), WorkKind.WRITE),
        (step("a", rewritten=(USERS,), rows=updated()), WorkKind.REWRITE),
        (step("a", scanned={"public.new": 2000}), None),
    ],
)
def test_the_boundary_of_each_kind_of_work(statement: StatementTrace, kind: WorkKind | None) -> None:
    """Half of the rows, and of inserted ones a thousand at least."""
    assert [one.kind for one in work_of(revision(statement))] == ([kind] if kind else [])


@pytest.mark.parametrize(("kind", "concurrent"), [("index", True), ("table column", False), ("table", False)])
def test_the_lock_on_a_dropped_index_stops_nobody(kind: str, concurrent: bool) -> None:
    """DROP INDEX CONCURRENTLY locks the index whole for an instant; a lock on anything else that is dropped counts."""
    locks = {"public.ix": EXCLUSIVE, USERS: LockMode.SHARE_UPDATE_EXCLUSIVE}
    drop = step("DROP INDEX CONCURRENTLY ix", None, locks=locks, dropped=changed(kind, "public.ix"))
    assert is_concurrent(drop) is concurrent
    assert not is_concurrent(replace(drop, transaction=1))


@pytest.mark.parametrize(
    ("inserted", "statement", "kind"),
    [
        (2000, step("a", scanned={"public.new": 1000}), WorkKind.SCAN),
        (2000, step("a", scanned={"public.new": 999}), None),
        (999, step("a", scanned={"public.new": 999}), None),
        (1000, step("a", scanned={"public.new": 1000}), WorkKind.SCAN),
        (2000, step("a", rewritten=("public.new",)), WorkKind.REWRITE),
        (2000, step("TRUNCATE new", rewritten=("public.new",)), None),
        (2000, step("a", indexes_built=("public.ix",)), WorkKind.INDEX),
        (2000, step("a", indexes_built=("public.other",)), None),
    ],
)
def test_work_on_a_new_table(inserted: int, statement: StatementTrace, kind: WorkKind | None) -> None:
    """A table that the revision has filled with a thousand rows is big; half of its rows are a scan."""
    after = {**BASE, **table("public.new", "email"), **index("ix", "public.new"), **index("other", ORDERS)}
    fill = step("INSERT INTO new", rows={"public.new": RowCounts(inserted=inserted)}, scanned={USERS: 2000})
    works = list(work_on_new_tables(revision(fill, statement, after=after)))
    assert [(work.kind, work.statement, sources) for work, sources in works] == (
        [(kind, 1, frozenset({USERS}))] if kind else []
    )


def test_a_table_without_rows_was_read_by_a_change_only() -> None:
    """Where it was to have rows and got none, an ALTER TABLE that looked at it is work; a SELECT is not."""
    empty: dict[str, Any] = {"tables": {USERS: TableFacts(0, 0)}}
    looks = step("ALTER TABLE users SET NOT NULL", scanned={USERS: 0})
    assert [one.kind for one in work_of(revision(looks, unfilled={USERS: "x"}, **empty))] == [WorkKind.SCAN]
    assert work_of(revision(looks, **empty)) == ()
    assert work_of(revision(replace(looks, sql="SELECT 1"), unfilled={USERS: "x"}, **empty)) == ()


def test_a_lock_on_a_sequence_keeps_rows_from_its_table() -> None:
    """Whoever inserts waits for the sequence of the table, unless the table is locked anyway."""
    before = {**BASE, ("sequence", "public.ids"): {"owned_by": "public.users.id"}, ("sequence", "public.free"): {}}
    mode = LockMode.SHARE_ROW_EXCLUSIVE
    read = step("SELECT", 1, scanned={ORDERS: 2000})
    trace = revision(step("ALTER SEQUENCE", locks={"public.ids": mode, "public.free": mode}), read, before=before)
    (item,) = blocked_work(trace, Statistics.unknown())
    assert [(one.relation, one.table) for one in item.windows] == [
        ("public.free", "public.free"),
        ("public.ids", USERS),
    ]
    locked = revision(step("ALTER TABLE", 1, EXCLUSIVE), step("a", locks={"public.ids": mode}), read, before=before)
    assert [one.relation for one in blocked_work(locked, Statistics.unknown())[0].windows] == [USERS]
    assert blocked_work(revision(step("a", locks={"public.ids": mode}), before=before), Statistics.unknown()) == ()


def test_an_index_of_a_materialized_view_is_work_on_the_view() -> None:
    """The build of an index of a table that only reads the view is a scan of the view."""
    view: Objects = {("view", "public.totals"): {"kind": "materialized view", "populated": True}}
    before = {**BASE, **view}
    after = {**before, **index("ix_totals", "public.totals"), **index("ix_users", USERS)}
    build = step("CREATE INDEX ix_totals ON totals (email)", indexes_built=("public.ix_totals",))
    other = step("CREATE INDEX ix_users ON users (f(email))", indexes_built=("public.ix_users",))
    reading = replace(other, scanned={"public.totals": 10})
    works = [
        (work.table, work.kind, work.indexes)
        for work in work_on_views(revision(build, reading, before=before, after=after))
    ]
    assert works == [
        ("public.totals", WorkKind.INDEX, ("public.ix_totals",)),
        ("public.totals", WorkKind.SCAN, ()),
    ]


def test_only_a_materialized_view_with_data_has_work() -> None:
    """A plain view is read through its tables, and one without data has no readers."""
    build = step("CREATE INDEX ix_totals ON totals (email)", indexes_built=("public.ix_totals",))
    for kind, populated, count in (("materialized view", True, 1), ("materialized view", False, 0), ("view", True, 0)):
        view: Objects = {("view", "public.totals"): {"kind": kind, "populated": populated}}
        before = {**BASE, **view}
        after = {**before, **index("ix_totals", "public.totals")}
        assert len([*work_on_views(revision(build, before=before, after=after))]) == count


def test_the_lock_on_the_table_of_the_work_comes_first() -> None:
    """Other tables that wait for the same work follow."""
    locks = step("LOCK TABLE orders, users", locks={ORDERS: EXCLUSIVE, USERS: EXCLUSIVE})
    for read in (USERS, ORDERS):
        (item,) = blocked_work(revision(locks, step("a", 1, scanned={read: 2000})), Statistics.unknown())
        assert [window.table for window in item.windows] == [read, *({USERS, ORDERS} - {read})]


def test_a_lock_on_a_sequence_counts_unless_its_table_is_locked_against_writes() -> None:
    """INSERTs wait for the next number; if they wait for the table anyway, that changes nothing."""
    sequence = "public.users_id_seq"
    before: Objects = {**BASE, ("sequence", sequence): {"owned_by": f"{USERS}.id"}}
    reset = step("ALTER SEQUENCE users_id_seq RESTART", locks={sequence: LockMode.SHARE_ROW_EXCLUSIVE})

    def sequences(*earlier: StatementTrace) -> list[tuple[str, str]]:
        windows = other_windows(revision(*earlier, reset, before=before))
        return [(window.relation, window.table) for window in windows]

    assert sequences() == [(sequence, USERS)]
    assert sequences(step("LOCK", 1, EXCLUSIVE)) == []
    assert sequences(step("LOCK", 1, LockMode.ROW_SHARE)) == [(sequence, USERS)]
    assert sequences(step("LOCK", 2, EXCLUSIVE)) == [(sequence, USERS)]
    assert sequences(step("LOCK", 1, locks={ORDERS: EXCLUSIVE})) == [(sequence, USERS)]
