"""The time line puts steps beside each other, and locks where they are held."""

import pytest

from domain.migration.deployment.timeline import columns, tables
from domain.migration.locks import LockMode
from tests.unit.domain.migration.deployment.plans import lock, plan, planned

USERS, ORDERS = "public.users", "public.orders"


def test_steps_fill_the_width_in_their_order() -> None:
    """A step of 10 s is drawn five units wide, one of a millisecond or less one unit."""
    first, second, third = columns(
        plan(
            planned("a1", seconds=(0.0001, 0.001)),
            planned("a2", seconds=(5.0, 10.0)),
            planned("a3", seconds=(0.0, 0.0)),
        )
    )

    assert [column.number for column in (first, second, third)] == [1, 2, 3]
    assert (first.left, first.width) == pytest.approx((0.0, 1 / 7))
    assert (second.left, second.width) == pytest.approx((1 / 7, 5 / 7))
    assert third.left + third.width == pytest.approx(1.0)


def test_a_lock_is_drawn_where_it_is_held() -> None:
    """It begins after a quarter of its step and is held for half of it."""
    (column,) = columns(plan(planned("a1", lock(USERS, starts=(1.0, 1.0), seconds=(2.0, 2.0)), seconds=(4.0, 4.0))))
    (bar,) = column.bars
    assert bar.table == USERS
    assert (bar.left, bar.width) == pytest.approx((0.25, 0.5))


def test_without_durations_statements_are_equally_wide() -> None:
    """A lock of the first of one statement fills its step; nothing reaches beyond the step."""
    unknown = planned("a1", lock(USERS, seconds=None, starts=None), seconds=None)
    (column,) = columns(plan(unknown))
    (bar,) = column.bars
    assert (bar.left, bar.width) == pytest.approx((0.0, 1.0))
    late = lock(USERS, starts=(9.0, 9.0), seconds=(9.0, 9.0))
    (column,) = columns(plan(planned("a1", late, seconds=(4.0, 4.0))))
    assert column.bars[0].left + column.bars[0].width == pytest.approx(1.0)


def test_each_table_with_waiting_users_has_one_line() -> None:
    """Tables come in the order in which they are locked; a lock that stops nobody has no line."""
    harmless = lock("public.notes", LockMode.SHARE_UPDATE_EXCLUSIVE)
    steps = (planned("a1", lock(ORDERS), harmless), planned("a2", lock(USERS), lock(ORDERS)))
    assert tables(plan(*steps)) == (ORDERS, USERS)
    assert columns(plan()) == ()
