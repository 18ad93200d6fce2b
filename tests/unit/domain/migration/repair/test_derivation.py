"""What leads from one catalog to another: what goes, what comes back, what is made again, and in which order."""

import pytest

from domain.migration.op_code import execute
from domain.migration.repair.derivation import Repair, derive
from domain.migration.repair.renames import Rename
from domain.migration.snapshot import SchemaSnapshot, Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    PETS,
    column,
    composite,
    constraint,
    domain_type,
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
    steps,
    table,
    trigger,
    view,
    without,
)
from tests.unit.domain.migration.traces import Objects

EMAIL = f"{PEOPLE}.email"
SIZE = f"{PEOPLE}.size"
PEOPLE_TABLE = table(PEOPLE, "id", "email")
KEY: Objects = {
    **constraint(f"{PEOPLE}.pk", "primary key", "PRIMARY KEY (id)"),
    **index("public.pk", PEOPLE, "btree (id)", unique=True, constraint="pk"),
}
REFERENCE = "FOREIGN KEY (owner) REFERENCES public.people(id)"
ALTER_SIZE = "ALTER TABLE public.people ALTER COLUMN size TYPE integer USING size::integer"


def sized(kind: str, **more: Value) -> Objects:
    """The people with a size of a type."""
    return {**PEOPLE_TABLE, **column(SIZE, kind, **more)}


def retyped(objects: Objects) -> list[str]:
    """What gives a column its type back while some objects stay as they are."""
    return statements({**sized("integer"), **objects}, {**sized("bigint"), **objects})


# -- the function that comes out


def test_a_whole_downgrade_is_its_steps() -> None:
    """A call of several lines is indented as one; what is left to do stands below, in one line each."""
    code = Repair(("op.a(\n    1,\n)", "op.b()"), ("the\n  last", "more")).downgrade(whole=True)
    assert code.splitlines() == [
        "def downgrade() -> None:",
        "    op.a(",
        "        1,",
        "    )",
        "    op.b()",
        "    # left to do: the last",
        "    # left to do: more",
    ]


def test_a_downgrade_that_is_there_already_goes_first() -> None:
    """What it has is not repeated."""
    assert Repair(("op.b()",)).downgrade(whole=False) == (
        "def downgrade() -> None:\n    ...  # what is there now, then:\n    op.b()\n"
    )


@pytest.mark.parametrize(
    ("incomplete", "reason"),
    [
        (Repair(("op.a()",), ("x",), "the values are gone"), "the values are gone"),
        (Repair((), ("drop the x", "drop the y")), "drop the x; drop the y"),
        (Repair(), "this cannot be undone"),
    ],
)
def test_a_downgrade_that_cannot_be_written_refuses(incomplete: Repair, reason: str) -> None:
    """With the reason, whether or not a part of it could be done."""
    for whole in (True, False):
        assert incomplete.downgrade(whole=whole) == (
            f'def downgrade() -> None:\n    raise NotImplementedError("{reason}")\n'
        )


def test_equal_catalogs_need_no_repair() -> None:
    """Nor do those in which only the order of columns differs."""
    moved = table(PEOPLE, "email", "id")
    assert derive(SchemaSnapshot(PEOPLE_TABLE), SchemaSnapshot(PEOPLE_TABLE)) is None
    assert derive(SchemaSnapshot(PEOPLE_TABLE), SchemaSnapshot(moved)) is None


# -- renames


TITLE = Rename("column", EMAIL, f"{PEOPLE}.title")
FOLK = Rename("table", PEOPLE, "public.folk")


def test_a_rename_is_undone_as_such() -> None:
    """A column that was dropped and added again would be empty."""
    assert steps(PEOPLE_TABLE, table(PEOPLE, "id", "title"), TITLE) == [
        'op.alter_column("people", "title", new_column_name="email")'
    ]


