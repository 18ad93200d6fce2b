"""Tables, columns and constraints that differ are altered, and only where they differ."""

from collections.abc import Mapping

import pytest

from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    PETS,
    column,
    composite,
    constraint,
    index,
    repair,
    sequence,
    statements,
    steps,
    table,
    view,
    without,
)

EMAIL = f"{PEOPLE}.email"
ALTER = "ALTER TABLE public.people ALTER COLUMN email"


def between(expected: dict[str, Value], actual: dict[str, Value]) -> list[str]:
    """What leads from one table to another."""
    return statements(table(PEOPLE, "email", **expected), table(PEOPLE, "email", **actual))


def column_between(expected: dict[str, Value], actual: dict[str, Value]) -> list[str]:
    """What leads from one column to another."""
    return statements(
        {**table(), **column(EMAIL, **expected)},
        {**table(), **column(EMAIL, **actual)},
    )


@pytest.mark.parametrize(
    ("attribute", "usual", "other", "there", "back"),
    [
        ("persistence", "permanent", "unlogged", "SET UNLOGGED", "SET LOGGED"),
        ("row_security", False, True, "ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
        ("force_row_security", False, True, "FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
        ("replica_identity", "default", "full", "REPLICA IDENTITY FULL", "REPLICA IDENTITY DEFAULT"),
        ("replica_identity", "full", "nothing", "REPLICA IDENTITY NOTHING", "REPLICA IDENTITY FULL"),
        ("access_method", "heap", "columnar", "SET ACCESS METHOD columnar", "SET ACCESS METHOD heap"),
        ("access_method", None, "columnar", "SET ACCESS METHOD columnar", "SET ACCESS METHOD heap"),
        ("tablespace", None, "fast", "SET TABLESPACE fast", "SET TABLESPACE pg_default"),
        ("options", (), ("fillfactor=70",), "SET (fillfactor=70)", "RESET (fillfactor)"),
        ("toast_options", (), ("a=off",), "SET (toast.a=off)", "RESET (toast.a)"),
    ],
)
def test_a_table_is_switched_both_ways(attribute: str, usual: Value, other: Value, there: str, back: str) -> None:
    """Each attribute has one statement, and no other is written beside it."""
    assert between({attribute: other}, {attribute: usual}) == [f"ALTER TABLE public.people {there}"]
    assert between({attribute: usual}, {attribute: other}) == [f"ALTER TABLE public.people {back}"]


def test_a_replica_identity_by_index_is_left_to_the_index() -> None:
    """The table alone does not know which: without such an index of its own, the attribute is said to be open."""
    others = {**index("public.plain"), **index("public.of_pets", PETS, replica_identity=True)}
    derived = repair({**table(replica_identity="index"), **others}, {**table(replica_identity="full"), **others})
    assert derived.steps == ()
    assert derived.unresolved == ("the replica identity of table public.people, which was index",)


def test_a_partition_that_was_detached_is_attached_again() -> None:
    """With its bounds; its columns come from the parent again, which nobody has to say."""
    parent = table(PETS, "email", kind="partitioned table", partition_key="LIST (email)")
    part: dict[str, Value] = {"parents": (PETS,), "partition_bound": "FOR VALUES IN (1)"}
    attached = {**parent, **table(PEOPLE, **part), **column(EMAIL, local=False, inherited=True)}
    detached = {**parent, **table(), **column(EMAIL)}
    bound = "ATTACH PARTITION public.people FOR VALUES IN (1)"
    assert statements(attached, detached) == [f"ALTER TABLE public.pets {bound}"]
    assert statements(detached, attached) == ["ALTER TABLE public.pets DETACH PARTITION public.people"]


def test_a_partition_with_other_bounds_is_detached_and_attached() -> None:
    """No statement changes the bounds of a partition."""
    parent = table(PETS, kind="partitioned table")
    expected = {**parent, **table(PEOPLE, parents=(PETS,), partition_bound="FOR VALUES IN (1)")}
    actual = {**parent, **table(PEOPLE, parents=(PETS,), partition_bound="FOR VALUES IN (2)")}
    assert statements(expected, actual) == [
        "ALTER TABLE public.pets DETACH PARTITION public.people",
        "ALTER TABLE public.pets ATTACH PARTITION public.people FOR VALUES IN (1)",
    ]


def test_parents_that_differ_are_named_alone() -> None:
    """Of plain inheritance, a parent that both have stays."""
    others = {**table(PETS), **table("public.a"), **table("public.b")}
    expected = {**others, **table(PEOPLE, parents=(PETS, "public.a"))}
    actual = {**others, **table(PEOPLE, parents=(PETS, "public.b"))}
    assert statements(expected, actual) == [
        "ALTER TABLE public.people NO INHERIT public.b",
        "ALTER TABLE public.people INHERIT public.a",
    ]


def test_a_table_that_keeps_its_parents_is_not_attached_again() -> None:
    """Another attribute of a partition differs: it stays where it is."""
    part: dict[str, Value] = {"parents": (PETS,), "partition_bound": "DEFAULT"}
    parent = table(PETS, kind="partitioned table")
    expected = {**parent, **table(PEOPLE, **part)}
    actual = {**parent, **table(PEOPLE, **part, persistence="unlogged")}
    assert statements(expected, actual) == ["ALTER TABLE public.people SET LOGGED"]


def test_defaults() -> None:
    """One is set or dropped."""
    assert column_between({"default": "1"}, {"default": "2"}) == [f"{ALTER} SET DEFAULT 1"]
    assert column_between({"default": None}, {"default": "2"}) == [f"{ALTER} DROP DEFAULT"]


def test_not_null() -> None:
    """It is set or dropped."""
    assert column_between({"not_null": True}, {"not_null": False}) == [f"{ALTER} SET NOT NULL"]
    assert column_between({"not_null": False}, {"not_null": True}) == [f"{ALTER} DROP NOT NULL"]


def test_another_type_alone() -> None:
    """Values are cast; a column without default gets none."""
    assert column_between({"kind": "integer"}, {"kind": "bigint"}) == [f"{ALTER} TYPE integer USING email::integer"]


def test_another_collation() -> None:
    """It is changed with the type, and left out where the expected one is that of the type."""
    there = steps({**table(), **column(EMAIL, collation='"C"')}, {**table(), **column(EMAIL)})
    assert there == [f"op.execute('{ALTER} TYPE text COLLATE \"C\" USING email::text')"]
    back = steps({**table(), **column(EMAIL)}, {**table(), **column(EMAIL, collation='"C"')})
    assert back == [f'op.execute("{ALTER} TYPE text USING email::text")']


def test_a_default_makes_way_for_another_type() -> None:
    """A default of the old type could not be cast; the expected one comes behind, whether or not it differs."""
    type_ = f"{ALTER} TYPE integer USING email::integer"
    assert column_between({"kind": "integer", "default": "1"}, {"kind": "bigint", "default": "1"}) == [
        f"{ALTER} DROP DEFAULT",
        type_,
        f"{ALTER} SET DEFAULT 1",
    ]
    assert column_between({"kind": "integer", "default": None}, {"kind": "bigint", "default": "1"}) == [
        f"{ALTER} DROP DEFAULT",
        type_,
    ]
    assert column_between({"kind": "integer", "default": "1"}, {"kind": "bigint", "default": None}) == [
        type_,
        f"{ALTER} SET DEFAULT 1",
    ]


def test_a_column_that_is_generated_no_more_was_plain() -> None:
    """DROP EXPRESSION leaves the values."""
    generated: dict[str, Value] = {"generated": "stored", "expression": "lower(name)"}
    assert column_between({}, generated) == [f"{ALTER} DROP EXPRESSION"]


def test_identities() -> None:
    """One is dropped, changed in kind, or added with its sequence, which then counts from the largest key."""
    own = f"{PEOPLE}.id"
    alter = "ALTER TABLE public.people ALTER COLUMN id"
    plain = {**table(), **column(own, "bigint", not_null=True)}
    always = {**table(), **column(own, "bigint", not_null=True, identity="always")}
    by_default = {**table(), **column(own, "bigint", not_null=True, identity="by default")}
    assert statements(plain, always) == [f"{alter} DROP IDENTITY"]
    assert statements(always, by_default) == [f"{alter} SET GENERATED ALWAYS"]
    assert statements(by_default, always) == [f"{alter} SET GENERATED BY DEFAULT"]
    assert statements(always, plain) == [
        f"{alter} ADD GENERATED ALWAYS AS IDENTITY",
        "SELECT setval(pg_get_serial_sequence('public.people', 'id'), max(id)) FROM public.people",
    ]
    numbers = sequence("public.numbers", owned_by=own, of_identity=True)
    assert statements({**always, **numbers}, plain)[0] == (
        f"{alter} ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.numbers)"
    )


def test_a_column_is_not_null_before_it_is_an_identity() -> None:
    """Postgres refuses the other order."""
    own = f"{PEOPLE}.id"
    expected = {**table(), **column(own, "bigint", not_null=True, identity="always")}
    actual = {**table(), **column(own, "bigint")}
    assert [one.partition("COLUMN id ")[2] for one in statements(expected, actual)][:2] == [
        "SET NOT NULL",
        "ADD GENERATED ALWAYS AS IDENTITY",
    ]


@pytest.mark.parametrize(
    ("attribute", "usual", "other", "there", "back"),
    [
        ("storage", "extended", "external", "SET STORAGE EXTERNAL", "SET STORAGE EXTENDED"),
        ("compression", None, "pglz", "SET COMPRESSION pglz", "SET COMPRESSION default"),
        ("statistics", None, 500, "SET STATISTICS 500", "SET STATISTICS -1"),
        ("statistics", 500, 0, "SET STATISTICS 0", "SET STATISTICS 500"),
        ("options", (), ("n_distinct=5",), "SET (n_distinct=5)", "RESET (n_distinct)"),
    ],
)
def test_settings_of_a_column(attribute: str, usual: Value, other: Value, there: str, back: str) -> None:
    """Storage, compression, statistics and options are set, or put back to what is usual."""
    assert column_between({attribute: other}, {attribute: usual}) == [f"{ALTER} {there}"]
    assert column_between({attribute: usual}, {attribute: other}) == [f"{ALTER} {back}"]


def test_another_type_brings_its_usual_storage() -> None:
    """That is said only where it is another one, even where it does not differ."""
    type_ = f"{ALTER} TYPE text USING email::text"
    integer: dict[str, Value] = {"kind": "integer", "storage": "plain"}
    assert column_between({"kind": "text"}, integer) == [type_]
    assert column_between({"kind": "text", "storage": "external"}, integer) == [type_, f"{ALTER} SET STORAGE EXTERNAL"]
    assert column_between({"kind": "text", "storage": "plain"}, integer) == [type_, f"{ALTER} SET STORAGE PLAIN"]


def test_a_column_of_a_view_follows_its_view() -> None:
    """Its type needs no statement; a comment of its own does."""
    query = "SELECT size FROM public.people"
    expected = {**view("public.v", query), **column("public.v.size", "integer", comment="cm")}
    actual = {**view("public.v", query), **column("public.v.size", "bigint")}
    assert statements(expected, actual) == ["COMMENT ON COLUMN public.v.size IS 'cm'"]


def test_the_privileges_of_a_column_of_a_view() -> None:
    """They are granted, for no definition says them."""
    expected = {**view("public.v", "SELECT 1 AS size"), **column("public.v.size", acl=("app=r/shop",))}
    actual = {**view("public.v", "SELECT 1 AS size"), **column("public.v.size", "integer")}
    assert statements(expected, actual) == ["GRANT SELECT (size) ON TABLE public.v TO app"]


def test_a_column_of_a_composite_type_is_left_to_the_author() -> None:
    """No statement of a table fits it."""
    derived = repair(
        {**composite("public.place"), **column("public.place.zip", "integer")},
        {**composite("public.place"), **column("public.place.zip", "bigint")},
    )
    assert derived.steps == ()
    assert derived.unresolved == ("the type of column public.place.zip, which was integer",)


def test_a_constraint_is_validated() -> None:
    """Where the definitions differ in NOT VALID alone, nothing is dropped."""
    sound = constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 0))")
    unsound = constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 0)) NOT VALID", validated=False)
    objects = table(PEOPLE, "size")
    assert statements({**objects, **sound}, {**objects, **unsound}) == [
        "ALTER TABLE public.people VALIDATE CONSTRAINT c"
    ]


