"""Estimated durations of a revision at the target's size, from measurements in the sandbox.

The upgrade is repeated in the sandbox on tables of doubling size. The duration of each statement is fitted with a line
over the number of rows, or over rows times their logarithm for an index build. The line is extended to the number of
rows of the target.

The estimate is an interval. It is wider where the slopes between the runs differ, and where the rows of the target have
another size in bytes than those of the sandbox. It widens with the distance to the measured sizes, by a factor of 1.6
to each side at a hundred times the rows. It is never less than 30 % to each side.

The estimate is no promise. It holds for the hardware of the sandbox, with `fsync` off, all pages in memory and no other
sessions. A table that does not fit into memory, slow disks and traffic make the upgrade longer. So does an index build
that does not fit into `maintenance_work_mem` (HNSW is then several times slower). More cores and parallel workers make
it shorter. The estimate contains neither the wait for locks nor the time that Python spends between statements.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from statistics import median

from domain.migration.analysis.impact import Work, WorkKind, is_partitioned, work_of
from domain.migration.analysis.lock_windows import LockWindow, lock_windows
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import CalibrationRun, RevisionTrace

Interval = tuple[float, float]

_MARGIN = 0.3  # share of the estimate, to each side; durations of one statement vary this much between runs
_DRIFT = 0.1  # exponent by which growth beyond the measured sizes may differ: caches, merge passes, checkpoints
_GROWN = 1.5  # lowest ratio of row counts at which a difference in duration is meaningful
_QUADRATIC = 1.5  # exponent of growth from which the time is taken as quadratic in the rows
_EVIDENT = 0.5  # exponent of growth over several doublings that noise does not produce


def estimate(trace: RevisionTrace, statistics: Statistics) -> Mapping[int, Interval]:
    """Return the estimated duration of each statement of the upgrade at the target's size.

    A statement grows with the rows if it works on a whole table, or took evidently longer on more rows. Any other
    statement is expected to take as long as in the sandbox. A statement that committed each of its batches is expected
    to take as long as one batch.

    Args:
        trace: Trace of the revision, with its calibration runs.
        statistics: Statistics of the target.

    Returns:
        Shortest and longest expected seconds, by the index of the statement. A growing statement is missing if the
        rows of the target are not known, or if it was measured at one size only or without rows.
    """
    intervals = {index: statement.interval(statistics) for index, statement in enumerate(_statements(trace))}
    return {index: interval for index, interval in intervals.items() if interval is not None}


def windows_with_estimates(trace: RevisionTrace, statistics: Statistics) -> tuple[LockWindow, ...]:
    """Return the lock windows with their estimated duration: the sum over the statements during which a lock is held.

    A window has no estimate if one of its statements has none.
    """
    estimates = estimate(trace, statistics)
    return tuple(replace(window, estimate_seconds=_sum(estimates, window)) for window in lock_windows(trace))


def predicted_seconds(trace: RevisionTrace, statistics: Statistics) -> Interval | None:
    """Return the estimated duration of the whole upgrade at the target; None if a statement has no estimate."""
    estimates = estimate(trace, statistics)
    if len(estimates) < len(trace.upgrade) or not trace.upgrade:
        return None
    return sum(low for low, _ in estimates.values()), sum(high for _, high in estimates.values())


def measured_at(trace: RevisionTrace, table: str) -> tuple[int, ...]:
    """Return the numbers of rows that a table had in the runs of the calibration, smallest first."""
    return tuple(sorted({run.rows[table] for run in trace.calibration if table in run.rows}))


def measured_rows(trace: RevisionTrace, windows: Sequence[LockWindow]) -> list[dict[str, tuple[int, ...]]]:
    """Return the sizes at which the duration of each window was measured.

    Returns:
        For each window, the numbers of rows in the runs of the calibration, by table. Only tables on whose size the
        duration depends are included.
    """
    if not trace.calibration:
        return [{} for _ in windows]
    tables_by_statement = [sorted(statement.tables()) for statement in _statements(trace)]
    measured = []
    for window in windows:
        tables = dict.fromkeys(
            table for names in tables_by_statement[window.from_statement : window.to_statement + 1] for table in names
        )
        measured.append({table: sizes for table in tables if len(sizes := measured_at(trace, table)) > 1})
    return measured


def _statements(trace: RevisionTrace) -> list["_Statement"]:
    works: dict[int, list[Work]] = {}
    for work in work_of(trace):
        works.setdefault(work.statement, []).append(work)
    # A run with another number of statements took another path, so its durations cannot be compared.
    runs = [run for run in trace.calibration if len(run.durations_ms) == len(trace.upgrade)]
    return [_Statement(trace, index, works.get(index, []), runs) for index in range(len(trace.upgrade))]


class _Statement:
    """One statement of the upgrade with its durations in all runs of the calibration."""

    def __init__(self, trace: RevisionTrace, index: int, works: list[Work], runs: list[CalibrationRun]) -> None:
        self._trace = trace
        self._statement = trace.upgrade[index]
        self._works = works
        self._runs = runs
        self._seconds = [run.durations_ms[index] / 1000 for run in runs]
        self._batched = self._statement.transaction is None and self._statement.count > 1

    def interval(self, statistics: Statistics) -> Interval | None:
        """Return the shortest and longest expected seconds, None if there is no estimate.

        If several tables grew together, any of them may have caused the duration. The interval then covers the
        estimates with each table as the cause.
        """
        tables = self.tables()
        if self._batched:
            return None if tables else _around(self._statement.duration_ms / 1000 / self._statement.count)
        if not tables:
            return None if self._saw_no_rows(statistics) else self._constant()
        intervals = []
        for table, kind in tables.items():
            target = statistics.get(table)
            sizes = [run.rows.get(table, 0) for run in self._runs]
            if target is None or not sizes:
                return None
            if max(sizes) < _GROWN * min(sizes) or min(sizes) == 0:
                if target.rows > max(sizes):
                    return None
                continue
            intervals.append(self._extrapolated(sizes, target, self._width(table, kind, target), kind))
        return (min(low for low, _ in intervals), max(high for _, high in intervals)) if intervals else self._constant()

    def tables(self) -> dict[str, WorkKind | None]:
        """Return the tables with whose rows the duration grows, with the kind of work.

        The duration of an INSERT depends on the rows that it adds, not on those of the table, and ANALYZE reads a
        sample. These count as growing only if the runs show it, as does work on a part of a table. More batches take
        longer in total, which does not count as growth.
        """
        tables: dict[str, WorkKind | None] = {
            work.table: work.kind for work in self._works if work.kind not in {WorkKind.INSERT, WorkKind.SAMPLE}
        }
        if self._batched:
            return tables
        touched = {*self._statement.rows, *self._statement.scanned} & self._trace.tables.keys()
        return {**{table: None for table in touched if self._evidently_grows(table)}, **tables}

    def _evidently_grows(self, table: str) -> bool:
        points = [(run.rows.get(table, 0), seconds) for run, seconds in zip(self._runs, self._seconds, strict=True)]
        points.sort()
        enough = len(points) > 2 and points[0][0] > 0  # noqa: PLR2004 - two could be noise
        rising = all(earlier[1] < later[1] for earlier, later in pairwise(points))
        return enough and rising and _exponent(points[0], points[-1]) > _EVIDENT

    def _saw_no_rows(self, statistics: Statistics) -> bool:
        """Return whether a table that was empty in the sandbox, so not measured, may have rows at the target."""
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
        """Return the lowest and highest factor by which a row of the target takes longer than a row of the sandbox.

        Some of the time goes with the rows and some with their bytes, so the factor lies between 1 and the ratio of
        the bytes per row. The target's bytes count with and without TOAST, because it is not known whether the
        statement reads it. An index build depends on the bytes of its key, which are not known, so its factor is 1.
        """
        facts = self._trace.tables.get(table)
        if kind is WorkKind.INDEX or facts is None or not (facts.rows and facts.bytes and target.rows and target.bytes):
            return 1.0, 1.0
        bytes_per_row = facts.bytes / facts.rows
        factors = [size / target.rows / bytes_per_row for size in (target.bytes, target.bytes - target.toast_bytes)]
        return min(1.0, *factors), max(1.0, *factors)

    def _extrapolated(
        self, sizes: list[int], target: TableStatistics, width: Interval, kind: WorkKind | None
    ) -> Interval:
        points = sorted(zip(sizes, self._seconds, strict=True))
        basis = _basis(kind, points[0], points[-1])
        scaled = [(basis(rows), seconds) for rows, seconds in points]
        shortest, usual, longest = _slopes(scaled)
        fixed = max(0.0, median(seconds - usual * x for x, seconds in scaled))
        low, high = _around(usual * basis(target.rows))
        low, high = min(low, shortest * basis(target.rows)), max(high, longest * basis(target.rows))
        drift = max(1.0, target.rows / points[-1][0]) ** _DRIFT
        low, high = low / drift, high * drift
        return fixed * (1 - _MARGIN) + low * width[0], fixed * (1 + _MARGIN) + high * width[1]


def _basis(kind: WorkKind | None, first: tuple[int, float], last: tuple[int, float]) -> Callable[[float], float]:
    """Return the function of the rows with which the time grows; the square where each row scans the table again."""
    if _exponent(first, last) >= _QUADRATIC:
        return lambda rows: rows * rows
    if kind is WorkKind.INDEX:
        return lambda rows: rows * math.log2(max(rows, 2))
    return lambda rows: rows


def _exponent(first: tuple[int, float], last: tuple[int, float]) -> float:
    """Return the power of the rows with which the time grew; a constant share of the time makes it smaller.

    Args:
        first: More than no rows, and their seconds.
        last: As many rows or more, and their seconds.
    """
    if first[1] <= 0 or last[1] <= 0 or last[0] <= first[0]:
        return 0.0
    return math.log(last[1] / first[1]) / math.log(last[0] / first[0])


def _slopes(points: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return a low, a median and a high slope of the line through points, none negative (Theil-Sen estimator).

    Each pair of runs has a slope, weighted by the distance of its two sizes, because noise tilts a short line more.
    Low and high are the quartiles. The line must not be below zero seconds at zero rows, which limits the slope.
    """
    slopes = sorted(
        ((later[1] - earlier[1]) / (later[0] - earlier[0]), later[0] - earlier[0])
        for earlier, later in combinations(points, 2)
        if later[0] > earlier[0]
    )
    steepest = max(seconds / x for x, seconds in points)
    low, usual, high = (min(max(0.0, _quantile(slopes, share)), steepest) for share in (0.25, 0.5, 0.75))
    # Where noise hides the growth, all of the time may be growth.
    return low, usual, high if usual > 0 else min(seconds / x for x, seconds in points)


def _quantile(weighted: list[tuple[float, float]], share: float) -> float:
    """Return the value below which a share of the weight lies."""
    rest = share * sum(weight for _, weight in weighted)
    for value, weight in weighted:
        rest -= weight
        if rest <= 0:
            return value
    return weighted[-1][0]


def _around(seconds: float) -> Interval:
    return seconds * (1 - _MARGIN), seconds * (1 + _MARGIN)


def _sum(estimates: Mapping[int, Interval], window: LockWindow) -> Interval | None:
    statements = range(window.from_statement, window.to_statement + 1)
    if any(index not in estimates for index in statements):
        return None
    return sum(estimates[index][0] for index in statements), sum(estimates[index][1] for index in statements)