def test_renames_are_undone_in_reverse() -> None:
    """A column of a renamed table has its name of then."""
    renames = (FOLK, Rename("column", "public.folk.email", "public.folk.title"))
    assert steps(PEOPLE_TABLE, table("public.folk", "id", "title"), *renames) == [
        'op.alter_column("folk", "title", new_column_name="email")',
        'op.rename_table("folk", "people")',
    ]


def test_definitions_follow_a_rename() -> None:
    """An index on a renamed column is as it was; one that differs in more is made again."""
    expected = {**PEOPLE_TABLE, **index("public.ix", PEOPLE, "btree (email)")}
    actual = table(PEOPLE, "id", "title")
    assert len(steps(expected, {**actual, **index("public.ix", PEOPLE, "btree (title)")}, TITLE)) == 1
    again = steps(expected, {**actual, **index("public.ix", PEOPLE, "btree (title DESC)")}, TITLE)
    assert again[1:] == [
        'op.drop_index(op.f("ix"), table_name="people")',
        'op.execute("CREATE INDEX ix ON public.people USING btree (email)")',
    ]


def test_a_rename_that_the_downgrade_undid_is_passed_over() -> None:
    """Something else is left to do."""
    actual = {**PEOPLE_TABLE, **column(EMAIL, position=2, not_null=True)}
    assert statements(PEOPLE_TABLE, actual, TITLE) == ["ALTER TABLE public.people ALTER COLUMN email DROP NOT NULL"]
    assert derive(SchemaSnapshot(PEOPLE_TABLE), SchemaSnapshot(PEOPLE_TABLE), [TITLE]) is None


def test_a_rename_is_not_undone_where_its_old_name_is_taken() -> None:
    """There is another column of that name: the new one is dropped."""
    actual = table(PEOPLE, "id", "email", "title")
    assert steps(PEOPLE_TABLE, actual, TITLE) == ['op.drop_column("people", "title")']


def test_a_rename_is_not_undone_where_its_new_name_was_there_before() -> None:
    """It belongs to another object, which stays."""
    expected = table(PEOPLE, "id", "email", "title")
    actual = table(PEOPLE, "id", "title")
    assert statements(expected, actual, TITLE) == ["ALTER TABLE public.people ADD COLUMN email text"]


def test_an_object_of_another_kind_is_no_rename() -> None:
    """A view of the new name is not the table that was renamed."""
    expected = table(PEOPLE, "id")
    assert statements(expected, view("public.folk", "SELECT 1"), FOLK)[0] == "DROP VIEW public.folk"


# -- what goes


def test_what_is_too_much_is_dropped_dependents_first() -> None:
    """A view before its table, a type after the table that uses it, a schema at the very end."""
    mood = {**table("shop.things", "mood"), **column("shop.things.mood", "shop.mood", storage="plain")}
    new: Objects = {
        ("schema", "shop"): {"owner": "shop", "acl": (), "comment": None},
        **enum("shop.mood", "glad"),
        **mood,
        **view("shop.v", "SELECT mood FROM shop.things"),
        **function("shop.f()", "CREATE FUNCTION shop.f()"),
    }
    assert steps(PEOPLE_TABLE, {**PEOPLE_TABLE, **new}) == [
        'op.execute("DROP VIEW shop.v")',
        'op.drop_table("things", schema="shop")',
        'op.execute("DROP FUNCTION shop.f()")',
        'op.execute("DROP TYPE shop.mood")',
        'op.execute("DROP SCHEMA shop")',
    ]


def test_a_view_is_dropped_before_the_one_that_it_reads() -> None:
    """Whatever their names are."""
    views = {**view("public.b", "SELECT 1"), **view("public.a", "SELECT 1 FROM public.b")}
    assert statements({}, views) == ["DROP VIEW public.a", "DROP VIEW public.b"]
    views = {**view("public.a", "SELECT 1"), **view("public.b", "SELECT 1 FROM public.a")}
    assert statements({}, views) == ["DROP VIEW public.b", "DROP VIEW public.a"]


