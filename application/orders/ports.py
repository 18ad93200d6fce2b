"""The ports of the use cases of orders."""

import uuid
from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Protocol

from domain.orders.order import Order


class Orders(Protocol):
    """The repository of all orders."""

    @abstractmethod
    async def find(self, number: str) -> Order | None:
        """Return the order with this number; None if there is none."""

    @abstractmethod
    async def add_many(self, orders: Sequence[Order]) -> Collection[uuid.UUID]:
        """Store orders and their lines. Skip orders whose id or number exists. Return the ids of the stored orders."""
