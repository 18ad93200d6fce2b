"""A product with its price and its stock."""

import datetime as dt
import uuid
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from domain.errors import AlreadyDeletedError, InvalidValueError, NotDeletedError

_NAME_LENGTH = 200
_CENT = Decimal("0.01")
_HIGHEST_PRICE = Decimal("99999999.99")
_HIGHEST_STOCK = 2_147_483_647


def check_price(price: Decimal) -> Decimal:
    """Return the price with exactly two decimals.

    Raises:
        InvalidValueError: The price is negative, too high, or has fractions of a cent.
    """
    if not price.is_finite() or not 0 <= price <= _HIGHEST_PRICE or price != price.quantize(_CENT):
        raise InvalidValueError("price", str(price), f"write 0 to {_HIGHEST_PRICE} with at most two decimals")
    return price.quantize(_CENT)


@dataclass(frozen=True)
class Product:
    """Something that can be ordered while it is in stock.

    Attributes:
        id: Identity of the product.
        name: Name for customers; need not be unique.
        price: Price of one piece, with two decimals.
        stock: Number of pieces that can still be ordered.
        description: Description for customers.
        deleted_at: Time of the deletion; None if the product is not deleted.

    Raises:
        InvalidValueError: A field violates its rule.
    """

    id: uuid.UUID
    name: str
    price: Decimal
    stock: int = 0
    description: str | None = None
    deleted_at: dt.datetime | None = None

    def __post_init__(self) -> None:
        """Check the rules of the fields."""
        if not self.name.strip() or len(self.name) > _NAME_LENGTH:
            raise InvalidValueError("name", self.name, f"write 1 to {_NAME_LENGTH} characters")
        check_price(self.price)
        if not 0 <= self.stock <= _HIGHEST_STOCK:
            raise InvalidValueError("stock", self.stock, f"write 0 to {_HIGHEST_STOCK}")

    @classmethod
    def add(cls, name: str, price: Decimal, stock: int = 0, description: str | None = None) -> Self:
        """Return a new product.

        Raises:
            InvalidValueError: A field violates its rule.
        """
        return cls(uuid.uuid4(), name.strip(), check_price(price), stock, description)

    def delete(self, at: dt.datetime) -> Self:
        """Return the product, marked as deleted at that time.

        Raises:
            AlreadyDeletedError: The product is deleted already.
        """
        if self.deleted_at is not None:
            raise AlreadyDeletedError("product", self.name)
        return replace(self, deleted_at=at)

    def restore(self) -> Self:
        """Return the product, no longer marked as deleted.

        Raises:
            NotDeletedError: The product is not deleted.
        """
        if self.deleted_at is None:
            raise NotDeletedError("product", self.name)
        return replace(self, deleted_at=None)