def test_a_constraint_that_was_not_valid_is_made_again() -> None:
    """No statement takes a validation back; and one with another condition is not validated instead."""
    sound = constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 0))")
    unsound = constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 0)) NOT VALID", validated=False)
    other = constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 1)) NOT VALID", validated=False)
    objects = table(PEOPLE, "size")
    drop = 'op.drop_constraint(op.f("c"), "people")'
    add = 'op.execute("ALTER TABLE public.people ADD CONSTRAINT c CHECK ((size > 0))'
    assert steps({**objects, **unsound}, {**objects, **sound}) == [drop, f'{add} NOT VALID")']
    assert steps({**objects, **sound}, {**objects, **other}) == [drop, f'{add}")']


def test_a_constraint_that_differs_in_more_than_its_validation_is_made_again() -> None:
    """What it defers is more, and so are triggers that were switched off: no statement switches them on alone."""
    objects = table(PEOPLE, "size")
    definition = "FOREIGN KEY (size) REFERENCES public.pets(id)"
    expected = constraint(f"{PEOPLE}.fk", "foreign key", definition)
    changed: dict[str, Value] = {"validated": False, "deferrable": True}
    actual = constraint(f"{PEOPLE}.fk", "foreign key", f"{definition} DEFERRABLE NOT VALID", **changed)
    drop = 'op.drop_constraint(op.f("fk"), "people")'
    assert steps({**objects, **expected}, {**objects, **actual})[0] == drop
    disabled: dict[str, Value] = {"validated": False, "triggers": ("disabled",)}
    actual = constraint(f"{PEOPLE}.fk", "foreign key", f"{definition} NOT VALID", **disabled)
    assert steps({**objects, **expected}, {**objects, **actual})[0] == drop