def test_whatever_is_in_a_table_goes_with_it() -> None:
    """Columns, constraints, indexes, triggers, policies, rules, statistics and the sequences of its columns."""
    parts = {
        **table(PETS, "id", "name"),
        **constraint(f"{PETS}.pk", "primary key", "PRIMARY KEY (id)"),
        **index("public.pets_pk", PETS, constraint="pk"),
        **index("public.ix_pets", PETS),
        **trigger(f"{PETS}.t", "CREATE TRIGGER t"),
        **policy(f"{PETS}.p"),
        **rule(f"{PETS}.r", "CREATE RULE r"),
        **statistics("public.s", PETS, "CREATE STATISTICS public.s"),
        **sequence("public.pets_id_seq", owned_by=f"{PETS}.id"),
    }
    assert steps(PEOPLE_TABLE, {**PEOPLE_TABLE, **parts}) == ['op.drop_table("pets")']


def test_whatever_is_in_a_table_that_stays_is_dropped_alone() -> None:
    """The table of the same names beside it goes as a whole."""
    parts = {
        **column(f"{PEOPLE}.nick"),
        **constraint(f"{PEOPLE}.c", "check", "CHECK ((id > 0))"),
        **index("public.ix"),
        **trigger(f"{PEOPLE}.t", "CREATE TRIGGER t"),
        **policy(f"{PEOPLE}.p"),
        **rule(f"{PEOPLE}.r", "CREATE RULE r"),
        **statistics("public.s", PEOPLE, "CREATE STATISTICS public.s"),
        **sequence("public.numbers", owned_by=f"{PEOPLE}.id"),
    }
    assert steps(PEOPLE_TABLE, {**PEOPLE_TABLE, **parts, **table(PETS, "nick")}) == [
        'op.execute("DROP POLICY p ON public.people")',
        'op.execute("DROP RULE r ON public.people")',
        'op.execute("DROP TRIGGER t ON public.people")',
        'op.drop_constraint(op.f("c"), "people")',
        'op.drop_index(op.f("ix"), table_name="people")',
        'op.execute("DROP STATISTICS public.s")',
        'op.drop_column("people", "nick")',
        'op.drop_table("pets")',
        'op.execute("DROP SEQUENCE public.numbers")',
    ]


def test_the_sequence_of_a_dropped_column_goes_with_it() -> None:
    """As serial makes it, and as an identity does; one that nobody owns stays until it is dropped itself."""
    serial = {**column(f"{PEOPLE}.number"), **sequence("public.numbers", owned_by=f"{PEOPLE}.number")}
    assert steps(PEOPLE_TABLE, {**PEOPLE_TABLE, **serial}) == ['op.drop_column("people", "number")']
    identity = sequence("public.numbers", owned_by=f"{PEOPLE}.id", of_identity=True)
    expected = {**PEOPLE_TABLE, **column(f"{PEOPLE}.id", identity=None)}
    actual = {**PEOPLE_TABLE, **column(f"{PEOPLE}.id", identity="always"), **identity}
    assert statements(expected, actual) == ["ALTER TABLE public.people ALTER COLUMN id DROP IDENTITY"]
    assert statements(PEOPLE_TABLE, {**PEOPLE_TABLE, **sequence()}) == ["DROP SEQUENCE public.tickets"]


def test_the_index_of_a_constraint_goes_with_it() -> None:
    """Only the constraint is named."""
    assert steps(PEOPLE_TABLE, {**PEOPLE_TABLE, **KEY}) == ['op.drop_constraint(op.f("pk"), "people")']


def test_a_partition_goes_with_its_parent() -> None:
    """One whose parent stays is dropped itself."""
    parent = table(PETS, "at", kind="partitioned table", partition_key="LIST (at)")
    part = table("public.pets_1", "at", parents=(PETS,), partition_bound="DEFAULT")
    assert steps({}, {**parent, **part}) == ['op.drop_table("pets")']
    assert steps(parent, {**parent, **part}) == ['op.drop_table("pets_1")']


