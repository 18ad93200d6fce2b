"""Calls that drop and comment, and clauses that set options."""

import pytest

from domain.migration.repair.statements import comment_statement, drop_statement, option_changes
from domain.migration.snapshot import ObjectKey, Value


def test_options_that_differ_are_set_and_those_that_are_too_many_reset() -> None:
    """One that is equal is not named; one with another value is set, and not reset."""
    expected, actual = ("fillfactor=70", "a=1"), ("a=1", "fillfactor=90", "b=2", "c=3")
    assert list(option_changes(expected, actual, "")) == ["SET (fillfactor=70)", "RESET (b, c)"]


def test_options_of_both_are_the_same() -> None:
    """Nothing has to be said, and an object without options has none."""
    assert list(option_changes(("a=1",), ("a=1",), "")) == []
    assert list(option_changes((), None, "")) == []


def test_options_are_set_or_reset_alone() -> None:
    """Each with its prefix, as the options of a TOAST table need it."""
    assert list(option_changes(("a=1", "b=2"), (), "toast.")) == ["SET (toast.a=1, toast.b=2)"]
    assert list(option_changes((), ("a=1", "b=2"), "toast.")) == ["RESET (toast.a, toast.b)"]


@pytest.mark.parametrize(
    ("kind", "name", "attributes", "call"),
    [
        ("table", "public.people", {"kind": "table"}, 'op.drop_table("people")'),
        ("table", 'shop."People"', {"kind": "partitioned table"}, 'op.drop_table("People", schema="shop")'),
        ("table", "public.far", {"kind": "foreign table"}, 'op.execute("DROP FOREIGN TABLE public.far")'),
        ("column", "public.people.email", {}, 'op.drop_column("people", "email")'),
        ("column", "shop.people.email", {}, 'op.drop_column("people", "email", schema="shop")'),
        ("constraint", "public.people.uq", {}, 'op.drop_constraint(op.f("uq"), "people")'),
        ("constraint", "shop.people.uq", {}, 'op.drop_constraint(op.f("uq"), "people", schema="shop")'),
        ("index", "public.ix", {"table": "public.people"}, 'op.drop_index(op.f("ix"), table_name="people")'),
        ("index", "shop.ix", {"table": "shop.p"}, 'op.drop_index(op.f("ix"), table_name="p", schema="shop")'),
        ("view", "public.grown", {"kind": "view"}, 'op.execute("DROP VIEW public.grown")'),
        ("view", "public.n", {"kind": "materialized view"}, 'op.execute("DROP MATERIALIZED VIEW public.n")'),
        ("trigger", "public.people.t", {}, 'op.execute("DROP TRIGGER t ON public.people")'),
        ("rule", "public.people.r", {}, 'op.execute("DROP RULE r ON public.people")'),
        ("policy", "public.people.p", {}, 'op.execute("DROP POLICY p ON public.people")'),
        ("function", "f(integer)", {"kind": "window function"}, 'op.execute("DROP FUNCTION f(integer)")'),
        ("function", "f(integer)", {"kind": "procedure"}, 'op.execute("DROP PROCEDURE f(integer)")'),
        ("type", "public.age", {"kind": "domain"}, 'op.execute("DROP DOMAIN public.age")'),
        ("type", "public.mood", {"kind": "enum"}, 'op.execute("DROP TYPE public.mood")'),
        ("sequence", "public.s", {}, 'op.execute("DROP SEQUENCE public.s")'),
        ("foreign server", "far", {}, 'op.execute("DROP SERVER far")'),
        ("user mapping", "far for app", {}, 'op.execute("DROP USER MAPPING FOR app SERVER far")'),
        ("publication", "news", {}, 'op.execute("DROP PUBLICATION news")'),
        ("publication table", "news.public.t", {}, 'op.execute("ALTER PUBLICATION news DROP TABLE public.t")'),
        ("publication schema", "news.shop", {}, 'op.execute("ALTER PUBLICATION news DROP TABLES IN SCHEMA shop")'),
    ],
)
def test_drop(kind: str, name: str, attributes: dict[str, Value], call: str) -> None:
    """Alembic's own operation where it has one, else SQL with the words that Postgres uses."""
    assert drop_statement(kind, name, attributes) == call


@pytest.mark.parametrize(
    ("key", "attributes", "target"),
    [
        (("table", "public.people"), {"kind": "table"}, "TABLE public.people"),
        (("column", "public.people.email"), {}, "COLUMN public.people.email"),
        (("trigger", "public.people.t"), {}, "TRIGGER t ON public.people"),
        (("constraint", "public.people.c"), {"definition": "CHECK ((x > 0))"}, "CONSTRAINT c ON public.people"),
        (("constraint", "public.age.c"), {"definition": "CHECK ((VALUE > 0))"}, "CONSTRAINT c ON DOMAIN public.age"),
    ],
)
def test_comment(key: ObjectKey, attributes: dict[str, Value], target: str) -> None:
    """A comment is a literal, and NULL takes it away; a constraint of a domain says so."""
    assert comment_statement(key, {**attributes, "comment": "it's"}) == (
        f"op.execute(\"COMMENT ON {target} IS 'it''s'\")"
    )
    assert comment_statement(key, {**attributes, "comment": None}) == f'op.execute("COMMENT ON {target} IS NULL")'
