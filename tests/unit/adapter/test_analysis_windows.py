"""How the reports show how long whose statements wait."""

import json
from typing import Any

import pytest

from adapter.outbound.migration.report import analysis_json, analysis_markdown, analysis_text
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.revision_analysis import analyze
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import CalibrationRun
from tests.unit.domain.migration.traces import ORDERS, USERS, revision, step

LARGE = Statistics({USERS: TableStatistics(rows=5_100_000), ORDERS: TableStatistics(rows=7)})


def report(statistics: Statistics, mode: LockMode = LockMode.ACCESS_EXCLUSIVE, **changes: Any) -> AnalysisReport:
    """A revision that reads all users under a lock: 10 microseconds a row."""
    work = step("ALTER TABLE users SET NOT NULL", 1, mode, **{"scanned": {USERS: 2000}, **changes})
    runs = tuple(CalibrationRun({USERS: rows, ORDERS: rows}, (rows / 100,)) for rows in (2000, 4000, 16_000))
    return AnalysisReport("18.6", None, (analyze(revision(work, calibration=runs), statistics),))


def flat(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def test_text() -> None:
    """The table, the lock, who waits, how long, and what it was measured at."""
    said = flat(analysis_text.render(report(LARGE)))
    assert f"windows {USERS} ACCESS EXCLUSIVE, reads and writes wait, 20 s to 2" in said
    assert "min (measured at 2,000 to 16,000 rows; target 5,100,000)" in said
    assert "SHARE, writes wait, " in flat(analysis_text.render(report(LARGE, LockMode.SHARE)))


def test_text_without_an_estimate() -> None:
    """What is not known, what blocks nobody, and what lasts an instant whatever the size are not mentioned."""
    for one in (
        report(Statistics.unknown()),
        report(LARGE, LockMode.SHARE_UPDATE_EXCLUSIVE),
        report(LARGE, scanned={}),
    ):
        assert "windows" not in analysis_text.render(one)
        assert "measured at" not in analysis_markdown.render(one)


def test_work_on_another_table_is_named() -> None:
    """The users are locked while the orders are read: the sizes are those of the orders."""
    said = flat(analysis_text.render(report(LARGE, scanned={ORDERS: 2000})))
    assert f"windows {USERS} ACCESS EXCLUSIVE, reads and writes wait, " in said
    assert f"({ORDERS} measured at 2,000 to 16,000 rows; target 7)" in said


def test_markdown() -> None:
    """A line of the revision's section."""
    said = analysis_markdown.render(report(LARGE))
    assert f"\n- `{USERS}` ACCESS EXCLUSIVE: reads and writes wait, " in said


def test_json() -> None:
    """Numbers for programs: seconds at the target's size, and the rows that they were measured at."""
    (window,) = json.loads(analysis_json.render(report(LARGE)))["revisions"][0]["windows"]
    low, high = window["estimate_seconds"]
    assert 10 < low < 51 < high < 200
    assert window["measured_rows"] == {USERS: [2000, 4000, 16_000]}
    (unknown,) = json.loads(analysis_json.render(report(Statistics.unknown())))["revisions"][0]["windows"]
    assert unknown["estimate_seconds"] is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [(1000, "7 ms to 13 ms"), (50_000, "0.3 s to 0.7 s"), (900_000_000, "35 min to 9.7 h")],
)
def test_durations_have_two_digits(rows: int, said: str) -> None:
    """Milliseconds, seconds, minutes and hours, no more precise than they are."""
    assert said in flat(analysis_text.render(report(Statistics({USERS: TableStatistics(rows=rows)}))))
