"""Renames that a revision made: read from its statements, undone in code and in catalogs."""

import pytest

from domain.migration.repair.renames import (
    Rename,
    moved_along,
    read_renames,
    undo_rename,
    with_old_names,
    with_rename_undone,
)
from domain.migration.snapshot import SchemaSnapshot, compare
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    PETS,
    column,
    constraint,
    domain_type,
    index,
    sequence,
    table,
    view,
)

BEFORE = SchemaSnapshot(
    {
        **table(PEOPLE, "name"),
        **table("shop.things", "name"),
        **index("public.ix"),
        **sequence("public.tickets"),
        **view("public.grown", "SELECT 1"),
        **domain_type("public.age", "integer"),
    }
)


@pytest.mark.parametrize(
    ("sql", "kind", "old", "new"),
    [
        ("ALTER TABLE public.people RENAME TO folk", "table", PEOPLE, "public.folk"),
        ("alter table if exists only people rename to folk", "table", PEOPLE, "public.folk"),
        ("ALTER TABLE things RENAME TO stuff", "table", "shop.things", "shop.stuff"),
        ('ALTER TABLE public."Pets" RENAME TO "My Pets"', "table", 'public."Pets"', 'public."My Pets"'),
        ("ALTER TABLE people RENAME COLUMN name TO title", "column", f"{PEOPLE}.name", f"{PEOPLE}.title"),
        ("ALTER TABLE people RENAME name TO title", "column", f"{PEOPLE}.name", f"{PEOPLE}.title"),
        ('ALTER TABLE people RENAME "to" TO title', "column", f'{PEOPLE}."to"', f"{PEOPLE}.title"),
        ("ALTER TABLE people RENAME CONSTRAINT a TO b", "constraint", f"{PEOPLE}.a", f"{PEOPLE}.b"),
        ("ALTER TABLE people RENAME constraint a TO b", "constraint", f"{PEOPLE}.a", f"{PEOPLE}.b"),
        ("ALTER TYPE public.place RENAME ATTRIBUTE zip TO code", "column", "public.place.zip", "public.place.code"),
        ("ALTER INDEX ix RENAME TO iy", "index", "public.ix", "public.iy"),
        ("ALTER SCHEMA shop RENAME TO store", "schema", "shop", "store"),
        ("ALTER VIEW grown RENAME TO adults", "view", "public.grown", "public.adults"),
        ("ALTER MATERIALIZED VIEW grown RENAME TO adults", "view", "public.grown", "public.adults"),
        ("ALTER SEQUENCE tickets RENAME TO numbers", "sequence", "public.tickets", "public.numbers"),
        ("ALTER DOMAIN age RENAME TO years", "type", "public.age", "public.years"),
        ("SELECT 1; ALTER TABLE unknown RENAME TO other", "table", "public.unknown", "public.other"),
    ],
)
def test_read(sql: str, kind: str, old: str, new: str) -> None:
    """Each form of RENAME; a name without a schema is that of the table which was there, else of `public`."""
    assert read_renames([sql], BEFORE) == (Rename(kind, old, new),)


def test_a_name_of_two_schemas_is_that_of_public() -> None:
    """As the usual search path has it."""
    both = SchemaSnapshot({**table("a.people"), **table(PEOPLE), **table("z.people")})
    assert read_renames(["ALTER TABLE people RENAME TO folk"], both) == (Rename("table", PEOPLE, "public.folk"),)
    others = SchemaSnapshot({**table("z.people"), **table("a.people")})
    assert read_renames(["ALTER TABLE people RENAME TO folk"], others) == (Rename("table", "a.people", "a.folk"),)


def test_a_later_statement_finds_the_new_name() -> None:
    """Its schema is that of what got this name before."""
    statements = ["ALTER TABLE things RENAME TO stuff", "ALTER TABLE stuff RENAME name TO title"]
    assert read_renames(statements, BEFORE) == (
        Rename("table", "shop.things", "shop.stuff"),
        Rename("column", "shop.stuff.name", "shop.stuff.title"),
    )


def test_what_is_no_rename_is_not_read() -> None:
    """Other statements, values of enums, and functions, which a snapshot names with their arguments."""
    for sql in (
        "ALTER TABLE people ADD COLUMN title text",
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        "SELECT 'x ALTER TABLE people RENAME TO folk'",
        "ALTER FUNCTION f(integer) RENAME TO g",
    ):
        assert read_renames([sql], BEFORE) == ()


