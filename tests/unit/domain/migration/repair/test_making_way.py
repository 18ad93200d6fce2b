"""Objects that make way for another change in a derived downgrade, and come back."""

import pytest

from domain.migration.op_code import execute
from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    PETS,
    column,
    constraint,
    index,
    policy,
    rule,
    statements,
    statistics,
    steps,
    table,
    trigger,
    view,
)
from tests.unit.domain.migration.repair.people import ALTER_SIZE, KEY, PEOPLE_TABLE, REFERENCE, SIZE, sized
from tests.unit.domain.migration.traces import Objects


def retyped(objects: Objects) -> list[str]:
    """What gives a column its type back while some objects stay as they are."""
    return statements({**sized("integer"), **objects}, {**sized("bigint"), **objects})


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
    assert statements(expected, actual) == [ALTER_SIZE.partition(" USING ")[0]]


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
