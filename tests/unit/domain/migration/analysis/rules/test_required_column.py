"""The rule `required-column`: where it speaks, and where it does not."""

import pytest

from domain.migration.compatibility import Compatibility
from domain.migration.snapshot import Value
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    codes,
    column,
    revision,
    step,
    table,
)


def test_required_column() -> None:
    """INSERTs that do not know a NOT NULL column without default fail."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    assert codes(revision(add, after={**BASE, **column(f"{USERS}.plan", not_null=True)})) == {
        "required-column": "error"
    }
    for given in ({"default": "'free'::text"}, {"identity": "always"}, {"generated": "stored"}):
        assert codes(revision(add, after={**BASE, **column(f"{USERS}.plan", not_null=True, **given)})) == {}


def test_a_column_that_refuses_values() -> None:
    """Old INSERTs had to name the column; GENERATED ALWAYS refuses what they give."""
    own = f"{USERS}.id"
    before = {**BASE, **column(own, "bigint", not_null=True)}
    for identity, wrong in (("always", True), ("by default", False)):
        after = {**BASE, **column(own, "bigint", not_null=True, identity=identity)}
        found = codes(revision(step("ALTER TABLE users ALTER id ADD GENERATED"), before=before, after=after))
        assert found == ({"required-column": "error"} if wrong else {})


PLAN = f"{USERS}.plan"


def test_the_proposal_for_a_new_column() -> None:
    """It may be NULL until all code writes it."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    required = diagnostic(revision(add, after={**BASE, **column(PLAN, not_null=True)}), "required-column")
    assert (required.relation, required.statement) == (USERS, 0)
    assert 'op.execute("ALTER TABLE public.users ADD COLUMN plan text")' in str(required.fix)


def test_the_proposal_takes_the_later_set_not_null_out() -> None:
    """A SET NOT NULL of another column, or of another table, stays where it is."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    after = {**BASE, **column(PLAN, not_null=True)}
    for later, is_taken_out in (
        ("ALTER TABLE users ALTER COLUMN plan SET NOT NULL", True),
        ("ALTER TABLE users ALTER COLUMN planned SET NOT NULL", False),
        ("ALTER TABLE old_users ALTER COLUMN plan SET NOT NULL", False),
    ):
        fix = str(diagnostic(revision(add, step(later, 1, EXCLUSIVE), after=after), "required-column").fix)
        assert fix.startswith("# Take out SET NOT NULL (statement 2).\n") is is_taken_out


def test_a_column_that_may_be_null_or_of_a_new_table_is_not_required() -> None:
    """Code that ran before does not write a table that was not there, and NULL is a value."""
    add = step("ALTER TABLE users ADD COLUMN plan text")
    assert codes(revision(add, after={**BASE, **column(PLAN)})) == {}
    fresh = {**table("public.fresh"), **column("public.fresh.plan", not_null=True)}
    assert codes(revision(step("CREATE TABLE fresh"), after={**BASE, **fresh})) == {}


def test_a_domain_gives_its_default() -> None:
    """To each column of its type."""
    add = step("ALTER TABLE users ADD COLUMN plan text")
    for default, expected in (("'free'::text", {}), (None, {"required-column": "error"})):
        domain: Objects = {("type", "public.plan"): {"kind": "domain", "default": default}}
        after = {**BASE, **domain, **column(PLAN, "public.plan", not_null=True)}
        assert codes(revision(add, after=after)) == expected


@pytest.mark.parametrize(
    ("attributes", "kept_by"),
    [
        ({"default": "'free'::text"}, "SET DEFAULT 'free'::text"),
        ({"identity": "always"}, None),
        ({"default": "1", "generated": "stored"}, None),
        ({"default": "'1'::bpchar", "kind": "character(1)"}, None),
    ],
)
def test_a_column_that_has_lost_its_default(attributes: dict[str, Value], kept_by: str | None) -> None:
    """The default is kept; what was an identity, or computed, or of another type, has none that could be."""
    before = {**BASE, **column(PLAN, not_null=True, **attributes)}  # type: ignore[arg-type]
    after = {**BASE, **column(PLAN, not_null=True)}
    required = diagnostic(revision(step("ALTER plan"), before=before, after=after), "required-column")
    assert "has lost its default. It is NOT NULL without a default" in required.message
    assert (required.fix is None) is (kept_by is None)
    assert kept_by is None or kept_by in str(required.fix)


def test_a_column_that_had_no_default_or_keeps_it_is_as_before() -> None:
    """INSERTs named it before as well."""
    named = {**BASE, **column(PLAN, not_null=True)}
    given = {**BASE, **column(PLAN, not_null=True, default="1")}
    nullable = {**BASE, **column(PLAN, default="1")}
    assert codes(revision(step("ALTER plan"), before=named)) == {}
    assert codes(revision(step("ALTER plan"), before=given)) == {}
    assert codes(revision(step("ALTER plan"), before=nullable, after={**BASE, **column(PLAN)})) == {}


def test_a_column_that_refuses_values_can_number_rows_by_default() -> None:
    """That takes both: INSERTs that give it a value and those that do not."""
    before = {**BASE, **column(PLAN, "bigint", not_null=True)}
    after = {**BASE, **column(PLAN, "bigint", not_null=True, identity="always")}
    required = diagnostic(revision(step("ALTER plan"), before=before, after=after), "required-column")
    assert "but INSERTs of the old code had to set it" in required.message
    assert "ADD GENERATED BY DEFAULT AS IDENTITY" in str(required.fix)
    optional = {**BASE, **column(PLAN, "bigint")}
    assert codes(revision(step("ALTER plan"), before=optional, after=after)) == {}


def test_inserts_that_still_ran_show_that_something_gives_the_value() -> None:
    """A trigger does; that is known of the tables into which an INSERT ran before."""
    add = step("ALTER TABLE users ADD COLUMN plan text")
    after = {**BASE, **column(PLAN, not_null=True)}
    for inserted, expected in ((frozenset({USERS}), {}), (frozenset({ORDERS}), {"required-column": "error"})):
        trace = revision(add, after=after, compatibility=Compatibility(3, inserted=inserted))
        assert codes(trace) == expected
    lost = revision(
        step("ALTER plan"),
        before={**BASE, **column(PLAN, not_null=True, default="1")},
        after=after,
        compatibility=Compatibility(3, inserted=frozenset({USERS})),
    )
    assert codes(lost) == {"required-column": "error"}


def test_a_column_of_partitions_is_reported_once() -> None:
    """Of the partitioned table, which alone can have another column."""
    before = {**BASE, **table(ORDERS, kind="partitioned table"), **table(USERS, parents=(ORDERS,))}
    after = {
        **before,
        **column(f"{ORDERS}.plan", not_null=True),
        **column(PLAN, not_null=True, local=False),
    }
    add = step("ALTER TABLE orders ADD COLUMN plan text", 1, EXCLUSIVE)
    assert diagnostic(revision(add, before=before, after=after), "required-column").relation == ORDERS


def test_a_column_of_a_table_made_anew_has_no_code() -> None:
    """The old table has another name then, so there is nothing to add the column to."""
    anew = (step("ALTER TABLE users RENAME TO u"), step("CREATE TABLE users ()", created=changed("table", USERS)))
    after = {**BASE, **column(f"{USERS}.plan", not_null=True)}
    assert diagnostic(revision(*anew, after=after), "required-column").fix is None
    assert diagnostic(revision(step("ALTER TABLE users ADD plan text"), after=after), "required-column").fix
