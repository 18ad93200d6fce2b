"""Durations at the target's size, from durations at sizes that were measured."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.migration.analysis.estimate import (
    estimate,
    measured_at,
    measured_rows,
    predicted_seconds,
    windows_with_estimates,
)
from domain.migration.analysis.lock_windows import lock_windows
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import CalibrationRun, RevisionTrace, RowCounts, StatementTrace, TableFacts
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, index, revision, step, updated

SIZES = (2000, 4000, 8000, 16_000)
MILLION = Statistics({USERS: TableStatistics(rows=1_000_000), ORDERS: TableStatistics(rows=1_000_000)})
EXCLUSIVE = LockMode.ACCESS_EXCLUSIVE
REWRITE = step("ALTER TABLE users", 1, EXCLUSIVE, rewritten=(USERS,), duration_ms=20.0)
SCAN = step("ALTER TABLE users SET NOT NULL", 1, EXCLUSIVE, scanned={USERS: 2000})
INSTANT = step("ALTER TABLE users ADD COLUMN x int", 1, EXCLUSIVE, duration_ms=2.0)
BUILD = step("CREATE INDEX ix ON users (name)", 1, LockMode.SHARE, indexes_built=("public.ix",))
WITH_INDEX = {**BASE, **index("ix", USERS)}

Duration = Callable[[int], float]


def linear(rows: int) -> float:
    """5 ms, and 10 microseconds a row."""
    return 5 + rows / 100


def calibrated(*steps: tuple[StatementTrace, Duration], sizes: tuple[int, ...] = SIZES) -> RevisionTrace:
    """A revision whose statements take so many milliseconds at so many rows of both tables."""
    runs = tuple(CalibrationRun({USERS: rows, ORDERS: rows}, tuple(took(rows) for _, took in steps)) for rows in sizes)
    return revision(*(statement for statement, _ in steps), after=WITH_INDEX, calibration=runs)


def only(trace: RevisionTrace, statistics: Statistics = MILLION) -> tuple[float, float]:
    """The estimate of the one statement."""
    ((number, found),) = estimate(trace, statistics).items()
    assert number == 0
    return found


@pytest.mark.parametrize("statement", [REWRITE, SCAN, step("UPDATE users", rows=updated())])
def test_work_grows_with_the_rows(statement: StatementTrace) -> None:
    """What takes 10 microseconds a row takes some 10 seconds for a million, give or take more than 30 %."""
    low, high = only(calibrated((statement, linear)))
    assert 4 < low < 0.7 * 10.005
    assert 1.3 * 10.005 < high < 25


def test_an_index_build_grows_faster_than_the_rows() -> None:
    """Sorting takes rows times their logarithm: at a million rows half as much again as a line would say."""
    took = [rows * math.log2(rows) * 0.001 for rows in (*SIZES, 1_000_000)]
    low, high = only(calibrated((BUILD, dict(zip(SIZES, took, strict=False)).__getitem__)))
    assert low < took[-1] / 1000 < high
    assert math.sqrt(low * high) == pytest.approx(took[-1] / 1000, rel=0.1)


def test_reading_the_table_again_for_each_row_is_seen() -> None:
    """Time that quadruples with each doubling goes with the square: 4 s at 2,000,000 rows would be wrong by far."""
    low, high = only(calibrated((step("UPDATE users", rows=updated()), lambda rows: 5 + rows * rows / 100_000)))
    assert low < 10_000 < high
    assert low > 3000


@pytest.mark.parametrize("seed", range(20))
def test_noise_widens_the_interval(seed: int) -> None:
    """Durations that are off by a third each still give an interval that holds the truth, and is no wider than 40."""
    dice = random.Random(seed)
    low, high = only(calibrated((REWRITE, lambda rows: linear(rows) * dice.uniform(0.75, 1.33))))
    assert low < 10.005 < high
    assert high / low < 40


def test_one_slow_run_does_not_decide() -> None:
    """One run during which the machine was busy makes the interval wider, and no nonsense of it."""
    slow = {**{rows: linear(rows) for rows in SIZES}, 4000: 400.0}
    low, high = only(calibrated((REWRITE, slow.__getitem__)))
    assert low < 10.005 < high < 100


def test_growth_that_noise_hides() -> None:
    """Where no growth shows, all of the time may be growth: the interval begins at what was measured."""
    low, high = only(calibrated((SCAN, {2000: 3.0, 4000: 2.9, 8000: 3.1, 16_000: 2.8}.__getitem__)))
    assert low < 0.003
    assert 0.17 < high < 0.5


def test_unknown_size() -> None:
    """Nobody knows how long a table of unknown size takes."""
    assert estimate(calibrated((REWRITE, linear)), Statistics.unknown()) == {}
    assert estimate(calibrated((REWRITE, linear)), Statistics({ORDERS: TableStatistics(rows=10)})) == {}


def test_one_size_says_nothing_about_another() -> None:
    """With one run there is no line to draw, nor with runs on the same rows or of another path."""
    assert estimate(calibrated((REWRITE, linear), sizes=(2000,)), MILLION) == {}
    assert estimate(calibrated((REWRITE, linear), sizes=(2000, 2000)), MILLION) == {}
    other = CalibrationRun({USERS: 4000}, (1.0, 2.0))
    trace = calibrated((REWRITE, linear), sizes=(2000,))
    assert estimate(replace(trace, calibration=(*trace.calibration, other)), MILLION) == {}


def test_a_table_that_could_not_grow() -> None:
    """It counts where the target has no more rows than were measured, and makes the whole unknown where it has."""
    both = step("UPDATE users FROM orders", rows=updated(), scanned={ORDERS: 2000})
    runs = tuple(CalibrationRun({USERS: rows, ORDERS: 2000}, (linear(rows),)) for rows in SIZES)
    trace = revision(both, calibration=runs)
    assert estimate(trace, MILLION) == {}
    few = Statistics({**MILLION, ORDERS: TableStatistics(rows=2000)})
    low, high = only(trace, few)
    assert low < 10.005 < high


def test_two_tables_that_grew_together() -> None:
    """Whose rows took the time is not known: the interval spans both answers."""
    both = step("ADD FOREIGN KEY", 1, EXCLUSIVE, scanned={USERS: 2000, ORDERS: 2000})
    uneven = Statistics({**MILLION, ORDERS: TableStatistics(rows=100_000)})
    low, high = only(calibrated((both, linear)), uneven)
    assert low < 0.7 * 1.005
    assert high > 1.3 * 10.005


def test_what_does_not_grow_counts_as_measured() -> None:
    """A statement without work on a whole table takes as long as it took, whatever the target's size."""
    found = only(calibrated((INSTANT, lambda _rows: 2.0)))
    assert found == pytest.approx((0.0014, 0.0026))
    assert estimate(revision(INSTANT), Statistics.unknown())[0] == found


