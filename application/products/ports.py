"""The ports of the use cases of products."""

import uuid
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from domain.products.product import Product


class Products(Protocol):
    """The repository of all products, including deleted ones."""

    @abstractmethod
    async def find(self, product_id: uuid.UUID, *, for_change: bool = False) -> Product | None:
        """Return the product with this id, deleted or not; None if there is none.

        Args:
            product_id: Id of the product.
            for_change: Whether to lock the product against changes by others until the transaction ends.
        """

    @abstractmethod
    async def named(self, name: str) -> Sequence[Product]:
        """Return the products with this name that are not deleted."""

    @abstractmethod
    async def living(self) -> Sequence[Product]:
        """Return all products that are not deleted, sorted by name."""

    @abstractmethod
    async def add_many(self, products: Sequence[Product]) -> int:
        """Store products. Skip products whose id exists. Return the number of stored products."""

    @abstractmethod
    async def save(self, product: Product) -> None:
        """Store whether a product is deleted. Its stock is changed only by `take` and `take_many`."""

    @abstractmethod
    async def take(self, product_id: uuid.UUID, quantity: int) -> Decimal | None:
        """Take pieces out of the stock, and return the present price of one piece.

        Returns:
            The price; None, with nothing taken, if the product is deleted or has too few pieces.
        """

    @abstractmethod
    async def take_many(self, quantities: Mapping[uuid.UUID, int]) -> None:
        """Take the pieces of past orders out of the stock. The transaction fails if a product has too few pieces."""