def test_an_index_of_a_partition_goes_with_that_of_its_parent() -> None:
    """Postgres refuses to drop it alone."""
    parent = {**table(PETS, "at", kind="partitioned table"), **table("public.pets_1", "at", parents=(PETS,))}
    indexes = {**index("public.ix", PETS), **index("public.ix_1", "public.pets_1", parent="public.ix")}
    assert steps(parent, {**parent, **indexes}) == ['op.drop_index(op.f("ix"), table_name="pets")']


def test_what_a_table_inherits_goes_and_comes_with_its_parent() -> None:
    """Constraints, columns and triggers; what it also has of its own does not."""
    tables = {**table(PETS, "id"), **table(PEOPLE, "id", parents=(PETS,))}
    inherited: dict[str, Value] = {"inherited": True, "local": False}
    parts = {
        **column(f"{PETS}.x"),
        **column(f"{PEOPLE}.x", **inherited),
        **constraint(f"{PETS}.c", "check", "CHECK ((id > 0))"),
        **constraint(f"{PEOPLE}.c", "check", "CHECK ((id > 0))", **inherited),
        **trigger(f"{PETS}.t", "CREATE TRIGGER t"),
        **trigger(f"{PEOPLE}.t", "CREATE TRIGGER t", inherited=True),
    }
    assert steps(tables, {**tables, **parts}) == [
        'op.execute("DROP TRIGGER t ON public.pets")',
        'op.drop_constraint(op.f("c"), "pets")',
        'op.drop_column("pets", "x")',
    ]
    assert statements({**tables, **parts}, tables) == [
        "ALTER TABLE public.pets ADD COLUMN x text",
        "ALTER TABLE public.pets ADD CONSTRAINT c CHECK ((id > 0))",
        "CREATE TRIGGER t",
    ]
    own = constraint(f"{PEOPLE}.c", "check", "CHECK ((id > 0))", inherited=True, local=True)
    assert steps(tables, {**tables, **own}) == ['op.drop_constraint(op.f("c"), "people")']


def test_an_inherited_column_without_parents_is_its_own() -> None:
    """A table that lost its parents has its columns still."""
    lonely = {**PEOPLE_TABLE, **column(f"{PEOPLE}.x", local=False)}
    assert steps(PEOPLE_TABLE, lonely) == ['op.drop_column("people", "x")']


def test_the_columns_of_views_and_types_go_with_them() -> None:
    """They are no columns of a table."""
    new = {
        **view("public.v", "SELECT 1 AS id"),
        **column("public.v.id", "integer"),
        **composite("public.place"),
        **column("public.place.zip", "integer"),
    }
    assert statements({}, new) == ["DROP VIEW public.v", "DROP TYPE public.place"]


def test_a_materialized_view_takes_its_index_with_it() -> None:
    """One whose view stays is dropped itself."""
    names = view("public.names", "SELECT 1 AS n", kind="materialized view")
    unique = index("public.ix_names", "public.names", "btree (n)")
    assert steps({}, {**names, **unique}) == ['op.execute("DROP MATERIALIZED VIEW public.names")']
    assert steps(names, {**names, **unique}) == ['op.drop_index(op.f("ix_names"), table_name="names")']


def test_constraints_of_domains() -> None:
    """One is dropped by ALTER DOMAIN, and goes with its domain."""
    age, check = domain_type("public.age", "integer"), constraint("public.age.c", "check", "CHECK ((VALUE > 0))")
    assert statements(age, {**age, **check}) == ["ALTER DOMAIN public.age DROP CONSTRAINT c"]
    assert statements({}, {**age, **check}) == ["DROP DOMAIN public.age"]
    assert statements({**age, **check}, age) == ["ALTER DOMAIN public.age ADD CONSTRAINT c CHECK ((VALUE > 0))"]


