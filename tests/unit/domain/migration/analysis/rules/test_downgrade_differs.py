"""The rule `downgrade-differs`: where it speaks, and where it does not."""

from typing import Any

import pytest

from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step


def test_downgrade_differs() -> None:
    """A default that the downgrade forgets is another schema; the order of columns is not."""
    other = SchemaSnapshot({**BASE, **column(f"{USERS}.email", default="'x'::text")})
    assert codes(revision(step("ALTER"), restored=other)) == {"downgrade-differs": "error"}
    moved = SchemaSnapshot({**BASE, **column(f"{USERS}.email", position=9)})
    assert codes(revision(step("ALTER"), restored=moved)) == {}


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, "; and 1 more")])
def test_few_differences_are_named(count: int, more: str) -> None:
    """The others are counted."""
    restored = dict(BASE)
    for number in range(count):
        restored |= column(f"{USERS}.c{number}")
    message = diagnostic(revision(step("ALTER"), restored=SchemaSnapshot(restored)), "downgrade-differs").message
    assert message.count("is unexpected") == 5
    assert message.endswith(f"is unexpected{more}.")


def test_what_the_revision_declares_is_not_said() -> None:
    """With a reason; an empty one is none."""
    restored = SchemaSnapshot({**BASE, **column(f"{USERS}.plan")})
    for reason, expected in (("kept for later", {}), ("", {"downgrade-differs": "error"})):
        trace = revision(step("ALTER"), restored=restored, lossy_downgrade={f"{USERS}.plan": reason})
        assert codes(trace) == expected


def test_a_downgrade_that_did_nothing_or_did_not_end_is_said_elsewhere() -> None:
    """There is nothing to compare, or nothing was to be given back."""
    other = SchemaSnapshot({**BASE, **column(f"{USERS}.plan")})
    silent: tuple[dict[str, Any], ...] = (
        {"downgrade": ()},
        {"downgrade": None},
        {"downgrade_error": "NameError: x"},
        {"restored": None},
    )
    for facts in silent:
        assert "downgrade-differs" not in codes(revision(step("ALTER"), **{"restored": other, **facts}))
