"""Objects that have exchanged their names."""

from domain.migration.data_difference import DataChange, DataChangeKind, DataDifference
from domain.migration.exchanges import circles, exchanged, with_exchanges
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statement_trace import StatementTrace
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, changed, renamed, step

BEFORE = SchemaSnapshot(BASE)


def renames(kind: str, *names: tuple[str, str]) -> list[StatementTrace]:
    """Return a statement for each rename."""
    return [step("RENAME", renamed=renamed(kind, old, new)) for old, new in names]


TABLES = renames("table", (USERS, "public.spare"), (ORDERS, USERS), ("public.spare", ORDERS))
COLUMNS = renames(
    "table column",
    (f"{USERS}.name", f"{USERS}.spare"),
    (f"{USERS}.email", f"{USERS}.name"),
    (f"{USERS}.spare", f"{USERS}.email"),
)


def test_each_has_the_name_of_another() -> None:
    """Whoever only takes the name of one that is renamed away or dropped has exchanged nothing."""
    assert exchanged(BEFORE, TABLES, "table") == {USERS: ORDERS, ORDERS: USERS}
    assert exchanged(BEFORE, TABLES[:2], "table") == {}
    taken = [step("DROP", dropped=changed("table", USERS)), *renames("table", (ORDERS, USERS))]
    assert exchanged(BEFORE, taken, "table") == {}
    assert exchanged(BEFORE, TABLES * 2, "table") == {}
    assert exchanged(None, TABLES, "table") == {}


def test_columns_exchange_names_also_in_a_renamed_table() -> None:
    """They are named with the old name of the table; a table takes its columns along and exchanges none."""
    names = {f"{USERS}.name": f"{USERS}.email", f"{USERS}.email": f"{USERS}.name"}
    assert exchanged(BEFORE, COLUMNS, "column") == names
    assert exchanged(BEFORE, [*COLUMNS, *renames("table", (USERS, "public.people"))], "column") == names
    assert exchanged(BEFORE, TABLES[:1], "column") == {}


def test_circles_are_apart() -> None:
    """Two that exchange their names, and three."""
    names = {"a": "b", "b": "a", "c": "d", "d": "e", "e": "c"}
    assert sorted(circles(names)) == [["a", "b"], ["c", "d", "e"]]


def test_an_exchange_is_a_difference_of_rows_that_look_alike() -> None:
    """Unless a difference of the table is known already."""
    alike = with_exchanges(DataDifference(()), BEFORE, COLUMNS)
    assert {(change.subject, change.kind, change.other) for change in alike.changes} == {
        (f"{USERS}.name", DataChangeKind.EXCHANGED, f"{USERS}.email"),
        (f"{USERS}.email", DataChangeKind.EXCHANGED, f"{USERS}.name"),
    }
    known = DataDifference((DataChange(f"{USERS}.name", DataChangeKind.VALUES_CHANGED, 5),))
    assert [change.subject for change in with_exchanges(known, BEFORE, COLUMNS).changes] == [
        f"{USERS}.name",
        f"{USERS}.email",
    ]
    nothing = DataDifference(())
    assert with_exchanges(nothing, BEFORE, []) is nothing
