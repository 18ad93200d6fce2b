"""How long a revision takes at the target's size, from what it took in the sandbox on tables of growing size.

What it is: the upgrade ran several times, each time on twice the rows. A line is put through the durations of each
statement, over rows, or over rows times their logarithm where an index is built, and drawn on to the rows of the
target. It is an interval: as wide as the slopes between the runs differ, as the target's rows are wider or narrower
than the sandbox's, wider the farther the target's size is from those measured (a factor of 1.6 to each side at a
hundred times the rows), and never less than 30 % to each side.

What it is not: a promise. It is the sandbox's hardware, with `fsync` off, all pages in memory and nobody else at work.
A table that does not fit into memory, an index build that does not fit into `maintenance_work_mem` (HNSW is then
several times slower), slow disks and traffic make it longer; more cores and parallel workers make it shorter. Waiting
for a lock is not in it, and neither is what Python does between two statements.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from statistics import median

from domain.migration.analysis.impact import LockWindow, Work, WorkKind, is_partitioned, lock_windows, work_of
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import CalibrationRun, RevisionTrace

Interval = tuple[float, float]

_MARGIN = 0.3  # of the estimate, to each side: durations of the same statement differ so much from run to run
_DRIFT = 0.1  # exponent by which growth beyond the sizes measured may differ: caches, merge passes, checkpoints
_GROWN = 1.5  # times the rows, from which on a difference in duration says something
_QUADRATIC = 1.5  # exponent of growth from which on the time goes with the square of the rows
_EVIDENT = 0.5  # exponent of growth that noise does not feign over several doublings


def estimate(trace: RevisionTrace, statistics: Statistics) -> Mapping[int, Interval]:
    """Estimate the statements of the upgrade at the target's size.

    A statement grows when it does work on a whole table, or evidently took longer on more rows; every other counts as
    long as it took. One that committed each of its batches by itself counts as long as one of them.

    Args:
        trace: With its calibration.
        statistics: Of the target.

    Returns:
        Shortest and longest expected seconds by the statement's index. A statement is missing when it grows and the
        target's rows are not known, or when it was measured at one size only, or on no rows.
    """
    found = {index: one.interval(statistics) for index, one in enumerate(_statements(trace))}
    return {index: interval for index, interval in found.items() if interval is not None}


def windows_with_estimates(trace: RevisionTrace, statistics: Statistics) -> tuple[LockWindow, ...]:
    """Return the lock windows with how long each lasts: the sum over the statements while the lock is held.

    A window has no estimate when one of its statements has none.
    """
    known = estimate(trace, statistics)
    return tuple(replace(window, estimate_seconds=_sum(known, window)) for window in lock_windows(trace))


def predicted_seconds(trace: RevisionTrace, statistics: Statistics) -> Interval | None:
    """Predict how long the whole upgrade takes at the target; None when nobody knows of one of its statements."""
    known = estimate(trace, statistics)
    if len(known) < len(trace.upgrade) or not trace.upgrade:
        return None
    return sum(low for low, _ in known.values()), sum(high for _, high in known.values())


def measured_at(trace: RevisionTrace, table: str) -> tuple[int, ...]:
    """Return the numbers of rows that a table had in the runs of the calibration, smallest first."""
    return tuple(sorted({run.rows[table] for run in trace.calibration if table in run.rows}))


def measured_rows(trace: RevisionTrace, windows: Sequence[LockWindow]) -> list[dict[str, tuple[int, ...]]]:
    """Give, for each window, the rows that it was measured at, by the tables whose size decides how long it lasts."""
    if not trace.calibration:
        return [{} for _ in windows]
    grows = [sorted(one.tables()) for one in _statements(trace)]
    found = []
    for window in windows:
        tables = dict.fromkeys(
            table for names in grows[window.from_statement : window.to_statement + 1] for table in names
        )
        found.append({table: sizes for table in tables if len(sizes := measured_at(trace, table)) > 1})
    return found


def _statements(trace: RevisionTrace) -> list["_Statement"]:
    works: dict[int, list[Work]] = {}
    for work in work_of(trace):
        works.setdefault(work.statement, []).append(work)
    # A run that took another path, as there were more rows, says nothing about these statements.
    runs = [run for run in trace.calibration if len(run.durations_ms) == len(trace.upgrade)]
    return [_Statement(trace, index, works.get(index, []), runs) for index in range(len(trace.upgrade))]


class _Statement:
    """One statement over the runs."""

    def __init__(self, trace: RevisionTrace, index: int, works: list[Work], runs: list[CalibrationRun]) -> None:
        self._trace = trace
        self._statement = trace.upgrade[index]
        self._works = works
        self._runs = runs
        self._seconds = [run.durations_ms[index] / 1000 for run in runs]
        self._batched = self._statement.transaction is None and self._statement.count > 1

    def interval(self, statistics: Statistics) -> Interval | None:
        """Return shortest and longest seconds, None when nobody knows.

        Where several tables grew together, nobody knows whose rows took the time: each is taken for the cause once.
        """
        tables = self.tables()
        if self._batched:
            return None if tables else _around(self._statement.duration_ms / 1000 / self._statement.count)
        if not tables:
            return None if self._saw_no_rows(statistics) else self._constant()
        found = []
        for table, kind in tables.items():
            target = statistics.get(table)
            sizes = [run.rows.get(table, 0) for run in self._runs]
            if target is None or not sizes:
                return None
            if max(sizes) < _GROWN * min(sizes) or min(sizes) == 0:
                if target.rows > max(sizes):
                    return None
                continue
            found.append(self._extrapolated(sizes, target, self._width(table, kind, target), kind))
        return (min(low for low, _ in found), max(high for _, high in found)) if found else self._constant()

    def tables(self) -> dict[str, WorkKind | None]:
        """Name the tables with whose rows the duration grows, with the kind of work.

        Adding rows takes as long as there are rows to add, however many there are: it grows only if it shows. So does
        what touches less than a whole table. That batches take longer in all, as they become more, is no growth.
        """
        tables: dict[str, WorkKind | None] = {
            work.table: work.kind for work in self._works if work.kind is not WorkKind.INSERT
        }
        if self._batched:
            return tables
        touched = {*self._statement.rows, *self._statement.scanned} & self._trace.tables.keys()
        return {**{table: None for table in touched if self._evidently_grows(table)}, **tables}

    def _evidently_grows(self, table: str) -> bool:
        pairs = [(run.rows.get(table, 0), took) for run, took in zip(self._runs, self._seconds, strict=True)]
        pairs.sort()
        enough = len(pairs) > 2 and pairs[0][0] > 0  # noqa: PLR2004 - two could be noise
        rising = all(one[1] < other[1] for one, other in pairwise(pairs))
        return enough and rising and _exponent(pairs[0], pairs[-1]) > _EVIDENT

    def _saw_no_rows(self, statistics: Statistics) -> bool:
        """Return whether a table was empty in the sandbox, where no work can show, and may not be at the target."""
        touched = {*self._statement.locks, *self._statement.rows, *self._statement.scanned}
        return any(
            facts.rows == 0 and not is_partitioned(self._trace, table)
            for table, facts in self._trace.tables.items()
            if table in touched and (table not in statistics or statistics[table].rows > 0)
        )

    def _constant(self) -> Interval:
        low, high = _around(median(self._seconds) if self._seconds else self._statement.duration_ms / 1000)
        return min([low, *self._seconds]), max([high, *self._seconds])

    def _width(self, table: str, kind: WorkKind | None, target: TableStatistics) -> Interval:
        """Return how much longer a row takes there, as its bytes differ: between not at all and in proportion.

        What reads or writes whole rows spends some of its time for each row and some for each byte. An index build
        depends on its key's bytes, which nobody counted. Whether TOAST is touched is not known either.
        """
        facts = self._trace.tables.get(table)
        if kind is WorkKind.INDEX or facts is None or not (facts.rows and facts.bytes and target.rows and target.bytes):
            return 1.0, 1.0
        here = facts.bytes / facts.rows
        factors = [size / target.rows / here for size in (target.bytes, target.bytes - target.toast_bytes)]
        return min(1.0, *factors), max(1.0, *factors)

    def _extrapolated(
        self, sizes: list[int], target: TableStatistics, width: Interval, kind: WorkKind | None
    ) -> Interval:
        points = sorted(zip(sizes, self._seconds, strict=True))
        basis = _basis(kind, points[0], points[-1])
        scaled = [(basis(rows), took) for rows, took in points]
        shortest, usual, longest = _slopes(scaled)
        fixed = max(0.0, median(took - usual * x for x, took in scaled))
        low, high = _around(usual * basis(target.rows))
        low, high = min(low, shortest * basis(target.rows)), max(high, longest * basis(target.rows))
        far = max(1.0, target.rows / points[-1][0]) ** _DRIFT
        low, high = low / far, high * far
        return fixed * (1 - _MARGIN) + low * width[0], fixed * (1 + _MARGIN) + high * width[1]


def _basis(kind: WorkKind | None, first: tuple[int, float], last: tuple[int, float]) -> Callable[[float], float]:
    """Choose with what of the rows the time goes: their square where each row reads the table again."""
    if _exponent(first, last) >= _QUADRATIC:
        return lambda rows: rows * rows
    if kind is WorkKind.INDEX:
        return lambda rows: rows * math.log2(max(rows, 2))
    return lambda rows: rows


def _exponent(first: tuple[int, float], last: tuple[int, float]) -> float:
    """Return the power of the rows with which the time grew; a part that does not grow makes it smaller."""
    if first[1] <= 0 or last[1] <= 0 or last[0] <= first[0] or first[0] <= 0:
        return 0.0
    return math.log(last[1] / first[1]) / math.log(last[0] / first[0])


def _slopes(points: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return a low, a usual and a high slope of the line through points, none negative (Theil and Sen's estimator).

    Each pair of runs gives a slope, which counts by how far the two are apart: noise tilts a short line more. Low and
    high are the quartiles. The line meets zero rows at no less than zero seconds, which bounds the slope.
    """
    slopes = sorted(
        ((later[1] - earlier[1]) / (later[0] - earlier[0]), later[0] - earlier[0])
        for earlier, later in combinations(points, 2)
        if later[0] > earlier[0]
    )
    steepest = max(took / x for x, took in points)
    low, usual, high = (min(max(0.0, _quantile(slopes, part)), steepest) for part in (0.25, 0.5, 0.75))
    # Where noise hides the growth, all of the time may be growth.
    return low, usual, high if usual > 0 else min(took / x for x, took in points)


def _quantile(weighted: list[tuple[float, float]], part: float) -> float:
    """Return the value below which that part of the weight lies."""
    rest = part * sum(weight for _, weight in weighted)
    for value, weight in weighted:
        rest -= weight
        if rest <= 0:
            return value
    return weighted[-1][0]


def _around(seconds: float) -> Interval:
    return seconds * (1 - _MARGIN), seconds * (1 + _MARGIN)


def _sum(known: Mapping[int, Interval], window: LockWindow) -> Interval | None:
    statements = range(window.from_statement, window.to_statement + 1)
    if any(index not in known for index in statements):
        return None
    return sum(known[index][0] for index in statements), sum(known[index][1] for index in statements)