def test_the_constructors_of_a_range_go_and_come_with_it() -> None:
    """Postgres makes them; another internal function, or one that speaks of them, is a function as any other."""
    head = "CREATE FUNCTION public.span(integer)\n RETURNS span\n"
    constructor = function("public.span(integer)", f"{head} LANGUAGE internal\nAS $$range_constructor2$$")
    span: Objects = {
        ("type", "public.span"): {"kind": "range", "subtype": "integer", "owner": "shop", "acl": (), "comment": None}
    }
    assert statements({}, {**span, **constructor}) == ["DROP TYPE public.span"]
    assert statements({**PEOPLE_TABLE, **span, **constructor}, PEOPLE_TABLE) == [
        "CREATE TYPE public.span AS RANGE (SUBTYPE = integer)"
    ]
    for text in (f"{head} LANGUAGE internal\nAS $$upper$$", f"{head} LANGUAGE sql\nAS $$range_constructor2$$"):
        assert statements({}, function("public.span(integer)", text)) == ["DROP FUNCTION public.span(integer)"]


def test_tables_that_refer_to_each_other_are_untied_first() -> None:
    """A foreign key that still refers to a table when its turn comes is dropped before it."""
    tables = {
        **table("public.a", "b"),
        **table("public.b", "a"),
        **constraint("public.a.to_b", "foreign key", "FOREIGN KEY (b) REFERENCES public.b(id)"),
        **constraint("public.b.to_a", "foreign key", "FOREIGN KEY (a) REFERENCES public.a(id)"),
    }
    first, *others = steps({}, tables)
    drops = [call.partition("(")[2] for call in others]
    assert sorted(drops) == ['"a")', '"b")']
    # The table that goes first must not be referred to any more.
    owner = "b" if drops[0] == '"a")' else "a"
    assert first == f'op.drop_constraint(op.f("to_{"a" if owner == "b" else "b"}"), "{owner}")'


def test_foreign_keys_without_a_circle_need_no_untying() -> None:
    """The table that refers goes first; its own reference to itself, and one to a table that stays, are no circle."""
    tables = {
        **table("public.a", "b", "a"),
        **table("public.b"),
        **constraint("public.a.to_b", "foreign key", "FOREIGN KEY (b) REFERENCES public.b(id)"),
        **constraint("public.a.to_a", "foreign key", "FOREIGN KEY (a) REFERENCES public.a(id)"),
        **constraint("public.a.to_p", "foreign key", "FOREIGN KEY (a) REFERENCES public.people(id)"),
        **constraint("public.a.c", "check", "CHECK ((b = 'FOREIGN KEY x REFERENCES public.a('::text))"),
    }
    assert steps(PEOPLE_TABLE, {**PEOPLE_TABLE, **tables}) == ['op.drop_table("a")', 'op.drop_table("b")']


def test_a_foreign_key_of_a_table_that_stays_is_dropped_once() -> None:
    """Before the new table that it refers to."""
    key = constraint(f"{PEOPLE}.to_pets", "foreign key", "FOREIGN KEY (id) REFERENCES public.pets(id)")
    assert steps(PEOPLE_TABLE, {**PEOPLE_TABLE, **table(PETS, "id"), **key}) == [
        'op.drop_constraint(op.f("to_pets"), "people")',
        'op.drop_table("pets")',
    ]


def test_kinds_that_nobody_drops_or_makes_are_said() -> None:
    """Default privileges have no statement of their own here, and of an operator the catalog holds too little."""
    default: Objects = {("default privileges", "of shop on tables"): {"acl": ("app=r/shop",)}}
    assert repair({}, default) == Repair((), ("drop the default privileges of shop on tables",))
    assert repair(default, {}).unresolved == ("create the default privileges of shop on tables",)
    changed: Objects = {("default privileges", "of shop on tables"): {"acl": ("app=rw/shop",)}}
    assert repair(default, changed) == Repair((), ("the default privileges of shop on tables",))
    foreign = table("public.far", kind="foreign table")
    assert repair({**PEOPLE_TABLE, **foreign}, PEOPLE_TABLE) == Repair((), ("create the table public.far",))
    assert steps({}, foreign) == ['op.execute("DROP FOREIGN TABLE public.far")']


