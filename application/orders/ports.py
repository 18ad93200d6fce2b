"""What the use cases of orders need from outside."""

import uuid
from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Protocol

from domain.orders.order import Order


class Orders(Protocol):
    """The orders there are."""

    @abstractmethod
    async def find(self, number: str) -> Order | None:
        """Return the order of this number."""

    @abstractmethod
    async def add_many(self, orders: Sequence[Order]) -> Collection[uuid.UUID]:
        """Store orders and their lines; skip those whose number exists, and give the ids of those that were stored."""