@pytest.mark.parametrize(
    ("rename", "call"),
    [
        (
            Rename("column", f"{PEOPLE}.name", f"{PEOPLE}.title"),
            'op.alter_column("people", "title", new_column_name="name")',
        ),
        (
            Rename("column", "shop.people.name", "shop.people.title"),
            'op.alter_column("people", "title", new_column_name="name", schema="shop")',
        ),
        (Rename("table", PEOPLE, "public.folk"), 'op.rename_table("folk", "people")'),
        (Rename("table", "shop.people", "shop.folk"), 'op.rename_table("folk", "people", schema="shop")'),
        (
            Rename("constraint", f"{PEOPLE}.a", f"{PEOPLE}.b"),
            'op.execute("ALTER TABLE public.people RENAME CONSTRAINT b TO a")',
        ),
        (Rename("index", "public.ix", "public.iy"), 'op.execute("ALTER INDEX public.iy RENAME TO ix")'),
        (Rename("type", "public.a", "public.b"), 'op.execute("ALTER TYPE public.b RENAME TO a")'),
        (
            Rename("view", "public.a", "public.b", "MATERIALIZED VIEW"),
            'op.execute("ALTER MATERIALIZED VIEW public.b RENAME TO a")',
        ),
        (
            Rename("constraint", "public.age.a", "public.age.b", "DOMAIN"),
            'op.execute("ALTER DOMAIN public.age RENAME CONSTRAINT b TO a")',
        ),
        (
            Rename("column", "public.place.a", "public.place.b", "TYPE"),
            'op.execute("ALTER TYPE public.place RENAME ATTRIBUTE b TO a")',
        ),
        (Rename("table", PEOPLE, "shop.people"), 'op.execute("ALTER TABLE shop.people SET SCHEMA public")'),
    ],
)
def test_undo(rename: Rename, call: str) -> None:
    """The former name comes back: by Alembic's operation where it has one."""
    assert undo_rename(rename) == call


def names(snapshot: SchemaSnapshot) -> set[tuple[str, str]]:
    """The keys of a catalog."""
    return {*snapshot.objects}


def test_a_catalog_with_a_table_renamed_back() -> None:
    """What lies in it comes with it; what only begins with its name stays, and so do objects of another kind."""
    objects = {**table("public.folk", "name"), **table("public.folklore", "name"), **index("public.folk")}
    undone = with_rename_undone(SchemaSnapshot(objects), Rename("table", PEOPLE, "public.folk"))
    assert names(undone) == names(
        SchemaSnapshot({**table(PEOPLE, "name"), **table("public.folklore", "name"), **index("public.folk")})
    )


def test_a_catalog_with_a_schema_or_type_renamed_back() -> None:
    """Whatever lies in a schema has its former name again, and so have the columns of a composite type."""
    objects = {("schema", "store"): {"owner": "shop"}, **table("store.things", "name"), **table("stores.things")}
    undone = with_rename_undone(SchemaSnapshot(objects), Rename("schema", "shop", "store"))
    assert names(undone) == names(
        SchemaSnapshot({("schema", "shop"): {}, **table("shop.things", "name"), **table("stores.things")})
    )
    for kind in ("type", "view"):
        objects = {(kind, "public.new"): {}, **column("public.new.zip")}
        undone = with_rename_undone(SchemaSnapshot(objects), Rename(kind, "public.old", "public.new"))
        assert names(undone) == {(kind, "public.old"), ("column", "public.old.zip")}


def test_a_catalog_with_a_column_renamed_back() -> None:
    """That column alone, not one of the same name in another table."""
    objects = {**table(PEOPLE, "title"), **table(PETS, "title")}
    undone = with_rename_undone(SchemaSnapshot(objects), Rename("column", f"{PEOPLE}.name", f"{PEOPLE}.title"))
    assert names(undone) == names(SchemaSnapshot({**table(PEOPLE, "name"), **table(PETS, "title")}))
    assert undone.objects["column", f"{PEOPLE}.name"] == objects["column", f"{PEOPLE}.title"]


def test_the_index_of_a_constraint_is_renamed_with_it() -> None:
    """And the constraint with its index, whichever was named; others keep their names."""
    key = constraint(f"{PEOPLE}.new", "unique", "UNIQUE (email)")
    other = constraint(f"{PEOPLE}.other", "unique", "UNIQUE (email)")
    objects = {**key, **other, **index("public.new"), **index("public.other")}
    old = {
        ("constraint", f"{PEOPLE}.old"),
        ("constraint", f"{PEOPLE}.other"),
        ("index", "public.old"),
        ("index", "public.other"),
    }
    by_constraint = Rename("constraint", f"{PEOPLE}.old", f"{PEOPLE}.new")
    by_index = Rename("index", "public.old", "public.new")
    assert names(with_rename_undone(SchemaSnapshot(objects), by_constraint)) == old
    assert names(with_rename_undone(SchemaSnapshot(objects), by_index)) == old


