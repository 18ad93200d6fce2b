"""GRANT and REVOKE between two access control lists."""

import pytest

from domain.migration.repair.privileges import privileges
from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import PEOPLE


def on_table(expected: tuple[str, ...], actual: tuple[str, ...]) -> list[str]:
    """What leads from one list of a table to another."""
    return list(privileges("table", PEOPLE, {"kind": "table"}, expected, actual))


def test_equal_lists_need_nothing() -> None:
    """Whoever has what he should have is not named, with and without a grant option."""
    assert on_table(("app=r/shop", "admin=r*w*/shop"), ("app=r/shop", "admin=r*w*/shop")) == []


def test_what_is_missing_is_granted_and_what_is_there_too_much_is_revoked() -> None:
    """Of one role only the letters that differ."""
    assert on_table(("app=ra/shop",), ("app=rw/shop",)) == [
        "REVOKE UPDATE ON TABLE public.people FROM app",
        "GRANT INSERT ON TABLE public.people TO app",
    ]


def test_a_role_that_only_one_list_knows() -> None:
    """All that it has is granted, or revoked; roles come in the order of their names."""
    assert on_table(("b=r/shop", "c=rw/shop"), ("a=rd/shop", "b=r/shop")) == [
        "REVOKE SELECT, DELETE ON TABLE public.people FROM a",
        "GRANT SELECT, UPDATE ON TABLE public.people TO c",
    ]


def test_an_item_without_a_name_is_for_everyone() -> None:
    """The empty grantee of an access control list is PUBLIC in SQL."""
    assert on_table(("=r/shop",), ()) == ["GRANT SELECT ON TABLE public.people TO PUBLIC"]
    assert on_table((), ("=r/shop",)) == ["REVOKE SELECT ON TABLE public.people FROM PUBLIC"]


def test_a_grant_option_is_given_and_taken_back_alone() -> None:
    """The privilege itself stays while only the right to hand it on differs."""
    assert on_table(("app=r*w/shop",), ("app=rw/shop",)) == [
        "GRANT SELECT ON TABLE public.people TO app WITH GRANT OPTION"
    ]
    assert on_table(("app=rw/shop",), ("app=r*w/shop",)) == [
        "REVOKE GRANT OPTION FOR SELECT ON TABLE public.people FROM app"
    ]


def test_a_privilege_with_its_option_goes_at_once() -> None:
    """A REVOKE takes the grant option with it."""
    assert on_table((), ("app=r*w*/shop",)) == ["REVOKE SELECT, UPDATE ON TABLE public.people FROM app"]


def test_plain_privileges_and_those_with_an_option_are_two_grants() -> None:
    """WITH GRANT OPTION holds for a whole statement."""
    assert on_table(("app=r*wd/shop",), ()) == [
        "GRANT UPDATE, DELETE ON TABLE public.people TO app",
        "GRANT SELECT ON TABLE public.people TO app WITH GRANT OPTION",
    ]


def test_items_of_two_grantors_are_one_role() -> None:
    """A role that got its privileges from two others is named once."""
    assert on_table((), ("app=r/shop", "app=w/admin")) == ["REVOKE SELECT, UPDATE ON TABLE public.people FROM app"]


def test_privileges_of_a_column_name_it_with_each() -> None:
    """`SELECT (email), UPDATE (email) ON TABLE`, as the manual has it."""
    granted = privileges("column", f"{PEOPLE}.email", {}, ("app=rw/shop",), ())
    assert list(granted) == ["GRANT SELECT (email), UPDATE (email) ON TABLE public.people TO app"]


@pytest.mark.parametrize(
    ("kind", "attributes", "word"),
    [
        ("table", {"kind": "foreign table"}, "TABLE"),
        ("view", {"kind": "materialized view"}, "TABLE"),
        ("type", {"kind": "domain"}, "TYPE"),
        ("aggregate", {"kind": "normal"}, "FUNCTION"),
        ("function", {"kind": "window function"}, "FUNCTION"),
        ("function", {"kind": "procedure"}, "PROCEDURE"),
        ("foreign server", {}, "FOREIGN SERVER"),
        ("foreign data wrapper", {}, "FOREIGN DATA WRAPPER"),
        ("sequence", {}, "SEQUENCE"),
        ("schema", {}, "SCHEMA"),
    ],
)
def test_words_of_kinds(kind: str, attributes: dict[str, Value], word: str) -> None:
    """GRANT knows fewer kinds than DROP: a view is a TABLE, a domain a TYPE, an aggregate a FUNCTION."""
    assert list(privileges(kind, "x", attributes, ("app=U/shop",), None)) == [f"GRANT USAGE ON {word} x TO app"]


def test_every_letter_has_its_word() -> None:
    """The letters of the manual; one that a newer Postgres adds stays as it is."""
    (grant,) = on_table(("app=rawdDxtmXUCsAz/shop",), ())
    assert grant == (
        "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER, MAINTAIN, EXECUTE, USAGE, CREATE, SET, "
        "ALTER SYSTEM, z"
        " ON TABLE public.people TO app"
    )
