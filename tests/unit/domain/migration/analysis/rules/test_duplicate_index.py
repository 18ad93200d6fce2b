"""The rule `duplicate-index`: where it speaks, and where it does not."""

from typing import Any

import pytest

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, codes, index, revision, step


def test_duplicate_index() -> None:
    """An index over the first columns of another one serves no query of its own."""
    before = {**BASE, **index("ix_both", USERS, "btree (email, name)")}
    build = step("SELECT 1")
    assert codes(revision(build, before=before, after={**before, **index("ix", USERS)})) == {
        "duplicate-index": "warning"
    }
    for other in (index("ix", USERS, "btree (name)"), index("ix", USERS, unique=True)):
        assert codes(revision(build, before=before, after={**before, **other})) == {}


def test_two_equal_indexes_are_said_once() -> None:
    """Of two new ones, of the later name; beside an old one, of the new one, whatever its name is."""
    both = {**BASE, **index("ix_a", USERS), **index("ix_b", USERS)}
    trace = revision(step("SELECT 1"), after=both)
    assert "The index public.ix_b of public.users duplicates public.ix_a" in (
        diagnostic(trace, "duplicate-index").message
    )
    for old, new in (("ix_a", "ix_b"), ("ix_b", "ix_a")):
        before = {**BASE, **index(old, USERS)}
        trace = revision(step("SELECT 1"), before=before, after=both)
        assert f"The index public.{new} of" in diagnostic(trace, "duplicate-index").message


@pytest.mark.parametrize(
    ("old", "new", "covered"),
    [
        ({"definition": "btree (email, name)"}, {}, True),
        ({"definition": "btree (email, name)"}, {"unique": True}, False),
        ({"definition": "btree (email, name)", "unique": True}, {"unique": True}, False),
        ({"unique": True}, {"unique": True}, True),
        ({"unique": True}, {}, True),
        ({}, {"unique": True}, False),
        ({"valid": False}, {}, False),
        ({"definition": "btree (email_old, name)"}, {}, False),
        ({"on": ORDERS}, {}, False),
    ],
)
def test_what_another_index_covers(old: dict[str, Any], new: dict[str, Any], covered: bool) -> None:
    """The same columns or more of the same table, valid, and unique where the new one is."""
    before = {**BASE, **index("old", **{"on": USERS, **old})}
    trace = revision(step("SELECT 1"), before=before, after={**before, **index("new", **{"on": USERS, **new})})
    assert ("duplicate-index" in codes(trace)) is covered
