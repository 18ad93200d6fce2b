"""What an upgrade has changed, and by which statement."""

import pytest

from domain.migration.analysis.changes import (
    constraint_of,
    constraints_on,
    former_name,
    renamed_by,
    statement_of,
    through_parents,
    vector_dimensions,
    vector_type_changes,
)
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    changed,
    column,
    constraint,
    index,
    renamed,
    revision,
    step,
    table,
    without,
)


@pytest.mark.parametrize(
    ("type_name", "dimensions"),
    [
        ("vector(3)", ("vector", 3)),
        ("public.halfvec(64)", ("halfvec", 64)),
        ("vector", ("vector", None)),
        ("vectors", None),
        ("text", None),
    ],
)
def test_dimensions(type_name: str, dimensions: tuple[str, int | None] | None) -> None:
    """Of the types of pgvector only."""
    assert vector_dimensions(type_name) == dimensions


def test_a_change_of_a_vector_type_is_from_or_to_one() -> None:
    """Of that table; neither a column that stays nor one of other types."""
    for before, after, changes in (
        ("vector(3)", "halfvec(3)", True),
        ("text", "vector(3)", True),
        ("vector(3)", "text", True),
        ("vector(3)", "vector(3)", False),
        ("text", "integer", False),
    ):
        was, now = ({**BASE, **column(f"{USERS}.name", kind)} for kind in (before, after))
        trace = revision(step("ALTER"), before=was, after=now)
        assert bool(vector_type_changes(trace, USERS)) is changes
        assert vector_type_changes(trace, ORDERS) == []


def test_columns_of_parents_change_those_of_their_children() -> None:
    """On all levels; a parent whose column stays has nothing to do with it."""
    child, grandchild = "public.child", "public.grandchild"
    tables = {**BASE, **table(child, "a", "name", parents=(USERS, ORDERS)), **table(grandchild, parents=(child,))}
    schema, both = SchemaSnapshot(tables), [f"{grandchild}.name", f"{child}.name", f"{USERS}.name", f"{grandchild}.a"]
    assert through_parents(schema, grandchild, both) == [f"{grandchild}.a", f"{USERS}.name"]
    assert through_parents(schema, child, [f"{grandchild}.name", f"{child}.name"]) == [f"{child}.name"]
    assert through_parents(schema, USERS, both) == [f"{USERS}.name"]
    assert through_parents(schema, ORDERS, both) == []


def test_constraints_that_a_statement_names_or_no_statement_does() -> None:
    """A constraint that took the place of another counts, one that was only validated does not."""
    before = {
        **BASE,
        **constraint(f"{USERS}.a", "check", "CHECK (x)"),
        **constraint(f"{USERS}.b", "check", "y NOT VALID"),
    }
    after = {
        **BASE,
        **constraint(f"{USERS}.a", "check", "CHECK (z)"),
        **constraint(f"{USERS}.b", "check", "y"),
        **constraint(f"{USERS}.new", "check", "CHECK (x)"),
        **constraint(f"{ORDERS}.other", "check", "CHECK (x)"),
    }
    trace = revision(step("ALTER TABLE users ADD"), step("ADD CONSTRAINT new"), before=before, after=after)
    assert constraints_on(trace, USERS, 0) == [f"{USERS}.a"]
    assert constraints_on(trace, USERS, 1) == [f"{USERS}.new"]


def test_the_statement_behind_an_object() -> None:
    """The one that Postgres reported, else the first that names it as a whole word."""
    reported = step("DO $$ $$", altered=changed("table column", f"{USERS}.name"))
    trace = revision(step("ALTER names"), step("ALTER name"), reported)
    assert statement_of(trace, "column", f"{USERS}.name") == 2
    assert statement_of(trace, "index", "public.name") == 1
    assert statement_of(trace, "column", f"{USERS}.nothing") is None


def test_the_statement_that_renames() -> None:
    """The one that takes the old name away, whatever it was called in between; the text of none of them counts."""
    title, label = (
        step("SELECT rename()", renamed=renamed("table column", f"{USERS}.{old}", f"{USERS}.{new}"))
        for old, new in (("name", "title"), ("title", "label"))
    )
    assert renamed_by(revision(title), "column", f"{USERS}.name", f"{USERS}.title") == 0
    trace = revision(step("SELECT 1"), title, label)
    assert renamed_by(trace, "column", f"{USERS}.name", f"{USERS}.label") == 1
    assert renamed_by(trace, "column", f"{USERS}.name", f"{USERS}.title") is None
    assert renamed_by(trace, "column", f"{USERS}.label", f"{USERS}.name") is None
    assert renamed_by(trace, "column", f"{USERS}.title", f"{USERS}.label", since=2) == 2
    assert renamed_by(trace, "index", f"{USERS}.name", f"{USERS}.label") is None
    text = revision(step("ALTER TABLE users RENAME name TO title"))
    assert renamed_by(text, "column", f"{USERS}.name", f"{USERS}.title") is None


def test_a_column_of_a_renamed_table_is_renamed_only_with_its_own_name() -> None:
    """Its former name is that before both."""
    table_renamed = step("RENAME", renamed=renamed("table", USERS, "public.people"))
    column_renamed = step("RENAME", renamed=renamed("table column", "public.people.name", "public.people.title"))
    after = {**without(BASE, *(key[1] for key in BASE if key[1].startswith(USERS)))}
    trace = revision(table_renamed, column_renamed, after={**after, **table("public.people", "id", "email", "title")})
    assert former_name(trace, "public.people.title") == f"{USERS}.name"
    assert former_name(trace, "public.people.email") is None
    assert former_name(trace, f"{USERS}.name") is None
    assert renamed_by(trace, "column", f"{USERS}.email", "public.people.email") is None


def test_a_constraint_that_is_made_anew_counts() -> None:
    """Also where its definition is the same in the end, as that of a key over a column that takes an old name."""
    schema = {
        **BASE,
        **constraint(f"{USERS}.users_pkey", "primary key", "PRIMARY KEY (id)"),
        **index("users_pkey", USERS, "btree (id)", constraint="users_pkey"),
    }
    drop = step("ALTER TABLE users DROP CONSTRAINT users_pkey")
    add = step("ALTER TABLE users ADD PRIMARY KEY (key)", created=changed("table constraint", f"users_pkey on {USERS}"))
    assert constraint_of(revision(drop, add, before=schema, after=schema), "public.users_pkey") is not None
    assert constraint_of(revision(drop, before=schema, after=schema), "public.users_pkey") is None
