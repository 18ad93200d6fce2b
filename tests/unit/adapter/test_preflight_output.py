"""What a person and a program get of a preflight."""

import json
import re

import pytest

from adapter.outbound.migration.report import preflight_json, preflight_text
from domain.migration.deployment.preflight import Finding, Outcome, PreflightReport
from tests.unit.domain.migration.deployment.plans import plan, planned

READY = PreflightReport.of(plan(planned("a1")), [Finding("heads", Outcome.PASSED, "the history has one head")])
NOT_READY = PreflightReport.of(
    None,
    [
        *READY.findings,
        Finding("writable", Outcome.FAILED, "the server is a standby", "use the primary"),
        Finding("sessions", Outcome.NOT_READ, "hidden from reader of postgresql://a:s3cr3t@b/c", "GRANT it"),
    ],
)


def test_text() -> None:
    """The worst first, each with its remedy; the last line says whether to begin."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in preflight_text.render(NOT_READY).splitlines()]
    assert lines[:2] == ["FAILED writable the server is a standby", "use the primary"]
    assert lines[2].startswith("NOT READ sessions hidden from reader")
    assert lines[-1] == "not ready: 1 failed, 1 not read, 1 passed"
    assert preflight_text.render(READY).splitlines()[-1] == "ready for 1 step: 1 passed"


@pytest.mark.parametrize("width", [60, 120])
def test_lines_fit_the_terminal(width: int) -> None:
    """No line is wider, and none is padded."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", preflight_text.render(NOT_READY, color=True, width=width)).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


def test_json() -> None:
    """With the hash of the plan that was checked, and without passwords."""
    ready, not_ready = (json.loads(preflight_json.render(report)) for report in (READY, NOT_READY))
    assert (ready["schema"], ready["ready"]) == ("hexalembic.preflight/1", True)
    assert READY.plan is not None
    assert ready["plan"] == READY.plan.hash()
    assert (not_ready["ready"], not_ready["plan"]) == (False, None)
    assert not_ready["findings"][0] == {
        "check": "writable",
        "outcome": "failed",
        "message": "the server is a standby",
        "remedy": "use the primary",
    }
    assert not_ready["findings"][-1]["remedy"] is None
    assert "s3cr3t" not in preflight_json.render(NOT_READY) + preflight_text.render(NOT_READY)
