"""What is not where it was, and was not dropped, has moved."""

from domain.migration.analysis.moves import is_elsewhere, moved_to, renamed_schemas, without_moves
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, Objects, changed, revision, step, table, without

MOVE = step("ALTER TABLE users SET SCHEMA shop")
GONE = [key[1] for key in BASE if key[1].startswith(USERS)]
MOVED: Objects = {**without(BASE, *GONE), **table("shop.users", "id", "email", "name")}


def test_what_is_elsewhere_and_was_neither_dropped_nor_made_has_moved() -> None:
    """Postgres reports what it drops and what it makes."""
    assert moved_to(revision(MOVE, after=MOVED), "table", USERS) == "shop.users"
    dropped = step("DROP TABLE users", dropped=changed("table", USERS))
    assert moved_to(revision(dropped, after=MOVED), "table", USERS) is None
    other = step("DROP TABLE other", dropped=(*changed("table", "public.other"), *changed("index", USERS)))
    assert moved_to(revision(other, after=MOVED), "table", USERS) == "shop.users"
    made = step("CREATE TABLE shop.users", created=changed("table", "shop.users"))
    assert moved_to(revision(made, after=MOVED), "table", USERS) is None
    unlike = step("CREATE TABLE x", created=(*changed("table", "public.x"), *changed("index", "shop.users")))
    assert moved_to(revision(unlike, after=MOVED), "table", USERS) == "shop.users"


def test_two_places_are_none() -> None:
    """Nobody knows then which of them it is; and another name is no move."""
    assert moved_to(revision(MOVE, after={**MOVED, **table("other.users")}), "table", USERS) is None
    renamed = {**without(BASE, *GONE), **table("public.accounts")}
    assert moved_to(revision(MOVE, after=renamed), "table", USERS) is None


BEFORE: Objects = {("schema", "shop"): {}, **table("shop.things", "id"), ("schema", "public"): {}}
AFTER: Objects = {("schema", "store"): {}, **table("store.things", "id"), ("schema", "public"): {}}
RENAME = step("ALTER SCHEMA shop RENAME TO store")


def test_a_schema_with_another_name_has_all_that_was_in_it() -> None:
    """It may have more; where something is missing, or one of them was dropped or made, it is another schema."""
    more = {**AFTER, **table("store.new")}
    assert renamed_schemas(revision(RENAME, before=BEFORE, after=AFTER)) == {"shop": "store"}
    assert renamed_schemas(revision(RENAME, before=BEFORE, after=more)) == {"shop": "store"}
    assert renamed_schemas(revision(RENAME, before=BEFORE, after=without(AFTER, "store.things"))) == {}
    drop = step("DROP SCHEMA shop", dropped=changed("schema", "shop"))
    make = step("CREATE SCHEMA store", created=changed("schema", "store"))
    for statement in (drop, make):
        assert renamed_schemas(revision(statement, before=BEFORE, after=AFTER)) == {}


def test_what_is_in_a_renamed_schema_is_said_of_the_schema() -> None:
    """What moved alone is not."""
    trace = revision(RENAME, before=BEFORE, after=AFTER)
    assert is_elsewhere(trace, "table", "shop.things")
    assert not is_elsewhere(trace, "table", "shop.other")
    assert not is_elsewhere(revision(MOVE, after=MOVED), "table", USERS)


def kinds(before: Objects, restored: Objects, *changes: DataChange) -> list[DataChangeKind]:
    """What is left of a difference without what moved."""
    left = without_moves(DataDifference(changes), SchemaSnapshot(before), SchemaSnapshot(restored))
    return [change.kind for change in left.changes]


def test_rows_that_left_a_partitioned_table_with_their_partition() -> None:
    """As many as the partition has are not gone; more are."""
    apart = {**table(USERS), **table("public.part")}
    within = {**table(USERS), **table("public.part", parents=(USERS,))}
    new = DataChange("public.part", DataChangeKind.TABLE_NEW, 5)
    for count, left in ((5, []), (6, [DataChangeKind.ROWS_GONE])):
        gone = DataChange(USERS, DataChangeKind.ROWS_GONE, count)
        assert kinds(within, apart, gone, new) == left
    elsewhere = DataChange(ORDERS, DataChangeKind.ROWS_GONE, 5)
    assert kinds(within, apart, elsewhere, new) == [DataChangeKind.ROWS_GONE]


def test_rows_that_came_into_a_partitioned_table_with_their_table() -> None:
    """They are no new rows, and the table is not gone; other changes of both are as they are."""
    apart = {**table(USERS), **table("public.part")}
    within = {**table(USERS), **table("public.part", parents=(USERS,))}
    more = DataChange(USERS, DataChangeKind.ROWS_NEW, 5)
    gone = DataChange("public.part", DataChangeKind.TABLE_GONE, 5)
    values = DataChange("public.part", DataChangeKind.VALUES_CHANGED, 5)
    assert kinds(apart, within, more, gone, values) == [DataChangeKind.VALUES_CHANGED]
    assert len(kinds(within, within, more, gone)) == 2
    made = {**table(USERS)}
    assert len(kinds(made, within, more, gone)) == 2


def test_rows_of_a_partition_are_those_of_all_tables_above_it() -> None:
    """A partition of a partition counts for both."""
    middle = {**table(USERS), **table("public.middle", parents=(USERS,))}
    within = {**middle, **table("public.part", parents=("public.middle",))}
    changes = [DataChange(name, DataChangeKind.ROWS_NEW, 5) for name in (USERS, "public.middle")]
    assert kinds({**middle, **table("public.part")}, within, *changes) == []
