"""What a person and a program get of past deployments."""

import json
import re
from dataclasses import replace

import pytest

from adapter.outbound.migration.report import history_json, history_text
from application.migration.read_history import HistoryReport
from domain.migration.deployment.journal import Event
from domain.migration.deployment.past import past_deployments
from tests.unit.domain.migration.deployment.journals import entry

ENTRIES = (
    entry(Event.STARTED, 0),
    entry(Event.GAVE_WAY, 1, seconds=0.1, waited=0.1, blockers=("pid 7 of 'report'",), message="lock timeout"),
    entry(Event.COMMITTED, 2, attempt=2, seconds=12.0, predicted=(0.5, 2.0)),
    entry(Event.FAILED, 3, revision="b2", seconds=0.02, message="see postgresql://a:s3cr3t@b/c"),
    entry(Event.STARTED, 4, revision="c3"),
)
DEPLOYMENTS = past_deployments(ENTRIES)
REPORT = HistoryReport("the journal", DEPLOYMENTS, 3)


def test_text() -> None:
    """Expected beside observed, who was in the way, and what to do where no end is recorded."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in history_text.render(REPORT).splitlines()]
    assert lines[0] == "2026-12-01 15:00:00 UTC d1"
    assert lines[1] == "by ana@laptop, role owner, plan plan of d1, version 0.1"
    assert lines[2] == "ok a1 12 s, expected 0.5 s to 2 s, which is longer, 2 attempts, waited 0.1 s for locks"
    assert lines[3] == "in the way: pid 7 of 'report'"
    assert lines[4] == "FAILED b2 20 ms"
    assert lines[6] == "NO END c3 not timed"
    assert "migrate status" in lines[7]
    assert lines[-1] == "the newest 1 of 3 deployments in the journal"


def test_no_journal_yet() -> None:
    """It is said where nothing was found, and what would write it."""
    empty = HistoryReport("postgresql://shop", (), 0)
    assert history_text.render(empty) == (
        "no deployment is recorded in postgresql://shop: migrate deploy writes this journal"
    )
    assert json.loads(history_json.render(empty))["deployments"] == []


@pytest.mark.parametrize("width", [60, 120])
def test_lines_fit_the_terminal(width: int) -> None:
    """No line is wider, and none is padded."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", history_text.render(REPORT, color=True, width=width)).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


def test_json() -> None:
    """With all that the text has, and without passwords in either."""
    report = json.loads(history_json.render(REPORT))
    (deployment,) = report["deployments"]
    assert (report["schema"], report["count"], deployment["outcome"]) == ("hexalembic.history/1", 3, "failed")
    assert deployment["steps"][0] == {
        "revision": "a1",
        "sha256": "sha of a1",
        "outcome": "committed",
        "attempts": 2,
        "seconds": 12.0,
        "predicted": [0.5, 2.0],
        "waited": 0.1,
        "blockers": ["pid 7 of 'report'"],
        "message": None,
    }
    assert "s3cr3t" not in history_json.render(REPORT) + history_text.render(REPORT)
    unexpected = replace(DEPLOYMENTS[0].steps[0], seconds=1.0)
    assert (unexpected.slower, replace(unexpected, predicted=None).slower) == (False, False)
