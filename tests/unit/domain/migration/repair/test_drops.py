"""Objects that a derived downgrade drops, and those that go with others."""

from domain.migration.repair.derivation import Repair
from domain.migration.snapshot import Value
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
    repair,
    rule,
    sequence,
    statements,
    statistics,
    steps,
    table,
    trigger,
    view,
)
from tests.unit.domain.migration.repair.people import KEY, PEOPLE_TABLE
from tests.unit.domain.migration.traces import Objects


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
    """A label is given by a module of the server, and of a foreign table the catalog holds too little."""
    label: Objects = {("security label", "table public.people by guard"): {"label": "secret"}}
    assert repair({}, label) == Repair((), ("drop the security label table public.people by guard",))
    assert repair(label, {}) == Repair((), ("create the security label table public.people by guard",))
    foreign = table("public.far", kind="foreign table")
    assert repair({**PEOPLE_TABLE, **foreign}, PEOPLE_TABLE) == Repair((), ("create the table public.far",))
    assert steps({}, foreign) == ['op.execute("DROP FOREIGN TABLE public.far")']
