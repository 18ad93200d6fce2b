"""Attributes that a derived downgrade alters: owners, privileges, comments."""

from domain.migration.repair.derivation import Repair
from tests.unit.domain.migration.repair.catalogs import (
    column,
    index,
    repair,
    statements,
    table,
)
from tests.unit.domain.migration.repair.people import EMAIL, PEOPLE_TABLE
from tests.unit.domain.migration.traces import Objects


def test_owners() -> None:
    """The privileges of an owner go over to the next one, so that they are not granted again."""
    theirs = table(owner="admin", acl=("admin=arwdDxtm/admin", "app=r/admin"))
    assert statements(table(acl=("shop=arwdDxtm/shop", "app=r/shop")), theirs) == [
        "ALTER TABLE public.people OWNER TO shop"
    ]
    assert statements(table(acl=("shop=arwdDxtm/shop",)), theirs) == [
        "ALTER TABLE public.people OWNER TO shop",
        "REVOKE SELECT ON TABLE public.people FROM app",
    ]


def test_privileges_that_differ() -> None:
    """They are granted and revoked, and the owner is not named where it is the same."""
    assert statements(table(acl=("shop=arwdDxtm/shop", "app=r/shop")), table()) == [
        "GRANT SELECT ON TABLE public.people TO app"
    ]


def test_comments_that_differ() -> None:
    """Each is written again, or taken away."""
    assert statements(table(comment="cm"), table(comment="other")) == ["COMMENT ON TABLE public.people IS 'cm'"]
    assert statements(table(), table(comment="other")) == ["COMMENT ON TABLE public.people IS NULL"]


def test_what_nothing_alters_is_said_with_what_it_was() -> None:
    """A list with its items, and what was absent as that."""
    for expected, said in ((("a", "b"), "a, b"), (None, "absent"), (3, "3")):
        before: Objects = {("operator", "public.+"): {"merges_with": expected}}
        after: Objects = {("operator", "public.+"): {"merges_with": "x"}}
        assert repair(before, after) == Repair((), (f"the merges with of operator public.+, which was {said}",))


def test_what_follows_from_another_difference_is_not_said() -> None:
    """Whether a column is local, or an index has a parent, follows from the parents of tables."""
    expected = {**PEOPLE_TABLE, **column(EMAIL, local=False, inherited=True), **index("public.ix", parent="public.iy")}
    derived = repair(expected, {**PEOPLE_TABLE, **column(EMAIL), **index("public.ix")})
    assert derived == Repair()
