"""Renamed objects in a derived downgrade."""

from domain.migration.repair.derivation import derive
from domain.migration.repair.renames import Rename
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    column,
    enum,
    index,
    repair,
    sequence,
    statements,
    steps,
    table,
    view,
)
from tests.unit.domain.migration.repair.people import EMAIL, PEOPLE_TABLE

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


def test_names_in_statements_are_those_of_the_catalog() -> None:
    """Postgres quotes other words than SQLAlchemy does, and reads what has no quotes in lower case."""
    for new in ("Position", '"position"'):
        rename = Rename("column", 'public."people".EMAIL', f"{PEOPLE}.{new}")
        assert steps(PEOPLE_TABLE, table(PEOPLE, "id", '"position"'), rename) == [
            'op.alter_column("people", "position", new_column_name="email")'
        ]


def test_a_moved_table_is_moved_back() -> None:
    """With its rows, its indexes and its sequences; the definitions that name it follow."""
    expected = {
        **PEOPLE_TABLE,
        **index("public.ix"),
        **sequence("public.people_id_seq", owned_by=f"{PEOPLE}.id"),
        **view("public.grown", "SELECT id FROM public.people"),
    }
    actual = {
        **table("shop.people", "id", "email"),
        **index("shop.ix", "shop.people"),
        **sequence("shop.people_id_seq", owned_by="shop.people.id"),
        **view("public.grown", "SELECT id FROM shop.people"),
    }
    assert steps(expected, actual, Rename("table", PEOPLE, "shop.people")) == [
        'op.execute("ALTER TABLE shop.people SET SCHEMA public")'
    ]


def test_a_new_name_that_another_object_has() -> None:
    """What names both objects is as it was; the other object's name is not taken for the new one."""
    expected = {**PEOPLE_TABLE, **table("public.title"), **view("public.v", "SELECT email FROM people, title")}
    actual = {
        **table(PEOPLE, "id", "title"),
        **table("public.title"),
        **view("public.v", "SELECT title FROM people, title"),
    }
    assert len(steps(expected, actual, TITLE)) == 1


def test_a_renamed_value_of_an_enum_gets_its_name_back_first() -> None:
    """Defaults follow it, alone or in an array."""
    mood, sad, happy = "public.mood", "'glad'::public.mood", "'happy'::public.mood"
    expected = {**table(), **enum(mood, "glad", "sad"), **column(EMAIL, mood, default=sad)}
    actual = {**table(), **enum(mood, "happy", "sad"), **column(EMAIL, mood, default=happy)}
    assert statements(expected, actual) == ["ALTER TYPE public.mood RENAME VALUE 'happy' TO 'glad'"]


def test_a_table_that_took_the_name_of_a_renamed_one_makes_way() -> None:
    """The renamed one has the rows."""
    actual = {**PEOPLE_TABLE, **index("public.ix"), **table("public.folk", "id", "email")}
    assert steps(PEOPLE_TABLE, actual, FOLK) == ['op.drop_table("people")', 'op.rename_table("folk", "people")']
    used = {**actual, **view("public.v", "SELECT id FROM public.people")}
    assert "public.folk has the rows of public.people" in str(repair(PEOPLE_TABLE, used, FOLK).refusal)
