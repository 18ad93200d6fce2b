"""Renamed objects in a derived downgrade."""

from domain.migration.repair.derivation import derive
from domain.migration.repair.renames import Rename
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    column,
    index,
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
