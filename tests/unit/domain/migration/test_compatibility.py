"""Which errors of the code before are about the schema."""

import pytest

from domain.migration.compatibility import ApplicationStatement, BrokenStatement, Compatibility, breaks
from tests.unit.domain.migration.traces import ORDERS, USERS


def refused(sqlstate: str, relation: str = "") -> BrokenStatement:
    """A statement on the users that fails."""
    return BrokenStatement(ApplicationStatement("INSERT INTO users", USERS), "no", sqlstate, relation=relation)


@pytest.mark.parametrize(
    ("sqlstate", "breaking"),
    [
        ("42703", True),
        ("23502", True),
        ("23503", False),
        ("23001", False),
        ("23505", False),
        ("23P01", False),
        ("23514", False),
    ],
)
def test_what_is_about_values_breaks_nothing(sqlstate: str, breaking: bool) -> None:
    """A unique key or a CHECK may refuse what was made up; a column that is gone fails with every value."""
    assert breaks(refused(sqlstate), "some_constraint") is breaking


def test_a_row_that_no_partition_takes() -> None:
    """It has the code of a CHECK, and no constraint."""
    assert breaks(refused("23514"))
    assert not breaks(refused("23505"))


def test_what_a_trigger_writes_to_another_table() -> None:
    """The statement has not chosen these values; those that it has, it may choose otherwise."""
    assert breaks(refused("23514", relation=ORDERS), "ck")
    assert not breaks(refused("23514", relation=USERS), "ck")
    assert not breaks(refused("23505", relation=ORDERS), "uq")


def test_another_table_by_its_last_name() -> None:
    """Of a recorded statement the schema is not known."""
    assert not BrokenStatement(ApplicationStatement("INSERT", "users"), "no", "23514", relation=USERS).elsewhere
    assert not BrokenStatement(ApplicationStatement("INSERT", ""), "no", "23514", relation=USERS).elsewhere
    assert not refused("23514").elsewhere
    assert refused("23514", relation=ORDERS).elsewhere


def test_tables_into_which_code_still_inserts() -> None:
    """An INSERT was tried, and none of that table fails; a SELECT that fails does not matter."""
    select = BrokenStatement(ApplicationStatement("select 1", USERS), "no", "42703")
    other = BrokenStatement(ApplicationStatement("INSERT INTO orders", ORDERS), "no", "42703")
    inserted = frozenset({USERS})
    assert Compatibility(3, (select, other), inserted=inserted).still_inserts(USERS)
    assert not Compatibility(3, (refused("42703"),), inserted=inserted).still_inserts(USERS)
    assert not Compatibility(3, inserted=inserted).still_inserts(ORDERS)
    assert Compatibility(3, (select, refused("42703"), other)).failing(USERS) == {"SELECT", "INSERT"}