def test_equal_tables_need_nothing_of_each_other() -> None:
    """A column that is gone comes back, and the other columns of its table are not altered."""
    expected = table(PEOPLE, "id", "email")
    assert steps(expected, without(expected, EMAIL)) == [
        'op.execute("ALTER TABLE public.people ADD COLUMN email text")'
    ]


@pytest.mark.parametrize(
    "attributes",
    [
        {"default": "1"},
        {"storage": "external"},
        {"kind": "bigint", "identity": "always", "not_null": True},
        {"compression": "pglz", "options": ("n_distinct=5",)},
    ],
)
def test_what_two_columns_have_alike_is_not_said(attributes: dict[str, Value]) -> None:
    """Only their statistics differ."""
    assert column_between({**attributes, "statistics": 500}, attributes) == [f"{ALTER} SET STATISTICS 500"]


def test_columns_of_partitions_are_altered_with_their_table() -> None:
    """Postgres refuses another type for a partition alone; NOT NULL may stay there, and goes after the whole."""

    def whole(kind: str, *, not_null: bool) -> dict[tuple[str, str], Mapping[str, Value]]:
        own = column(f"{PETS}.email", kind, not_null=not_null, local=False)
        return {
            **table(PETS, parents=(PEOPLE,), partition_bound="DEFAULT"),
            **own,
            **table(PEOPLE, kind="partitioned table"),
            **column(EMAIL, kind, not_null=not_null),
        }

    assert statements(whole("text", not_null=False), whole("bigint", not_null=True)) == [
        f"{ALTER} TYPE text USING email::text",
        f"{ALTER} DROP NOT NULL",
        f"{ALTER.replace(PEOPLE, PETS)} DROP NOT NULL",
    ]


def test_attributes_of_a_composite_type() -> None:
    """They come and go by ALTER TYPE."""
    place, zip_code = composite("public.place"), column("public.place.zip", "integer")
    assert statements({**place, **zip_code}, place) == ["ALTER TYPE public.place ADD ATTRIBUTE zip integer"]
    assert statements(place, {**place, **zip_code}) == ["ALTER TYPE public.place DROP ATTRIBUTE zip"]