def test_a_rename_of_a_column_moves_neither_index_nor_constraint() -> None:
    """They have names of their own, even where these are that of the column."""
    objects = {
        **table(PEOPLE, "new"),
        **constraint(f"{PEOPLE}.new", "unique", "UNIQUE (new)"),
        **index("public.new"),
        **column("public.people.new.inner"),
    }
    undone = with_rename_undone(SchemaSnapshot(objects), Rename("column", f"{PEOPLE}.old", f"{PEOPLE}.new"))
    assert names(undone) == names(SchemaSnapshot(objects)) - {("column", f"{PEOPLE}.new")} | {
        ("column", f"{PEOPLE}.old")
    }


def test_a_table_of_the_name_moves_no_constraint() -> None:
    """The index of a constraint follows the constraint, and not a table of the same name."""
    objects = {**table("public.new"), **index("public.new"), **constraint(f"{PEOPLE}.new", "unique", "UNIQUE (a)")}
    undone = with_rename_undone(SchemaSnapshot(objects), Rename("table", "public.old", "public.new"))
    assert names(undone) == {("table", "public.old"), ("index", "public.new"), ("constraint", f"{PEOPLE}.new")}


def test_a_table_that_moved_takes_its_own_indexes_and_sequences_along() -> None:
    """Those of other tables, and sequences that nothing owns, stay; so do all where only the name changed."""
    people = Rename("table", PEOPLE, "shop.people")
    objects = {
        **table("shop.people", "id"),
        **index("shop.ix", "shop.people"),
        **index("shop.of_pets", "shop.pets"),
        **sequence("shop.numbers", owned_by="shop.people.id"),
        **sequence("shop.of_pets", owned_by="shop.pets.id"),
        **sequence("shop.free"),
    }
    assert moved_along(SchemaSnapshot(objects), people) == [
        Rename("index", "public.ix", "shop.ix"),
        Rename("sequence", "public.numbers", "shop.numbers"),
    ]
    assert moved_along(SchemaSnapshot(objects), Rename("table", "shop.folk", "shop.people")) == []


def test_definitions_get_the_old_names_where_that_makes_them_right() -> None:
    """Postgres writes a definition with the names of today; whole words only, and lists as well."""
    renames = [Rename("column", f"{PEOPLE}.name", f"{PEOPLE}.title")]
    expected = SchemaSnapshot(
        {
            ("index", "public.ix"): {"definition": "USING btree (name)", "opclass": ("name a", "b")},
            ("view", "public.v"): {"definition": "SELECT name", "populated": True},
        }
    )
    actual = SchemaSnapshot(
        {
            ("index", "public.ix"): {"definition": "USING btree (title)", "opclass": ("title a", "b")},
            ("view", "public.v"): {"definition": "SELECT titles", "populated": False},
            ("view", "public.other"): {"definition": "SELECT title"},
        }
    )
    read = with_old_names(expected, actual, renames).objects
    assert read["index", "public.ix"] == expected.objects["index", "public.ix"]
    assert read["view", "public.v"] == actual.objects["view", "public.v"]
    assert read["view", "public.other"] == actual.objects["view", "public.other"]


def test_a_schema_that_was_renamed_gets_its_name_back() -> None:
    """Nothing in it is dropped for that, nor made anew."""
    before = SchemaSnapshot({("schema", "shop"): {"owner": "shop"}, **table("shop.things", "name")})
    after = SchemaSnapshot({("schema", "store"): {"owner": "shop"}, **table("store.things", "name")})
    (rename,) = read_renames(["ALTER SCHEMA shop RENAME TO store"], before)
    assert undo_rename(rename) == 'op.execute("ALTER SCHEMA store RENAME TO shop")'
    assert not compare(before, with_rename_undone(after, rename))


def test_a_quoted_name_is_another_name() -> None:
    """`"title"` in quotes is not replaced by what stands without them."""
    renames = [Rename("column", f"{PEOPLE}.name", f"{PEOPLE}.title")]
    expected = SchemaSnapshot({("view", "public.v"): {"definition": 'SELECT "name"'}})
    actual = SchemaSnapshot({("view", "public.v"): {"definition": 'SELECT "title"'}})
    assert with_old_names(expected, actual, renames) == actual
