"""The rule `unique-index-may-fail`: where it speaks, and where it does not."""

from typing import Any

import pytest

from domain.migration.snapshot import Value
from domain.migration.trace import RowCounts, StatementTrace
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    TABLES,
    USERS,
    Objects,
    codes,
    column,
    index,
    revision,
    step,
    updated,
)


def test_unique_index_may_fail() -> None:
    """Whether two rows are equal, the sandbox cannot know; where something kept them apart, none are."""
    build = step("CREATE UNIQUE INDEX CONCURRENTLY uq", None, indexes_built=("public.uq",), lock_timeout="0")
    unique = index("uq", USERS, "btree (email)", unique=True)
    found = diagnostic(revision(build, after={**BASE, **unique}), "unique-index-may-fail")
    assert found.message.endswith("If two rows are equal, its build fails, and leaves an invalid index.")
    assert found.help == (
        "Look for duplicates first: SELECT email, count(*) FROM public.users WHERE email IS NOT NULL"
        " GROUP BY email HAVING count(*) > 1"
    )
    keys = "(COALESCE(name, (email || '),')), email DESC NULLS LAST) WITH (fillfactor='90')"
    odd = index("uq", USERS, f"btree {keys}", unique=True)
    asked = diagnostic(revision(build, after={**BASE, **odd}), "unique-index-may-fail").help
    assert "SELECT COALESCE(name, (email || '),')), email, count(*) FROM" in asked
    new = {**BASE, **column(f"{USERS}.slug"), **index("uq", USERS, "btree (slug)", unique=True)}
    filling = step("UPDATE users SET slug = name WHERE id < 5", 1, rows=updated(5))
    assert codes(revision(build, after=new)) == {}
    assert "unique-index-may-fail" in codes(revision(filling, build, after=new))
    kept = {**BASE, **index("pk", USERS, "btree (id)", unique=True)}
    both = index("uq", USERS, "btree (id, lower((email)::text)) INCLUDE (name)", unique=True)
    assert codes(revision(build, before=kept, after={**kept, **both})) == {}


UNIQUE = index("uq", USERS, "btree (email)", unique=True)
MAKE = step("CREATE UNIQUE INDEX uq ON users (email)", indexes_built=("public.uq",))


def speaks(after: Objects, before: Objects = BASE, *more: StatementTrace, **facts: Any) -> bool:
    """Whether the rule does."""
    return "unique-index-may-fail" in codes(revision(*more, MAKE, before=before, after=after, **facts))


def test_only_a_new_valid_unique_index_that_was_built_can_fail() -> None:
    """On a table that has rows."""
    assert speaks({**BASE, **UNIQUE})
    assert not speaks({**BASE, **index("uq", USERS)})
    assert not speaks({**BASE, **index("uq", USERS, unique=True, valid=False)})
    assert not speaks({**BASE, **index("other", USERS, unique=True)})
    assert not speaks({**BASE, **UNIQUE}, tables={ORDERS: TABLES[ORDERS]})


def test_a_build_that_lets_others_work_leaves_an_invalid_index() -> None:
    """One under a lock leaves nothing."""
    assert diagnostic(revision(MAKE, after={**BASE, **UNIQUE}), "unique-index-may-fail").message.endswith(
        "its build fails."
    )


@pytest.mark.parametrize(
    ("old", "new", "apart"),
    [
        ({}, {}, True),
        ({"valid": False}, {}, False),
        ({"predicate": "(id > 3)"}, {}, False),
        ({"unique": False}, {}, False),
        ({}, {"nulls_not_distinct": True}, False),
        ({"nulls_not_distinct": True}, {"nulls_not_distinct": True}, True),
        ({"nulls_not_distinct": True}, {}, True),
    ],
)
def test_an_index_of_before_that_keeps_values_apart(old: dict[str, Value], new: dict[str, Value], apart: bool) -> None:
    """It is unique, valid and over all rows, and takes NULLs for equal where the new one does."""
    before = {**BASE, **index("old", USERS, "btree (email)", **{"unique": True, **old})}
    assert speaks({**before, **index("uq", USERS, "btree (email)", unique=True, **new)}, before) is not apart


def test_an_index_of_before_has_the_same_columns_or_fewer() -> None:
    """On more columns, or on another table, it keeps nothing apart."""
    for on, definition, apart in (
        (USERS, "btree (email)", True),
        (USERS, "btree (email, name, id)", False),
        (ORDERS, "btree (email)", False),
    ):
        before = {**BASE, **index("old", on, definition, unique=True)}
        after = {**before, **index("uq", USERS, "btree (email, name)", unique=True)}
        assert speaks(after, before) is not apart


def test_a_new_column_has_no_values_yet() -> None:
    """Unless it has a default, its table is written, or NULLs are equal."""
    slug = index("uq", USERS, "btree (slug)", unique=True)
    assert not speaks({**BASE, **column(f"{USERS}.slug"), **slug})
    assert speaks({**BASE, **column(f"{USERS}.slug", default="'x'::text"), **slug})
    same = index("uq", USERS, "btree (slug)", unique=True, nulls_not_distinct=True)
    assert speaks({**BASE, **column(f"{USERS}.slug"), **same})
    elsewhere = step("UPDATE orders", rows={ORDERS: RowCounts(updated=5)})
    assert not speaks({**BASE, **column(f"{USERS}.slug"), **slug}, BASE, elsewhere)


def test_the_question_leaves_out_what_the_index_does() -> None:
    """Rows beside its condition, and NULLs where they are no duplicates."""
    partial = index("uq", USERS, "btree (email)", unique=True, predicate="(id > 3)", nulls_not_distinct=True)
    asked = diagnostic(revision(MAKE, after={**BASE, **partial}), "unique-index-may-fail").help
    assert asked == (
        "Look for duplicates first: SELECT email, count(*) FROM public.users WHERE (id > 3)"
        " GROUP BY email HAVING count(*) > 1"
    )
    every = index("uq", USERS, "btree (email)", unique=True, nulls_not_distinct=True)
    asked = diagnostic(revision(MAKE, after={**BASE, **every}), "unique-index-may-fail").help
    assert "FROM public.users GROUP BY email" in str(asked)
