"""Rules of orders."""

import datetime as dt
import re
import uuid
from decimal import Decimal

import pytest

from domain.errors import InvalidValueError
from domain.orders.errors import EmptyOrderError
from domain.orders.order import Order, OrderLine, new_order_number

NOW = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)


def line(quantity: int, price: str) -> OrderLine:
    """Return a line of some product."""
    return OrderLine(uuid.uuid4(), "Cup", quantity, Decimal(price))


def test_total_is_exact() -> None:
    """The total is the sum of the lines, to the cent: no binary fractions."""
    order = Order.place(uuid.uuid4(), [line(3, "0.10"), line(1, "19.99")], NOW)
    assert order.total == Decimal("20.29")


def test_empty_order_is_refused() -> None:
    """An order has at least one line."""
    with pytest.raises(EmptyOrderError):
        Order.place(uuid.uuid4(), [], NOW)


@pytest.mark.parametrize("quantity", [0, -1, 2**31])
def test_invalid_quantity_is_refused(quantity: int) -> None:
    """One piece or more is ordered, and no more than a column holds."""
    with pytest.raises(InvalidValueError, match="quantity"):
        line(quantity, "1.00")


def test_absurd_total_is_refused() -> None:
    """A total that its column could not hold is refused before the database is asked."""
    with pytest.raises(InvalidValueError, match="total"):
        Order.place(uuid.uuid4(), [line(1000, "99999999.99")], NOW)


def test_the_largest_order_is_accepted() -> None:
    """A quantity and a total may be as large as their columns hold."""
    assert line(2**31 - 1, "0.01").quantity == 2**31 - 1
    lines = [line(100, "99999999.99"), line(1, "0.99")]
    assert Order.place(uuid.uuid4(), lines, NOW).total == Decimal("9999999999.99")


def test_order_number_is_readable_and_unique() -> None:
    """Numbers begin with the day, avoid letters that are misread, and do not repeat."""
    numbers = {new_order_number(NOW) for _ in range(10_000)}
    assert len(numbers) == 10_000
    assert all(re.fullmatch(r"20260131-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", number) for number in numbers)
