"""Refusals of downgrades, as opposed to accidents."""

from typing import Any

import pytest

from domain.migration.analysis.refusal import raises, refuses
from tests.unit.domain.migration.traces import revision, step


@pytest.mark.parametrize(
    ("line", "own"),
    [(1, False), (2, False), (3, True), (4, True), (5, True), (6, False), (7, True), (8, False)],
)
def test_a_line_of_the_authors_own_raise(line: int, own: bool) -> None:
    """Any line of a statement that raises, or asserts; the lines before and behind it are others."""
    source = "def f():\n    x = 1\n    raise ValueError(\n        'no'\n    )\n    x = 2\n    assert x\n    x = 3\n"
    assert raises(source, f"no (a1.py, line {line})", "versions/a1.py") is own
    assert not raises(source, f"no (helper.py, line {line})", "versions/a1.py")


def test_an_error_without_a_place_or_a_source() -> None:
    """Nobody knows who raised it."""
    assert not raises("raise ValueError", "no", "a1.py")
    assert not raises("def f(:", "no (a1.py, line 1)", "a1.py")


RAISED = step("DO", error="no", sqlstate="P0001")


@pytest.mark.parametrize(
    ("error", "facts", "honest"),
    [
        (None, {}, False),
        ("", {}, False),
        ("there is no way back", {}, True),
        ("irreversible", {}, False),
        ("NotImplementedError: gone", {}, True),
        ("NotImplementedError:", {}, False),
        ("gone", {"downgrade_error_type": "RuntimeError"}, True),
        ("RuntimeError", {"downgrade_error_type": "RuntimeError"}, False),
        ("", {"downgrade_error_type": "RuntimeError"}, False),
        ("no", {"downgrade": (step("DO", error="no", sqlstate="P0001"),)}, True),
        (
            "no",
            {"downgrade": (step("DO", error="no", sqlstate="P0001"), step("DO", error="no", sqlstate="42703"))},
            False,
        ),
        ("KeyError: x", {}, False),
        ("x", {"downgrade_error_type": "KeyError"}, False),
        ("incorrect header check", {"downgrade_error_type": "error", "downgrade_raised": False}, False),
        ("gone", {"downgrade_error_type": "OneWayError", "downgrade_raised": True}, True),
        ("gone", {"downgrade_error_type": "NotImplementedError", "downgrade_raised": False}, True),
    ],
)
def test_an_honest_refusal_has_a_message_of_the_authors_own(
    error: str | None, facts: dict[str, Any], honest: bool
) -> None:
    """A bare class, an accident and a statement that failed have none."""
    trace = revision(step("SELECT 1"), **{"downgrade_error": error, "downgrade": (), **facts})
    assert refuses(trace) is honest
