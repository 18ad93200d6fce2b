"""Types that differ are altered: values of enums, domains, comments."""

import pytest

from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    domain_type,
    enum,
    repair,
    statements,
    table,
)

PEOPLE_TABLE = table(PEOPLE, "email")


def enum_between(expected: tuple[str, ...], actual: tuple[str, ...]) -> list[str]:
    """What leads from one enum to another, without the words in front of it."""
    prefix = "ALTER TYPE public.mood "
    found = statements(enum("public.mood", *expected), enum("public.mood", *actual))
    assert all(one.startswith(prefix) for one in found)
    return [one.removeprefix(prefix) for one in found]


def test_renamed_values_of_an_enum() -> None:
    """They get their names back; the others are not named."""
    assert enum_between(("glad", "sad", "calm"), ("happy", "sad", "quiet")) == [
        "RENAME VALUE 'happy' TO 'glad'",
        "RENAME VALUE 'quiet' TO 'calm'",
    ]


def test_missing_values_of_an_enum() -> None:
    """Each is added behind the one before it; the first one before what is there."""
    assert enum_between(("a", "b", "c"), ("a",)) == ["ADD VALUE 'b' AFTER 'a'", "ADD VALUE 'c' AFTER 'b'"]
    assert enum_between(("a", "b", "c"), ("b",)) == ["ADD VALUE 'a' BEFORE 'b'", "ADD VALUE 'c' AFTER 'b'"]
    assert enum_between(("a", "b"), ()) == ["ADD VALUE 'a'", "ADD VALUE 'b' AFTER 'a'"]


@pytest.mark.parametrize(
    ("expected", "actual", "what"),
    [
        (("a",), ("a", "b"), "'b'"),
        (("a", "x", "y"), ("a", "b"), "'b'"),
        (("a", "b"), ("b", "a"), "the order of the values"),
        (("a", "b", "c"), ("b", "a"), "the order of the values"),
        (("a", "b", "c"), ("b", "c", "d"), "'d'"),
    ],
)
def test_values_that_cannot_be_taken_from_an_enum(
    expected: tuple[str, ...], actual: tuple[str, ...], what: str
) -> None:
    """Postgres has no statement for that: it is said, once, and nothing is changed halfway."""
    derived = repair(enum("public.mood", *expected), enum("public.mood", *actual))
    assert derived.steps == ()
    assert derived.unresolved == (
        f"{what} cannot be removed from the enum public.mood: make the type anew, or declare it",
    )


def test_domains() -> None:
    """Default and NOT NULL, both ways."""
    plain = domain_type("public.age", "integer")
    strict = domain_type("public.age", "integer", default="1", not_null=True)
    assert statements(strict, plain) == [
        "ALTER DOMAIN public.age SET DEFAULT 1",
        "ALTER DOMAIN public.age SET NOT NULL",
    ]
    assert statements(plain, strict) == [
        "ALTER DOMAIN public.age DROP DEFAULT",
        "ALTER DOMAIN public.age DROP NOT NULL",
    ]


def test_a_comment_of_a_type_alters_nothing_else() -> None:
    """Neither the values of an enum nor the default of a domain."""
    assert statements(enum("public.mood", "a", comment="cm"), enum("public.mood", "a")) == [
        "COMMENT ON TYPE public.mood IS 'cm'"
    ]
    default: dict[str, Value] = {"default": "1", "not_null": True}
    assert statements(
        domain_type("public.age", "integer", comment="cm", **default), domain_type("public.age", "integer", **default)
    ) == ["COMMENT ON DOMAIN public.age IS 'cm'"]


def test_what_only_a_domain_can_alter() -> None:
    """A type of another kind whose default differs is left to the author."""
    derived = repair(
        {("type", "public.t"): {"kind": "base", "default": "1", "not_null": True}},
        {("type", "public.t"): {"kind": "base", "default": "2", "not_null": False}},
    )
    assert derived.steps == ()
    assert derived.unresolved == (
        "the default of type public.t, which was 1",
        "the not null of type public.t, which was True",
    )
