"""The rule `rows-must-fit`: what it says of the rows that a revision was judged on."""

import pytest

from domain.migration.trace import TableFacts, UnfitRows
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import ORDERS, USERS, codes, revision, step

_REFUSED = "the revision fails on made-up rows"


@pytest.mark.parametrize(
    ("unfilled", "message"),
    [
        ({}, "a run on rows that fit"),
        ({USERS: _REFUSED}, "a run on rows that fit"),
        ({USERS: _REFUSED, ORDERS: _REFUSED}, "a run on empty tables"),
    ],
)
def test_a_revision_that_refuses_rows(unfilled: dict[str, str], message: str) -> None:
    """On empty tables it was not judged at all on rows, and one warning says that."""
    facts = {USERS: TableFacts(0, 0), ORDERS: TableFacts(0, 0)}
    trace = revision(step("ALTER", 1, EXCLUSIVE), tables=facts, unfilled=unfilled, refused_rows="Expecting value")
    warning = diagnostic(trace, "rows-must-fit")

    assert message in warning.message
    assert ("--rows-from" in warning.help) is (len(unfilled) == len(facts))
    assert ("empty-in-sandbox" in codes(trace)) is (len(unfilled) == 1)


def test_rows_that_a_new_constraint_keeps_from_being_updated() -> None:
    """Only those of a table that was there before count: nobody has rows in a new one."""
    warning = diagnostic(revision(step("ALTER"), unfit_rows=(UnfitRows(USERS, "users_check", 2),)), "rows-must-fit")
    assert (warning.relation, "2 made-up rows break it" in warning.message) == (USERS, True)
    new = revision(step("CREATE TABLE"), unfit_rows=(UnfitRows("public.new", "new_check", 2),))
    assert "rows-must-fit" not in codes(new)
