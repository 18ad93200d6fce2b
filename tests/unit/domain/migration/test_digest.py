"""What became of rows and values is said in sentences, and no more than is known."""

import pytest

from domain.migration.digest import (
    ColumnDigest,
    DataChange,
    DataChangeKind,
    DataDifference,
    DataDigest,
    TableDigest,
    compare,
    filled_nulls,
    unchanged,
)

USERS = "public.users"


def table(
    rows: int = 2000, *, key: int | None = 1, whole: int | None = None, **columns: tuple[int, int]
) -> TableDigest:
    """Return a table; a column is how many values it has, and their digest."""
    found = {"id": (rows, 1), "email": (rows, 2), "nickname": (1900, 3), **columns}
    return TableDigest(rows, {name: ColumnDigest(*digest) for name, digest in found.items()}, key, whole)


def without(digest: TableDigest, *names: str) -> TableDigest:
    """Leave columns out."""
    columns = {name: column for name, column in digest.columns.items() if name not in names}
    return TableDigest(digest.rows, columns, digest.key, digest.whole)


def difference(before: TableDigest | None, after: TableDigest | None) -> DataDifference:
    """Compare two states of one table."""
    return compare(DataDigest({USERS: before} if before else {}), DataDigest({USERS: after} if after else {}))


def test_equal_states_have_no_difference() -> None:
    """An empty difference counts as false and says so."""
    found = difference(table(), table())
    assert not found
    assert str(found) == "no difference"


def test_columns_without_any_value() -> None:
    """A column that is NULL in every row has none; one with a single value has."""
    digest = DataDigest({USERS: table(nickname=(0, 0), plan=(1, 5)), "public.orders": table(email=(0, 0))})
    assert digest.valueless == {f"{USERS}.nickname", "public.orders.email"}


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (table(email=(2000, 9)), "public.users.email: values changed"),
        (table(nickname=(0, 0)), "public.users.nickname: all 1,900 values gone, NULL now"),
        (table(nickname=(1899, 7)), "public.users.nickname: at least 1 of 1,900 values gone, NULL now"),
        (table(nickname=(2000, 7)), "public.users.nickname: values changed"),
        (without(table(), "nickname"), "public.users.nickname: all 1,900 values gone with the column"),
        (table(1988, key=5, email=(1988, 8)), "public.users: at least 12 of 2,000 rows gone"),
        (table(key=5, email=(2000, 8)), "public.users: rows with other primary keys"),
        (table(key=None, whole=4), "public.users: rows not compared, for the primary key came or went"),
        (None, "public.users: gone with all 2,000 rows"),
    ],
)
def test_a_difference_reads_like_a_sentence(after: TableDigest | None, sentence: str) -> None:
    """The sentence names table and column, and how many values it is about where that is known."""
    found = difference(table(), after)
    assert found
    assert str(found) == sentence


def test_more_values_gone_than_rows_are_said() -> None:
    """The rows that went explain some of the missing values; the others are lost beside them."""
    found = difference(table(), table(1990, key=5, nickname=(1000, 9)))
    assert list(found.sentences()) == [
        "public.users: at least 10 of 2,000 rows gone",
        "public.users.nickname: at least 890 of 1,900 values gone, NULL now",
    ]


def test_what_came_is_an_addition_and_no_loss() -> None:
    """Rows, tables, columns and values that were not there before are told apart from what is lost."""
    after = DataDigest({USERS: table(note=(5, 6), empty=(0, 0)), "public.new": table(3), "public.none": table(0)})
    found = compare(DataDigest({USERS: table()}), after)
    assert found.losses == ()
    assert [str(change) for change in found.additions] == [
        "public.new: new table with 3 rows",
        "public.users.note: new column with 5 values",
    ]


def test_a_renamed_column_keeps_its_values() -> None:
    """A rename is told, and counts as no difference."""
    found = difference(table(), without(table(handle=(1900, 3)), "nickname"))
    assert not found
    assert str(found) == "public.users.nickname: values kept as handle"


def test_a_copy_is_paired_once() -> None:
    """Of two columns that vanished, one new column with their values can only be one."""
    before = table(other=(1900, 3))
    found = difference(before, without(table(handle=(1900, 3)), "nickname"))
    assert list(found.sentences()) == [
        "public.users.nickname: values kept as handle",
        "public.users.other: all 1,900 values gone with the column",
    ]


def test_a_renamed_table_keeps_its_rows() -> None:
    """The whole of its columns has to be the same."""
    before = DataDigest({USERS: table()})
    assert str(compare(before, DataDigest({"public.people": table()}))) == "public.users: rows kept as public.people"
    assert compare(before, DataDigest({"public.people": table(email=(2000, 9))})).losses


