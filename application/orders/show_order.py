"""The use case that shows an order by its number."""

from dataclasses import dataclass

from application.orders.ports import Orders
from application.transaction import Transaction
from domain.errors import NotFoundError
from domain.orders.order import Order


@dataclass(frozen=True)
class ShowOrder:
    """The use case that returns an order with its lines."""

    orders: Orders
    transaction: Transaction

    async def __call__(self, number: str) -> Order:
        """Return the order with this number.

        Raises:
            NotFoundError: No order has the number.
        """
        async with self.transaction():
            order = await self.orders.find(number.strip().upper())
        if order is None:
            raise NotFoundError("order", number, "check the number")
        return order
