"""Objects that a derived downgrade makes, and the order in which it does."""

import pytest

from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    PETS,
    column,
    constraint,
    enum,
    function,
    index,
    policy,
    publication,
    repair,
    rule,
    sequence,
    statements,
    statistics,
    table,
    trigger,
    view,
    without,
)
from tests.unit.domain.migration.repair.people import ALTER_SIZE, EMAIL, KEY, PEOPLE_TABLE, REFERENCE, sized
from tests.unit.domain.migration.traces import Objects


def test_what_is_missing_is_made_in_the_order_in_which_it_is_needed() -> None:
    """Schema, type, sequence and function, the table with its columns, then keys, views, indexes, and the rest."""
    shop: Objects = {
        ("schema", "shop"): {"owner": "shop", "acl": (), "comment": None},
        **enum("shop.mood", "glad"),
        **sequence("shop.numbers"),
        **function("shop.f()", "CREATE FUNCTION shop.f()"),
        **table("shop.things", "id", "email"),
        **constraint("shop.things.pk", "primary key", "PRIMARY KEY (id)"),
        **index("shop.pk", "shop.things", constraint="pk"),
        **index("shop.ix", "shop.things"),
        **view("shop.v", "SELECT 1"),
        **statistics("shop.s", "shop.things", "CREATE STATISTICS shop.s"),
        **trigger("shop.things.t", "CREATE TRIGGER t"),
        **rule("shop.things.r", "CREATE RULE r"),
        **policy("shop.things.p"),
        **publication("news"),
        ("publication table", "news.shop.things"): {"columns": None, "row_filter": None},
    }
    made = [" ".join(sql.split()[:3]) for sql in statements({**PEOPLE_TABLE, **shop}, PEOPLE_TABLE)]
    assert made == [
        "CREATE SCHEMA shop",
        "CREATE TYPE shop.mood",
        "CREATE SEQUENCE shop.numbers",
        "CREATE FUNCTION shop.f()",
        "CREATE TABLE shop.things",
        "ALTER TABLE shop.things",
        "CREATE VIEW shop.v",
        "CREATE INDEX ix",
        "CREATE STATISTICS shop.s",
        "CREATE TRIGGER t",
        "CREATE RULE r",
        "CREATE POLICY p",
        "CREATE PUBLICATION news",
        "ALTER PUBLICATION news",
    ]


def test_a_foreign_key_comes_when_the_other_table_has_its_index() -> None:
    """It may refer to a unique index that is no constraint."""
    expected = {
        **PEOPLE_TABLE,
        **table(PETS, "owner"),
        **constraint(f"{PETS}.a_owner", "foreign key", REFERENCE),
        **constraint(f"{PETS}.c", "check", "CHECK ((owner > 0))"),
        **index("public.ix", PEOPLE, "btree (id)", unique=True),
    }
    assert statements(expected, without(expected, f"{PETS}.a_owner", f"{PETS}.c", "public.ix")) == [
        "ALTER TABLE public.pets ADD CONSTRAINT c CHECK ((owner > 0))",
        "CREATE UNIQUE INDEX ix ON public.people USING btree (id)",
        "ALTER TABLE public.pets ADD CONSTRAINT a_owner FOREIGN KEY (owner) REFERENCES public.people(id)",
    ]


def test_a_dropped_table_comes_back_with_all_its_parts() -> None:
    """Its columns are in its definition, its constraints and indexes behind it, the index of a key with the key."""
    expected = {**PEOPLE_TABLE, **KEY, **index("public.ix")}
    other = table(PETS)
    assert statements({**other, **expected}, other) == [
        "CREATE TABLE public.people ( id text, email text )",
        "ALTER TABLE public.people ADD CONSTRAINT pk PRIMARY KEY (id)",
        "CREATE INDEX ix ON public.people USING btree (email)",
    ]


def test_a_column_that_must_have_a_value_has_none_any_more() -> None:
    """It cannot be added to rows: there is no way back without a backup."""
    expected = {**PEOPLE_TABLE, **column(EMAIL, not_null=True)}
    derived = repair(expected, without(expected, EMAIL))
    assert derived.refusal == "public.people.email is NOT NULL and its values are gone: restore the backup"
    assert "raise NotImplementedError" in derived.downgrade(whole=True)


@pytest.mark.parametrize(
    "attributes",
    [
        {"not_null": False},
        {"not_null": True, "default": "''::text"},
        {"not_null": True, "identity": "always"},
        {"not_null": True, "generated": "stored", "expression": "(1)"},
    ],
)
def test_a_column_that_gives_itself_a_value_comes_back(attributes: dict[str, Value]) -> None:
    """A default, an identity or an expression fills the rows, and NULL needs no value."""
    expected = {**PEOPLE_TABLE, **column(EMAIL, **attributes)}
    assert repair(expected, without(expected, EMAIL)).refusal is None


def test_a_required_column_of_a_new_table_needs_no_value() -> None:
    """The table has no rows."""
    expected = {**table(), **column(EMAIL, not_null=True)}
    assert repair(expected, {}).refusal is None


