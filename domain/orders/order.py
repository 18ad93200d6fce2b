"""An order, its lines and its total."""

import datetime as dt
import enum
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from domain.errors import InvalidValueError
from domain.orders.errors import EmptyOrderError

_HIGHEST_QUANTITY = 2_147_483_647
_HIGHEST_TOTAL = Decimal("9999999999.99")
# Crockford's base 32: without I, L, O and U, which people misread.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class OrderStatus(enum.Enum):
    """The status of an order."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


def check_quantity(quantity: int) -> None:
    """Raise an error if a quantity cannot be ordered.

    Raises:
        InvalidValueError: The quantity is not positive, or too high.
    """
    if not 0 < quantity <= _HIGHEST_QUANTITY:
        raise InvalidValueError("quantity", quantity, "order one piece or more")


def new_order_number(at: dt.datetime) -> str:
    """Return a new order number that people can read out: the day and 50 random bits, as in `20260131-7KQ2M-9XVTA`."""
    token = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{at:%Y%m%d}-{token[:5]}-{token[5:]}"


@dataclass(frozen=True)
class OrderLine:
    """One product of an order.

    Attributes:
        product_id: Id of the product.
        product_name: Name of the product.
        quantity: Number of pieces.
        unit_price: Price of one piece at the time of the order.

    Raises:
        InvalidValueError: The quantity violates its rule.
    """

    product_id: uuid.UUID
    product_name: str
    quantity: int
    unit_price: Decimal

    def __post_init__(self) -> None:
        """Check the rules of the fields."""
        check_quantity(self.quantity)

    @property
    def amount(self) -> Decimal:
        """Price of the whole line."""
        return self.unit_price * self.quantity


@dataclass(frozen=True)
class Order:
    """An order of one user.

    Attributes:
        id: Identity of the order.
        number: Order number, which people quote.
        user_id: Id of the user.
        placed_at: Time of the order.
        lines: Lines of the order; at least one, and each product once.
        status: Status of the order.

    Raises:
        EmptyOrderError: There is no line.
        InvalidValueError: The total is above the highest total of an order.
    """

    id: uuid.UUID
    number: str
    user_id: uuid.UUID
    placed_at: dt.datetime
    lines: tuple[OrderLine, ...]
    status: OrderStatus = OrderStatus.PENDING

    def __post_init__(self) -> None:
        """Check the rules of the fields."""
        if not self.lines:
            raise EmptyOrderError
        if self.total > _HIGHEST_TOTAL:
            raise InvalidValueError("total", str(self.total), f"one order costs at most {_HIGHEST_TOTAL}")

    @property
    def total(self) -> Decimal:
        """Sum of the amounts of all lines."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @classmethod
    def place(cls, user_id: uuid.UUID, lines: Sequence[OrderLine], at: dt.datetime) -> Self:
        """Return a new order with a new number.

        Raises:
            EmptyOrderError: There is no line.
            InvalidValueError: The total is above the highest total of an order.
        """
        return cls(uuid.uuid4(), new_order_number(at), user_id, at, tuple(lines))
