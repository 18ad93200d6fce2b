"""Writes that are no batches."""

from dataclasses import replace

import pytest

from domain.migration.analysis.heavy_writes import commits_within, heavy_writes
from domain.migration.trace import RowCounts, SmallerRun, StatementTrace, TableFacts
from tests.unit.domain.migration.traces import USERS, revision, step, updated


@pytest.mark.parametrize(
    ("upgrade", "heavy"),
    [
        ((step("a", rows=updated(1000)),), [0]),
        ((step("a", rows=updated(999)),), []),
        ((step("a", rows=updated(500)), step("b", rows=updated(500))), [1]),
        ((step("a", 1, rows=updated(500)), step("b", 2, rows=updated(500))), []),
        ((step("a", None, rows=updated(500)), step("b", None, rows=updated(500))), []),
        ((step("a", rows=updated(1000)), step("b", rows=updated(1000))), [0]),
        ((step("a", locked={USERS: 1000}),), [0]),
        ((step("a", locked={USERS: 500}), step("b", locked={USERS: 500})), [1]),
        ((step("a", locked={USERS: 1000}), step("b", rows=updated(1000))), [0, 1]),
        ((step("a", rows=updated(1000)), step("b", locked={USERS: 1000})), [0]),
        ((step("a", rows={USERS: RowCounts(inserted=2000)}),), []),
        ((step("a", rows={USERS: RowCounts(updated=500, deleted=500)}),), [0]),
        ((step("a", rows={"public.new": RowCounts(updated=2000)}),), []),
    ],
)
def test_half_of_a_table_in_one_transaction(upgrade: tuple[StatementTrace, ...], heavy: list[int]) -> None:
    """Updated and deleted rows count together, those that are only locked apart; inserted ones keep nobody waiting."""
    assert sorted(index for index, _ in heavy_writes(revision(*upgrade))) == heavy


def test_a_table_of_one_row_and_one_of_none() -> None:
    """A row is half of it; without a row nothing is heavy."""
    for rows, written, heavy in ((1, 1, True), (0, 0, False)):
        trace = revision(step("a", rows=updated(written)), tables={USERS: TableFacts(rows, 0)})
        assert bool(heavy_writes(trace)) is heavy


@pytest.mark.parametrize(
    ("statement", "commits"),
    [
        (step("a", None), False),
        (step("a", None, count=2), True),
        (step("a", 1, count=2), False),
        (step("a", 1, count=2, transactions=2), True),
        (step("a", None, cannot_run_in_transaction=True), True),
        (step("a", 1, cannot_run_in_transaction=True), False),
        (step("a", None, most_written={USERS: 5}), True),
        (step("a", 1, most_written={USERS: 5}), False),
    ],
)
def test_what_commits_within(statement: StatementTrace, commits: bool) -> None:
    """It ran several times, each for itself, or begins and ends transactions."""
    assert commits_within(statement) is commits


@pytest.mark.parametrize(("batch", "heavy"), [(1800, True), (1799, False)])
def test_a_batch_of_nearly_all_rows_is_none(batch: int, heavy: bool) -> None:
    """From nine tenths on it is the whole table."""
    loop = step("a", None, count=2, rows=updated(2 * batch))
    assert bool(heavy_writes(revision(loop))) is heavy


@pytest.mark.parametrize(
    ("rows", "before", "heavy"),
    [(1000, 500, True), (1000, 625, False), (1000, 600, True), (1400, 700, False), (0, 0, False)],
)
def test_a_batch_that_grows_with_its_table_is_none(rows: int, before: int, heavy: bool) -> None:
    """Half of the table, large or small; where the smaller one is not much smaller, nothing is known."""
    loop = step("a", None, line=3, count=2, rows=updated(2 * 1000))
    smaller = step("a", None, line=3, count=2, rows=updated(2 * before))
    trace = revision(loop, smaller=SmallerRun({USERS: rows}, (smaller,)))
    assert bool(heavy_writes(trace)) is heavy
    elsewhere = revision(loop, smaller=SmallerRun({USERS: rows}, (replace(smaller, line=4),)))
    assert not heavy_writes(elsewhere)


def test_a_smaller_run_that_ended_early_tells_nothing_of_what_it_did_not_reach() -> None:
    """The batch is judged by its size alone."""
    loop = step("a", None, line=3, count=2, rows=updated(2000))
    assert not heavy_writes(revision(loop, smaller=SmallerRun({USERS: 1000}, ())))


@pytest.mark.parametrize(
    ("upgrade", "nulls", "heavy"),
    [
        ((step("UPDATE users SET name = 'a'", rows=updated(300)),), 300, True),
        ((step("UPDATE users SET name = 'a'", rows=updated(299)),), 300, False),
        ((step("UPDATE users SET name = 'a'", rows=updated(142)),), 142, False),
        ((step("UPDATE users SET email = 'a'", rows=updated(300)),), 300, False),
        ((step("SELECT fill()", rows=updated(300), used_within=(USERS,)),), 300, True),
        ((step("UPDATE users SET name = 'a'", None, count=3, rows=updated(300)),), 300, False),
        ((step("SELECT id FROM users LIMIT 500"), step("UPDATE users SET name = 'a'", rows=updated(300))), 300, False),
        ((step("SELECT 1 -- no LIMIT"), step("UPDATE users SET name = 'a'", rows=updated(300))), 300, True),
        ((step('SELECT "limit"'), step("UPDATE users SET name = 'a'", None, rows=updated(300))), 300, True),
    ],
)
def test_a_column_that_was_filled_is_filled_in_all_rows(
    upgrade: tuple[StatementTrace, ...], nulls: int, heavy: bool
) -> None:
    """One transaction wrote all rows where a named column was NULL, many of them, and no LIMIT bounds their number."""
    assert bool(heavy_writes(revision(*upgrade, filled_nulls={f"{USERS}.name": nulls}))) is heavy