def test_a_new_sequence_is_owned_when_its_column_is_there() -> None:
    """That of an identity comes with the column."""
    numbers = {**PEOPLE_TABLE, **column(f"{PEOPLE}.n"), **sequence("public.numbers", owned_by=f"{PEOPLE}.n")}
    assert statements(numbers, PEOPLE_TABLE) == [
        "CREATE SEQUENCE public.numbers AS bigint",
        "ALTER TABLE public.people ADD COLUMN n text",
        "ALTER SEQUENCE public.numbers OWNED BY public.people.n",
    ]
    identity = {
        **PEOPLE_TABLE,
        **column(f"{PEOPLE}.n", "bigint", identity="always"),
        **sequence("public.people_n_seq", owned_by=f"{PEOPLE}.n", of_identity=True),
    }
    assert statements(identity, PEOPLE_TABLE) == [
        "ALTER TABLE public.people ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY"
    ]


def test_a_function_that_needs_a_missing_table_comes_behind_it() -> None:
    """One that needs none comes first, as defaults may call it."""
    needs = function("public.a()", "CREATE FUNCTION public.a() AS 'SELECT 1 FROM public.people'")
    lone, pets = function("public.b()", "CREATE FUNCTION public.b()"), table(PETS)
    assert [sql.split(" ", 3)[:3] for sql in statements({**pets, **needs, **lone, **table()}, pets)] == [
        ["CREATE", "FUNCTION", "public.b()"],
        ["CREATE", "TABLE", "public.people"],
        ["CREATE", "FUNCTION", "public.a()"],
    ]
    assert [sql.split(" ", 3)[:3] for sql in statements({**pets, **needs, **view(PEOPLE, "SELECT 1")}, pets)] == [
        ["CREATE", "FUNCTION", "public.a()"],
        ["CREATE", "VIEW", "public.people"],
    ]


def test_a_function_that_needs_a_table_that_is_there_comes_first() -> None:
    """Another table that is made may call it."""
    needs = function("public.a()", "CREATE FUNCTION public.a() AS 'SELECT 1 FROM public.people'")
    first, second = statements({**PEOPLE_TABLE, **needs, **table(PETS)}, PEOPLE_TABLE)
    assert (first[:15], second[:12]) == ("CREATE FUNCTION", "CREATE TABLE")


def test_a_generated_column_comes_when_the_columns_that_it_needs_are_right() -> None:
    """Behind the columns that are added, and those that are altered."""
    expected = {**sized("integer"), **column(f"{PEOPLE}.a", generated="stored", expression="(size * 2)")}
    assert statements(expected, sized("bigint")) == [
        ALTER_SIZE,
        "ALTER TABLE public.people ADD COLUMN a text GENERATED ALWAYS AS ((size * 2)) STORED",
    ]


def test_a_plain_column_comes_before_what_is_altered() -> None:
    """A new default may name it in a function, and nothing that is altered is in its way."""
    expected = {**sized("integer"), **column(f"{PEOPLE}.a")}
    assert statements(expected, sized("bigint")) == ["ALTER TABLE public.people ADD COLUMN a text", ALTER_SIZE]


def test_what_is_made_gets_its_comment_its_owner_and_its_privileges() -> None:
    """The owner only where it is not that of the others, and of the privileges those that CREATE does not give."""
    actual = {**PEOPLE_TABLE, **table("public.other", owner="admin")}
    mine = table(PETS, comment="cm", acl=("shop=arwdDxtm/shop", "app=r/shop"))
    assert statements({**actual, **mine}, actual)[1:] == [
        "COMMENT ON TABLE public.pets IS 'cm'",
        "GRANT SELECT ON TABLE public.pets TO app",
    ]
    more = {**PEOPLE_TABLE, **table("public.third"), **table("public.other", owner="admin")}
    theirs = table(PETS, owner="admin", acl=("admin=arwdDxtm/admin", "shop=r/admin"))
    assert statements({**more, **theirs}, more)[1:] == [
        "ALTER TABLE public.pets OWNER TO admin",
        "GRANT SELECT ON TABLE public.pets TO shop",
    ]


def test_everyone_may_call_a_new_function_unless_it_is_said() -> None:
    """CREATE FUNCTION and CREATE TYPE give a privilege to PUBLIC, CREATE TABLE gives none."""
    made = function("public.f()", "CREATE FUNCTION public.f()")
    assert statements(made, {})[1:] == ["ALTER FUNCTION public.f() OWNER TO shop"]
    private = function("public.f()", "CREATE FUNCTION public.f()", acl=("shop=X/shop",))
    assert statements({**PEOPLE_TABLE, **private}, PEOPLE_TABLE)[1:] == [
        "REVOKE EXECUTE ON FUNCTION public.f() FROM PUBLIC"
    ]
    mood = enum("public.mood", "glad", acl=("shop=U/shop",))
    assert statements({**PEOPLE_TABLE, **mood}, PEOPLE_TABLE)[1:] == ["REVOKE USAGE ON TYPE public.mood FROM PUBLIC"]
    public = table(PETS, acl=("=r/shop", "shop=arwdDxtm/shop"))
    assert statements({**PEOPLE_TABLE, **public}, PEOPLE_TABLE)[1:] == ["GRANT SELECT ON TABLE public.pets TO PUBLIC"]
