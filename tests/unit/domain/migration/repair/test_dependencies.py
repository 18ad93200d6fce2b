"""Who depends on whom, as the names in definitions tell."""

import pytest

from domain.migration.repair.dependencies import is_key, mentions, ordered, text_of, uses_column
from domain.migration.snapshot import SchemaSnapshot
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
    table,
    view,
)
from tests.unit.domain.migration.traces import Objects


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("SELECT id FROM public.people", True),
        ("SELECT public.people.id FROM public.people", True),
        ("(public.people)", True),
        ("FROM public.people_old", False),
        ("FROM other.public.people", False),
        ("FROM republic.people", False),
        ("FROM public_people", False),
        ("FROM people", False),
    ],
)
def test_a_text_mentions_whole_names(text: str, named: bool) -> None:
    """A qualified name counts where it stands alone, not as a part of a longer one; a dot is a dot."""
    assert mentions(text, PEOPLE) is named


def test_the_text_of_an_object_is_its_texts_and_lists() -> None:
    """Numbers, booleans and what is absent name nobody."""
    assert text_of({"a": "x", "b": ("y", "z"), "c": 3, "d": True, "e": None}) == "x ('y', 'z')"


@pytest.mark.parametrize(("kind", "key"), [("primary key", True), ("unique", True), ("check", False), (None, False)])
def test_keys_are_what_a_foreign_key_can_refer_to(kind: str | None, key: bool) -> None:
    """Primary keys and unique constraints."""
    assert is_key({"type": kind}) is key


def test_a_part_of_a_table_uses_a_column_by_its_own_name() -> None:
    """A CHECK need not name its table; that of another table with a column of the same name is not meant."""
    objects = {
        **constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 0))"),
        **constraint(f"{PETS}.c", "check", "CHECK ((size > 0))"),
        **policy(f"{PEOPLE}.p", using="(size > 3)"),
    }
    snapshot = SchemaSnapshot(objects)
    assert uses_column(("constraint", f"{PEOPLE}.c"), snapshot, f"{PEOPLE}.size")
    assert uses_column(("policy", f"{PEOPLE}.p"), snapshot, f"{PEOPLE}.size")
    assert not uses_column(("constraint", f"{PETS}.c"), snapshot, f"{PEOPLE}.size")
    assert not uses_column(("constraint", f"{PEOPLE}.c"), snapshot, f"{PEOPLE}.siz")


def test_a_view_or_index_uses_a_column_if_it_names_the_table_too() -> None:
    """Two tables have a column of one name: the table in the definition tells which is meant."""
    objects = {
        **view("public.grown", "SELECT size FROM public.people"),
        **index("public.ix", PETS, "btree (size)"),
    }
    snapshot = SchemaSnapshot(objects)
    assert uses_column(("view", "public.grown"), snapshot, f"{PEOPLE}.size")
    assert not uses_column(("view", "public.grown"), snapshot, f"{PETS}.size")
    assert not uses_column(("view", "public.grown"), snapshot, f"{PEOPLE}.name")
    assert uses_column(("index", "public.ix"), snapshot, f"{PETS}.size")
    assert not uses_column(("index", "public.ix"), snapshot, f"{PEOPLE}.size")


def test_constraints_stand_in_the_order_in_which_they_need_each_other() -> None:
    """Keys first, foreign keys last, and those of one type by name; what is no known type comes first."""
    kinds = {"f": "foreign key", "x": "exclude", "c": "check", "b": "unique", "a": "unique", "p": "primary key"}
    objects: Objects = {}
    for own, kind in kinds.items():
        objects |= constraint(f"{PEOPLE}.{own}", kind, kind.upper())
    objects |= constraint(f"{PEOPLE}.z", "not null", "NOT NULL email")
    names = [name for _, name in objects]
    order = [name.rpartition(".")[2] for name in ordered(names, "constraint", SchemaSnapshot(objects))]
    assert order == ["p", "z", "a", "b", "c", "x", "f"]


def test_generated_columns_come_after_the_plain_ones() -> None:
    """They are computed from those."""
    objects = {
        **column(f"{PEOPLE}.a", generated="stored", expression="(b * 2)"),
        **column(f"{PEOPLE}.c"),
        **column(f"{PEOPLE}.b"),
    }
    assert ordered([name for _, name in objects], "column", SchemaSnapshot(objects)) == [
        f"{PEOPLE}.b",
        f"{PEOPLE}.c",
        f"{PEOPLE}.a",
    ]


