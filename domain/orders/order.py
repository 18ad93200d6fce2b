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
# Without I, L, O and U, which people misread (Crockford's base 32).
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class OrderStatus(enum.Enum):
    """How far an order has come."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


def check_quantity(quantity: int) -> None:
    """Refuse a quantity that nobody can order.

    Raises:
        InvalidValueError: It is not positive, or absurdly high.
    """
    if not 0 < quantity <= _HIGHEST_QUANTITY:
        raise InvalidValueError("quantity", quantity, "order one piece or more")


def new_order_number(at: dt.datetime) -> str:
    """Make a number that people can read out: the day and 50 random bits, as in `20260131-7KQ2M-9XVTA`."""
    token = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{at:%Y%m%d}-{token[:5]}-{token[5:]}"


@dataclass(frozen=True)
class OrderLine:
    """One product of an order.

    Attributes:
        product_id: What was ordered.
        product_name: Its name, for people.
        quantity: Pieces.
        unit_price: Price of one piece when it was ordered.

    Raises:
        InvalidValueError: The quantity breaks its rule.
    """

    product_id: uuid.UUID
    product_name: str
    quantity: int
    unit_price: Decimal

    def __post_init__(self) -> None:
        """Check the rules."""
        check_quantity(self.quantity)

    @property
    def amount(self) -> Decimal:
        """Price of the whole line."""
        return self.unit_price * self.quantity


@dataclass(frozen=True)
class Order:
    """What one user bought at one time.

    Attributes:
        id: Identity.
        number: What people quote.
        user_id: Who ordered.
        placed_at: When.
        lines: What; at least one, each product once.
        status: How far it has come.

    Raises:
        EmptyOrderError: There is no line.
        InvalidValueError: The total is beyond what an order may cost.
    """

    id: uuid.UUID
    number: str
    user_id: uuid.UUID
    placed_at: dt.datetime
    lines: tuple[OrderLine, ...]
    status: OrderStatus = OrderStatus.PENDING

    def __post_init__(self) -> None:
        """Check the rules."""
        if not self.lines:
            raise EmptyOrderError
        if self.total > _HIGHEST_TOTAL:
            raise InvalidValueError("total", str(self.total), f"one order costs at most {_HIGHEST_TOTAL}")

    @property
    def total(self) -> Decimal:
        """Sum of quantity times unit price."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @classmethod
    def place(cls, user_id: uuid.UUID, lines: Sequence[OrderLine], at: dt.datetime) -> Self:
        """Make a new order with a number of its own.

        Raises:
            EmptyOrderError: There is no line.
            InvalidValueError: The total is beyond what an order may cost.
        """
        return cls(uuid.uuid4(), new_order_number(at), user_id, at, tuple(lines))