# -- what comes back


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


# -- what is altered


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


# -- what is made again


def test_a_view_makes_way_for_a_column_of_another_type() -> None:
    """It is dropped before, and made behind it; one of other columns stays."""
    grown = view("public.grown", "SELECT size FROM public.people")
    other = view("public.other", "SELECT email FROM public.people")
    assert retyped({**grown, **other}) == [
        "DROP VIEW public.grown",
        ALTER_SIZE,
        "CREATE VIEW public.grown AS SELECT size FROM public.people",
    ]
    assert retyped(other) == [ALTER_SIZE]


def test_views_of_a_view_that_makes_way_do_so_too() -> None:
    """With the rule, the trigger and the index of it, and nothing beside."""
    grown = view("public.grown", "SELECT size FROM public.people", kind="materialized view")
    older = view("public.older", "SELECT 1 FROM public.grown")
    others = {
        **view("public.unlike", "SELECT 1 FROM public.grown_up"),
        **index("public.ix_grown", "public.grown", "btree (n)"),
        **index("public.ix", PEOPLE, "btree (email)"),
        **trigger("public.older.t", "CREATE TRIGGER t INSTEAD OF INSERT ON public.older"),
    }
    assert retyped({**grown, **older, **others}) == [
        "DROP TRIGGER t ON public.older",
        "DROP VIEW public.older",
        "DROP MATERIALIZED VIEW public.grown",
        ALTER_SIZE,
        "CREATE MATERIALIZED VIEW public.grown AS SELECT size FROM public.people",
        "CREATE VIEW public.older AS SELECT 1 FROM public.grown",
        "CREATE INDEX ix_grown ON public.grown USING btree (n)",
        "CREATE TRIGGER t INSTEAD OF INSERT ON public.older",
    ]


@pytest.mark.parametrize(
    ("part", "drop"),
    [
        (policy(f"{PEOPLE}.own", using="(size > 0)"), "DROP POLICY own ON public.people"),
        (rule(f"{PEOPLE}.r", "CREATE RULE r AS ON UPDATE WHERE size"), "DROP RULE r ON public.people"),
        (trigger(f"{PEOPLE}.t", "CREATE TRIGGER t WHEN size"), "DROP TRIGGER t ON public.people"),
    ],
)
def test_what_forbids_another_type_makes_way(part: Objects, drop: str) -> None:
    """A policy, a rule and a trigger that name the column, but not those of its neighbors."""
    first, second, third = retyped(part)
    assert (first, second) == (drop, ALTER_SIZE)
    assert third.startswith("CREATE")
    (key,) = part
    neighbor: Objects = {(key[0], key[1].replace(PEOPLE, PETS)): part[key]}
    assert retyped({**table(PETS), **neighbor}) == [ALTER_SIZE]


def test_what_follows_another_type_by_itself_stays() -> None:
    """Postgres builds an index again, and checks a constraint."""
    parts = {
        **index("public.ix", PEOPLE, "btree (size)"),
        **constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 0))"),
        **statistics("public.s", PEOPLE, "CREATE STATISTICS public.s ON size, email FROM public.people"),
    }
    assert retyped(parts) == [ALTER_SIZE]


def test_only_another_type_or_collation_makes_a_view_go() -> None:
    """A default does not."""
    grown = view("public.grown", "SELECT size FROM public.people")
    expected = {**sized("integer", default="1"), **grown}
    assert statements(expected, {**sized("integer"), **grown}) == [
        "ALTER TABLE public.people ALTER COLUMN size SET DEFAULT 1"
    ]


