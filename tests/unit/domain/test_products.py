"""Rules of products."""

import datetime as dt
from decimal import Decimal

import pytest

from domain.errors import AlreadyDeletedError, InvalidValueError, NotDeletedError
from domain.products.product import Product

NOW = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)


def test_price_gets_two_decimals() -> None:
    """A price is kept in cents, however it was written."""
    assert str(Product.add("Cup", Decimal("12.5")).price) == "12.50"
    assert str(Product.add("Gift", Decimal(0)).price) == "0.00"


@pytest.mark.parametrize("price", ["-0.01", "0.001", "100000000", "NaN", "Infinity"])
def test_invalid_price_is_refused(price: str) -> None:
    """A price is not negative, has no fractions of a cent, and fits its column."""
    with pytest.raises(InvalidValueError, match="price"):
        Product.add("Cup", Decimal(price))


@pytest.mark.parametrize("name", ["", " ", "x" * 201])
def test_invalid_name_is_refused(name: str) -> None:
    """A name has 1 to 200 characters."""
    with pytest.raises(InvalidValueError, match="name"):
        Product.add(name, Decimal(1))


@pytest.mark.parametrize("stock", [-1, 2**31])
def test_invalid_stock_is_refused(stock: int) -> None:
    """A stock is not negative and fits its column."""
    with pytest.raises(InvalidValueError, match="stock"):
        Product.add("Cup", Decimal(1), stock)


def test_the_largest_values_are_accepted() -> None:
    """Name, price and stock may be as large as their columns hold."""
    product = Product.add("x" * 200, Decimal("99999999.99"), 2**31 - 1)
    assert (len(product.name), str(product.price), product.stock) == (200, "99999999.99", 2**31 - 1)


def test_soft_delete_and_restore() -> None:
    """Deleting twice and restoring the living are refused."""
    product = Product.add("Cup", Decimal(1))
    deleted = product.delete(NOW)
    assert deleted.restore() == product
    with pytest.raises(AlreadyDeletedError):
        deleted.delete(NOW)
    with pytest.raises(NotDeletedError):
        product.restore()
