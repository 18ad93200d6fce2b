"""A difference of catalogs in words."""

import pytest

from domain.migration.snapshot import AttributeChange, SchemaDifference, SchemaSnapshot, Value
from tests.unit.domain.migration.traces import BASE, table


def test_a_difference_is_its_sentences() -> None:
    """One a line, the missing ones first; none says so."""
    difference = SchemaDifference(
        missing=(("index", "public.ix"),),
        unexpected=(("index", "public.iy"),),
        changed=(AttributeChange(("index", "public.iz"), "valid", True, False),),
    )
    assert str(difference).splitlines() == [
        "index public.ix is missing",
        "index public.iz: valid is false, expected true",
        "index public.iy is unexpected",
    ]
    assert str(SchemaDifference()) == "no difference"


@pytest.mark.parametrize(
    ("expected", "actual", "said"),
    [
        (("a", "b"), (), "is empty, expected a, b"),
        ("x", None, "is absent, expected x"),
        (True, False, "is false, expected true"),
        ("", 3, "is 3, expected empty"),
        ("a\nb", "a\nc", "differs from line 2: c, expected b"),
        ("a\nb", "a", "differs from line 2: absent, expected b"),
        ("a\nb\nc", " a\n b\n d", "differs from line 3:  d, expected c"),
        ("a\nb", "a\n b", "differs from line 2:  b, expected b"),
    ],
)
def test_values_in_words(expected: Value, actual: Value, said: str) -> None:
    """What is absent or empty says so; of a text of several lines one that differs is shown, in more than blanks."""
    change = AttributeChange(("index", "public.ix"), "options", expected, actual)
    assert str(change).removeprefix("index public.ix: options ") == said


def test_what_is_in_a_missing_table_is_counted() -> None:
    """Its columns have no sentences of their own; what is in a table that stays has."""
    lost = (("table", "public.t"), ("column", "public.t.a"), ("index", "public.t_a"), ("column", "public.u.b"))
    assert sorted(SchemaDifference(missing=lost).sentences()) == [
        "column public.u.b is missing",
        "index public.t_a is missing",
        "table public.t is missing, with 1 object in it",
    ]


def test_the_worst_comes_first() -> None:
    """What holds rows before what makes them quick, and that before a word on them."""
    difference = SchemaDifference(
        missing=(("index", "public.ix"), ("operator", "public.+")),
        unexpected=(("table", "public.new"),),
        changed=(
            AttributeChange(("table", "public.t"), "comment", "x", "y"),
            AttributeChange(("column", "public.t.c"), "type", "text", "integer"),
        ),
    )
    assert [name for name, _ in difference.by_name()] == [
        "public.new",
        "public.t.c",
        "public.ix",
        "public.+",
        "public.t",
    ]


def test_the_canonical_json_has_no_blanks() -> None:
    """The digest is made of it; with an indent it is for people, and both read back as the same snapshot."""
    snapshot = SchemaSnapshot({("table", "public.t"): {"kind": "table", "parents": ("a",)}})
    assert snapshot.to_json() == '{"table":{"public.t":{"kind":"table","parents":["a"]}}}'
    assert '"kind": "table"' in snapshot.to_json(indent=2)
    assert SchemaSnapshot.from_json(snapshot.to_json(indent=2)) == snapshot


def test_foreign_tables_are_told_from_tables() -> None:
    """Their rows are on another server, so they are neither filled nor compared."""
    objects = {**table("public.near", "id"), **table("public.far", "id", kind="foreign table")}
    assert SchemaSnapshot(objects).foreign_tables == {"public.far"}
    assert SchemaSnapshot(BASE).foreign_tables == frozenset()
