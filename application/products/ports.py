"""What the use cases of products need from outside."""

import uuid
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from domain.products.product import Product


class Products(Protocol):
    """The products there are, deleted ones included."""

    @abstractmethod
    async def find(self, product_id: uuid.UUID, *, for_change: bool = False) -> Product | None:
        """Return a product, living or deleted.

        Args:
            product_id: Its identity.
            for_change: Keep others from changing the product until the transaction ends.
        """

    @abstractmethod
    async def named(self, name: str) -> Sequence[Product]:
        """Return the living products of this name."""

    @abstractmethod
    async def living(self) -> Sequence[Product]:
        """Return all living products by name."""

    @abstractmethod
    async def add_many(self, products: Sequence[Product]) -> int:
        """Store products; skip those whose id exists, and give how many were stored."""

    @abstractmethod
    async def save(self, product: Product) -> None:
        """Store whether a product is deleted; its stock changes only by being taken."""

    @abstractmethod
    async def take(self, product_id: uuid.UUID, quantity: int) -> Decimal | None:
        """Take pieces out of the stock, and give the price of one at that moment.

        Returns:
            None, with nothing taken, when the product is deleted or has too few pieces.
        """

    @abstractmethod
    async def take_many(self, quantities: Mapping[uuid.UUID, int]) -> None:
        """Take what a history of orders sold; the whole transaction fails when a stock falls short."""
