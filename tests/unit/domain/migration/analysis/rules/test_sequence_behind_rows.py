"""The rule `sequence-behind-rows`: where it reports, and where it does not."""

import pytest

from domain.migration.compatibility import ApplicationStatement, BrokenStatement, Compatibility
from domain.migration.trace import SequenceBehind
from tests.unit.domain.migration.traces import USERS, codes, revision, step

INSERT, SELECT = (
    BrokenStatement(ApplicationStatement(f"{command} users", USERS), "no", "42703") for command in ("INSERT", "SELECT")
)


@pytest.mark.parametrize(
    ("compatibility", "is_given", "reported"),
    [
        (None, True, True),
        (Compatibility(1), True, True),
        (Compatibility(1, (SELECT,)), True, True),
        (Compatibility(1, (INSERT,)), True, False),
        (Compatibility(1, (INSERT,)), False, True),
    ],
)
def test_an_insert_that_fails_anyway(compatibility: Compatibility | None, *, is_given: bool, reported: bool) -> None:
    """Where old code cannot insert into the table of a new sequence, another rule reports that; else this one does."""
    behind = SequenceBehind(USERS, "id", "public.numbers", 1, 9, is_given)
    trace = revision(step("ALTER"), sequences_behind=(behind,), compatibility=compatibility)
    assert ("sequence-behind-rows" in codes(trace)) is reported