def test_evident_growth_counts_without_whole_table_work() -> None:
    """An update of every tenth row is no work on the whole table, and still takes longer the more rows there are."""
    tenth = step("UPDATE users", rows=updated(200))
    low, high = only(calibrated((tenth, linear)))
    assert low < 10.005 < high
    assert low > 1


def test_adding_rows() -> None:
    """5,000 new rows take as long on a large table as on a small one; copies of its own rows do not."""
    seed = step("INSERT INTO users", rows={USERS: RowCounts(inserted=5000)})
    noisy = {2000: 50.0, 4000: 47.0, 8000: 53.0, 16_000: 55.0}
    assert only(calibrated((seed, noisy.__getitem__)))[1] < 0.1
    low, high = only(calibrated((seed, linear)))
    assert low < 10.005 < high


def test_batches_that_commit_count_one_by_one() -> None:
    """Each holds its locks for itself."""
    batches = step("UPDATE users", None, rows=updated(), count=4, duration_ms=20.0)
    assert only(calibrated((batches, linear)))[1] == pytest.approx(0.0065)


def test_only_batches_that_commit_are_estimated_one_by_one() -> None:
    """A loop inside of a transaction holds its locks to the end, and one autocommit statement is no batch."""
    write = step("UPDATE users", rows=updated(), duration_ms=20.0)
    for statement in (replace(write, count=4), replace(write, transaction=None)):
        assert only(calibrated((statement, linear)))[1] > 9


