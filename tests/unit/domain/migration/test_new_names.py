"""The names that objects have after statements that rename and drop."""

from domain.migration.new_names import NewName, NewNames
from domain.migration.statement_trace import StatementTrace
from tests.unit.domain.migration.traces import ORDERS, USERS, changed, renamed, step

SPARE = "public.spare"
EXCHANGE = [
    step("RENAME", renamed=renamed("table", old, new))
    for old, new in ((USERS, SPARE), (ORDERS, USERS), (SPARE, ORDERS))
]


def names(kind: str, *statements: StatementTrace) -> NewNames:
    """The names after some statements."""
    return NewNames(statements, kind)


def test_each_object_is_followed_through_all_its_names() -> None:
    """The statement is the first that renamed it; one before which it is asked for has no part in it."""
    tables = names("table", *EXCHANGE)
    assert tables.of(USERS) == NewName(ORDERS, 0)
    assert tables.of(ORDERS) == NewName(USERS, 1)
    assert tables.of(USERS, since=2) == NewName(USERS, None)
    assert tables.of(SPARE, since=2) == NewName(ORDERS, 2)
    assert tables.of("public.other") == NewName("public.other", None)


def test_a_dropped_object_has_no_name() -> None:
    """Nor have the columns of a dropped table; another object may get the name after that."""
    drop = step("DROP", dropped=changed("table", USERS))
    taken = step("RENAME", renamed=renamed("table", ORDERS, USERS))
    assert names("table", drop, taken).of(USERS) is None
    assert names("table", drop, taken).of(USERS, since=1) == NewName(USERS, None)
    assert names("table", drop, taken).of(ORDERS) == NewName(USERS, 1)
    assert names("column", drop).of(f"{USERS}.name") is None
    assert names("column", step("DROP", dropped=changed("table column", f"{USERS}.name"))).of(f"{USERS}.name") is None
    assert names("table", step("DROP", dropped=changed("extension", "public"))).of(USERS) == NewName(USERS, None)


def test_columns_move_along_with_their_table() -> None:
    """Also with a view or a type; that is no rename of the column, as its own name is the same."""
    for kind in ("table", "foreign table", "materialized view", "type"):
        moved = step("RENAME", renamed=renamed(kind, USERS, SPARE))
        assert names("column", moved).of(f"{USERS}.name") == NewName(f"{SPARE}.name", None)
    column = step("RENAME", renamed=renamed("table column", f"{SPARE}.name", f"{SPARE}.title"))
    assert names("column", moved, column).of(f"{USERS}.name") == NewName(f"{SPARE}.title", 1)


def test_objects_of_other_kinds_are_others() -> None:
    """A trigger, a constraint or an extension has no part in the names of tables."""
    other = step("RENAME", renamed=renamed("extension", USERS, SPARE))
    assert names("table", other).of(USERS) == NewName(USERS, None)