def test_a_table_with_other_rows_is_no_renamed_one() -> None:
    """Nor is one of two tables without rows, of which nobody can tell which became which."""
    other = compare(DataDigest({USERS: table()}), DataDigest({"public.people": table(email=(2000, 9))}))
    empty = compare(DataDigest({USERS: table(0, key=None)}), DataDigest({"public.people": table(0, key=None)}))
    for difference_of_two in (other, empty):
        kinds = {change.kind for change in difference_of_two.changes}
        assert DataChangeKind.TABLE_RENAMED not in kinds


def test_what_held_nothing_is_not_missed() -> None:
    """An empty table and a column of NULL take no values along."""
    before = DataDigest({USERS: table(empty=(0, 0)), "public.none": table(0)})
    assert not compare(before, DataDigest({USERS: table()}))


def test_values_that_moved_between_rows_are_seen_without_a_key() -> None:
    """The bags of values are the same, the rows are not."""
    assert str(difference(table(key=None, whole=4), table(key=None, whole=5))) == (
        "public.users: values moved between rows"
    )


@pytest.mark.parametrize(("after", "behind", "differs"), [(None, True, True), (3, True, True), (3, False, False)])
def test_a_counter_must_not_give_what_is_taken(after: int | None, behind: bool, differs: bool) -> None:
    """A sequence that starts again does harm where a row has its next number; else it is no loss."""
    now = DataDigest({}, {"public.s": after}, behind=frozenset({"public.s"} if behind else ()))
    found = compare(DataDigest({}, {"public.s": 10}), now)
    assert bool(found.losses) is differs
    assert str(found) == (f"public.s: counts on from {after or 0}, after 10" if differs else "no difference")


@pytest.mark.parametrize(("after", "differs"), [(None, True), (3, True), (10, False), (11, False)])
def test_a_counter_without_a_column_must_not_go_back(after: int | None, differs: bool) -> None:
    """A sequence that no column draws from gives a number twice as soon as it goes back."""
    before, now = (DataDigest({}, {"public.s": value}, free=frozenset({"public.s"})) for value in (10, after))
    assert bool(compare(before, now).losses) is differs


def test_a_single_value_is_singular() -> None:
    """One value is not values."""
    assert str(DataChange("t.c", DataChangeKind.VALUES_CHANGED, 1, 1)) == "t.c: 1 value changed"


def test_a_table_is_unchanged_where_no_value_is_another() -> None:
    """A column that came without values changes none, and one that went neither; one that came with values does."""

    def is_unchanged(after: TableDigest | None) -> bool:
        return USERS in unchanged(DataDigest({USERS: table()}), DataDigest({USERS: after} if after else {}))

    assert is_unchanged(table())
    assert is_unchanged(table(new=(0, 0)))
    assert not is_unchanged(table(new=(5, 9)))
    assert is_unchanged(without(table(), "nickname"))
    assert not is_unchanged(table(email=(2000, 9)))
    assert not is_unchanged(table(key=7))
    assert not is_unchanged(table(whole=7))
    assert not is_unchanged(None)


@pytest.mark.parametrize(("left", "sentence"), [(9, ""), (8, ""), (7, "at least 1 of 10 values gone, NULL now")])
def test_rows_that_are_gone_take_their_values_along(left: int, sentence: str) -> None:
    """Values count as lost only beyond the rows that are gone, each of which may have had one."""
    before, after = (
        TableDigest(rows, {"email": ColumnDigest(values, rows)}, key=rows) for rows, values in ((10, 10), (8, left))
    )
    changes = {change.subject: str(change) for change in difference(before, after).changes}
    assert changes.get(f"{USERS}.email", "").removeprefix(f"{USERS}.email: ") == sentence


def test_which_columns_were_filled() -> None:
    """A column is filled whose NULLs have become values but for a tenth of them, in as many rows."""

    def filled(after: TableDigest | None) -> dict[str, int]:
        return filled_nulls(DataDigest({USERS: table()}), DataDigest({USERS: after} if after else {}))

    assert filled(table(nickname=(2000, 3))) == {"public.users.nickname": 100}
    assert filled(table(nickname=(1990, 3))) == {"public.users.nickname": 100}
    assert filled(table(nickname=(1989, 3))) == {}
    assert filled(table(2001, nickname=(2001, 3))) == {}
    assert filled(without(table(), "nickname")) == {}
    assert filled(None) == {}