def test_wider_rows_take_longer() -> None:
    """Rows of three times the bytes take up to three times as long in a rewrite; an index build reads only keys."""
    wide = Statistics({USERS: TableStatistics(rows=1_000_000, bytes=150_000_000)})
    plain, wider = (only(calibrated((REWRITE, linear)), one) for one in (MILLION, wide))
    assert wider[0] == pytest.approx(plain[0])
    assert wider[1] == pytest.approx(3 * plain[1], rel=0.01)
    assert only(calibrated((BUILD, linear)), wide) == only(calibrated((BUILD, linear)), MILLION)
    toasted = Statistics({USERS: TableStatistics(rows=1_000_000, bytes=75_000_000, toast_bytes=50_000_000)})
    low, high = only(calibrated((REWRITE, linear)), toasted)
    assert low == pytest.approx(plain[0] / 2, rel=0.01)
    assert high == pytest.approx(plain[1] * 1.5, rel=0.01)


def test_a_window_lasts_for_all_its_statements() -> None:
    """A lock taken first is held during the rewrite that follows, and the two add up."""
    trace = calibrated((INSTANT, lambda _rows: 2.0), (REWRITE, linear))
    known = estimate(trace, MILLION)
    (window,) = windows_with_estimates(trace, MILLION)
    assert window.estimate_seconds == (known[0][0] + known[1][0], known[0][1] + known[1][1])
    assert measured_rows(trace, (window,)) == [{USERS: SIZES}]
    assert measured_at(trace, USERS) == SIZES


def test_a_window_with_an_unknown_statement_is_unknown() -> None:
    """What is known of the rest is no answer."""
    trace = calibrated((INSTANT, lambda _rows: 2.0), (REWRITE, linear))
    assert [one.estimate_seconds for one in windows_with_estimates(trace, Statistics.unknown())] == [None]
    assert [replace(one, estimate_seconds=None) for one in windows_with_estimates(trace, MILLION)] == list(
        lock_windows(trace)
    )


def test_an_empty_sandbox_shows_no_work() -> None:
    """A statement on a table without rows was measured on nothing, unless the target's is empty, too."""
    empty = revision(INSTANT, tables={USERS: TableFacts(0, 0)})
    assert estimate(empty, MILLION) == {}
    assert estimate(empty, Statistics({USERS: TableStatistics(rows=0)})) != {}
    assert measured_rows(empty, lock_windows(empty)) == [{}]


def test_runs_of_half_as_many_rows_again_tell_something() -> None:
    """Fewer tell nothing of a table that is larger at the target; nor does one that was empty."""
    for sizes, known in (((2000, 3000), True), ((2000, 2999), False), ((0, 3000), False)):
        assert bool(estimate(calibrated((REWRITE, linear), sizes=sizes), MILLION)) is known


def test_the_whole_upgrade_takes_as_long_as_its_statements() -> None:
    """It is the sum of the estimates; one that is missing leaves the whole open, and so does an upgrade of nothing."""
    trace = calibrated((REWRITE, linear), (INSTANT, lambda _: 2.0))
    intervals = estimate(trace, MILLION).values()
    assert predicted_seconds(trace, MILLION) == (sum(low for low, _ in intervals), sum(high for _, high in intervals))
    assert estimate(trace, Statistics.unknown()).keys() == {1}
    assert predicted_seconds(trace, Statistics.unknown()) is None
    assert predicted_seconds(revision(), MILLION) is None


def test_runs_of_the_same_size_draw_no_line_between_them() -> None:
    """They count for the lines to runs of other sizes."""
    low, high = only(calibrated((REWRITE, linear), sizes=(2000, 2000, 8000, 16_000)))
    assert low < 10.005 < high


def test_times_that_do_not_grow_may_still_grow() -> None:
    """Equal durations at all sizes allow for growth that is within the largest run's time."""
    low, high = only(calibrated((SCAN, lambda _: 3.0)))
    assert low < 0.003
    assert high > 1_000_000 * 0.003 / 16_000


def test_growth_is_evident_only_if_each_larger_run_takes_longer() -> None:
    """Two runs that took equally long, or one that took no time, count as measured."""
    tenth = step("UPDATE users", rows=updated(200))

    def grows(*milliseconds: float) -> bool:
        durations = dict(zip(SIZES, milliseconds, strict=True))
        return only(calibrated((tenth, durations.__getitem__)))[1] > 1

    assert grows(20.0, 40.0, 80.0, 160.0)
    assert not grows(20.0, 80.0, 80.0, 160.0)
    assert not grows(0.0, 1.0, 2.0, 3.0)