def test_a_generated_column_makes_way_for_the_one_that_it_is_computed_from() -> None:
    """It is computed anew, with whatever uses it; a plain column that only has the name in its default stays."""
    twice = column(f"{PEOPLE}.twice", generated="stored", expression="(size * 2)")
    check = constraint(f"{PEOPLE}.c", "check", "CHECK ((twice > 0))")
    plain = column(f"{PEOPLE}.plain", default="'size'::text")
    expected = {**sized("integer"), **twice, **check, **plain}
    assert steps(expected, {**expected, **column(SIZE, "bigint")}) == [
        'op.drop_constraint(op.f("c"), "people")',
        'op.drop_column("people", "twice")',
        f'op.execute("{ALTER_SIZE}")',
        'op.execute("ALTER TABLE public.people ADD COLUMN twice text GENERATED ALWAYS AS ((size * 2)) STORED")',
        'op.execute("ALTER TABLE public.people ADD CONSTRAINT c CHECK ((twice > 0))")',
    ]


def test_a_generated_column_of_another_type_is_altered() -> None:
    """It does not depend on itself."""
    expected = {**sized("integer"), **column(SIZE, "integer", generated="stored", expression="length('size')")}
    actual = {**sized("bigint"), **column(SIZE, "bigint", generated="stored", expression="length('size')")}
    assert statements(expected, actual) == [ALTER_SIZE]


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (("stored", "(id)"), ("stored", "(email)")),
        (("stored", "(id)"), (None, None)),
        (("virtual", "(id)"), ("stored", "(id)")),
        ((None, None), ("virtual", "(id)")),
    ],
)
def test_a_column_that_is_computed_otherwise_is_made_again(
    expected: tuple[str | None, str | None], actual: tuple[str | None, str | None]
) -> None:
    """Postgres cannot change an expression in place, nor make a virtual column a plain one."""
    before, after = (
        {**PEOPLE_TABLE, **column(SIZE, generated=generated, expression=expression)}
        for generated, expression in (expected, actual)
    )
    drop, add = steps(before, after)
    assert drop == 'op.drop_column("people", "size")'
    assert add.startswith('op.execute("ALTER TABLE public.people ADD COLUMN size text')


def test_a_comment_of_a_generated_column_makes_nothing_again() -> None:
    """Only what it is computed from does."""
    computed: dict[str, Value] = {"generated": "virtual", "expression": "(id)"}
    expected = {**PEOPLE_TABLE, **column(SIZE, **computed, comment="cm")}
    actual = {**PEOPLE_TABLE, **column(SIZE, **computed)}
    assert statements(expected, actual) == ["COMMENT ON COLUMN public.people.size IS 'cm'"]


def test_foreign_keys_make_way_for_the_key_that_they_refer_to() -> None:
    """They are dropped before it and made behind it; those that refer to another table stay."""
    pets = {
        **table(PETS, "owner"),
        **constraint(f"{PETS}.fk", "foreign key", REFERENCE),
        **constraint(f"{PETS}.other", "foreign key", "FOREIGN KEY (owner) REFERENCES public.people_old(id)"),
    }
    changed = constraint(f"{PEOPLE}.pk", "primary key", "PRIMARY KEY (id, email)")
    expected = {**PEOPLE_TABLE, **KEY, **pets}
    assert steps(expected, {**expected, **changed}) == [
        'op.drop_constraint(op.f("fk"), "pets")',
        'op.drop_constraint(op.f("pk"), "people")',
        'op.execute("ALTER TABLE public.people ADD CONSTRAINT pk PRIMARY KEY (id)")',
        'op.execute("ALTER TABLE public.pets ADD CONSTRAINT fk FOREIGN KEY (owner) REFERENCES public.people(id)")',
    ]