def test_a_view_comes_after_the_views_that_it_reads() -> None:
    """Whatever their names are; views without each other stand by name."""
    objects = {
        **view("public.a", "SELECT id FROM public.b"),
        **view("public.b", "SELECT id FROM public.c"),
        **view("public.c", "SELECT id FROM public.people"),
        **view("public.d", "SELECT id FROM public.people"),
    }
    order = ordered([name for _, name in objects], "view", SchemaSnapshot(objects))
    assert [name for name in order if name != "public.d"] == ["public.c", "public.b", "public.a"]
    assert set(order) == {name for _, name in objects}


def test_only_objects_that_are_asked_for_are_put_in_order() -> None:
    """Others of the catalog are left out, even where a definition names them."""
    objects = {**view("public.a", "SELECT id FROM public.b"), **view("public.b", "SELECT 1 AS id")}
    assert ordered(["public.a"], "view", SchemaSnapshot(objects)) == ["public.a"]


def test_an_index_does_not_wait_for_the_names_in_its_definition() -> None:
    """Kinds that cannot need each other stand by name."""
    objects = {**index("public.a", PEOPLE, "btree (public.b)"), **index("public.b")}
    assert ordered(["public.b", "public.a"], "index", SchemaSnapshot(objects)) == ["public.a", "public.b"]


def test_a_table_comes_after_those_that_its_foreign_keys_refer_to() -> None:
    """The parenthesis right behind the name is no part of it."""
    key = "FOREIGN KEY (pet) REFERENCES public.pets(id)"
    objects = {**table(PEOPLE, "pet"), **table(PETS, "id"), **constraint(f"{PEOPLE}.fk", "foreign key", key)}
    assert ordered([PEOPLE, PETS], "table", SchemaSnapshot(objects)) == [PETS, PEOPLE]


def test_a_table_comes_after_its_parents() -> None:
    """A partition is made when the partitioned table is there."""
    objects = {**table("public.a_part", parents=(PETS,), partition_bound="DEFAULT"), **table(PETS)}
    assert ordered(["public.a_part", PETS], "table", SchemaSnapshot(objects)) == [PETS, "public.a_part"]


def test_a_type_comes_after_the_types_in_it() -> None:
    """A domain after its base, a composite type after the types of its columns."""
    objects = {
        **composite("public.a"),
        **column("public.a.x", "public.b"),
        **domain_type("public.b", "public.c"),
        **enum("public.c", "x"),
    }
    names = ["public.a", "public.b", "public.c"]
    assert ordered(names, "type", SchemaSnapshot(objects)) == ["public.c", "public.b", "public.a"]


def test_a_function_comes_after_those_that_it_calls() -> None:
    """By their names with the types of the arguments."""
    objects = {
        **function("public.a()", "CREATE FUNCTION public.a() AS 'SELECT public.b()'"),
        **function("public.b()", "CREATE FUNCTION public.b() AS 'SELECT 1'"),
    }
    assert ordered(["public.a()", "public.b()"], "function", SchemaSnapshot(objects)) == ["public.b()", "public.a()"]


def test_a_circle_has_an_order_beside_the_others() -> None:
    """Two tables that refer to each other come after the table that both need, and before the one that needs them."""

    def refers(owner: str, *others: str) -> list[tuple[str, str]]:
        return [(owner, other) for other in others]

    names = ["public.a", "public.b", "public.c", "public.d"]
    objects: Objects = {}
    for name in names:
        objects |= table(name, "id")
    # a needs b and c, which need each other; both need d.
    pairs = [*refers("a", "b", "c"), *refers("b", "c", "d"), *refers("c", "b", "d")]
    for owner, other in pairs:
        key = f"FOREIGN KEY (x) REFERENCES public.{other}(id)"
        objects |= constraint(f"public.{owner}.to_{other}", "foreign key", key)
    order = ordered(names, "table", SchemaSnapshot(objects))
    assert (order[0], order[-1]) == ("public.d", "public.a")
    assert set(order) == set(names)