def test_a_check_that_is_made_again_leaves_foreign_keys_alone() -> None:
    """They refer to keys."""
    pets = {**table(PETS, "owner"), **constraint(f"{PETS}.fk", "foreign key", REFERENCE)}
    expected = {**PEOPLE_TABLE, **pets, **constraint(f"{PEOPLE}.c", "check", "CHECK ((id > 0))")}
    actual = {**expected, **constraint(f"{PEOPLE}.c", "check", "CHECK ((id > 1))")}
    assert steps(expected, actual) == [
        'op.drop_constraint(op.f("c"), "people")',
        'op.execute("ALTER TABLE public.people ADD CONSTRAINT c CHECK ((id > 0))")',
    ]


def test_what_uses_a_column_that_is_made_again_is_made_again() -> None:
    """An index, a constraint, statistics and a view of it; not the index of a constraint, which comes with that."""
    computed: dict[str, Value] = {"generated": "stored"}
    parts = {
        **index("public.ix", PEOPLE, "btree (size)"),
        **constraint(f"{PEOPLE}.uq", "unique", "UNIQUE (size)"),
        **index("public.uq", PEOPLE, "btree (size)", unique=True, constraint="uq"),
        **statistics("public.s", PEOPLE, "CREATE STATISTICS public.s ON size, email FROM public.people"),
        **index("public.iy", PEOPLE, "btree (email)"),
    }
    expected = {**PEOPLE_TABLE, **column(SIZE, expression="(id)", **computed), **parts}
    actual = {**PEOPLE_TABLE, **column(SIZE, expression="(email)", **computed), **parts}
    assert steps(expected, actual) == [
        'op.drop_constraint(op.f("uq"), "people")',
        'op.drop_index(op.f("ix"), table_name="people")',
        'op.execute("DROP STATISTICS public.s")',
        'op.drop_column("people", "size")',
        'op.execute("ALTER TABLE public.people ADD COLUMN size text GENERATED ALWAYS AS ((id)) STORED")',
        'op.execute("ALTER TABLE public.people ADD CONSTRAINT uq UNIQUE (size)")',
        'op.execute("CREATE INDEX ix ON public.people USING btree (size)")',
        'op.execute("CREATE STATISTICS public.s ON size, email FROM public.people")',
    ]


def test_another_query_of_a_view() -> None:
    """It is dropped and made, with its comment and its privileges."""
    expected = view("public.v", "SELECT 1", comment="cm", acl=("shop=arwdDxtm/shop", "app=r/shop"))
    assert steps({**PEOPLE_TABLE, **expected}, {**PEOPLE_TABLE, **view("public.v", "SELECT 2")}) == [
        'op.execute("DROP VIEW public.v")',
        'op.execute(\n    "CREATE VIEW public.v AS\\n"\n    " SELECT 1"\n)',
        execute("COMMENT ON VIEW public.v IS 'cm'"),
        execute("GRANT SELECT ON TABLE public.v TO app"),
    ]


def test_another_cast_is_made_where_the_old_one_was() -> None:
    """It goes before what is made, not at the end."""
    key = ("cast", "(text AS integer)")
    cast: Objects = {key: {"function": None, "context": "explicit", "method": "binary", "comment": None}}
    other: Objects = {key: {**cast[key], "context": "implicit"}}
    assert statements(cast, other) == [
        "DROP CAST (text AS integer)",
        "CREATE CAST (text AS integer) WITHOUT FUNCTION",
    ]


def test_a_new_cast_goes_when_nothing_needs_it() -> None:
    """Behind what is altered and made."""
    cast: Objects = {
        ("cast", "(text AS integer)"): {"function": None, "context": "explicit", "method": "binary", "comment": None}
    }
    expected = {**PEOPLE_TABLE, **index("public.ix")}
    assert statements(expected, {**PEOPLE_TABLE, **cast}) == [
        "CREATE INDEX ix ON public.people USING btree (email)",
        "DROP CAST (text AS integer)",
    ]
