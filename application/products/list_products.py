"""The use case that lists the products."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.products.ports import Products
from application.transaction import Transaction
from domain.products.product import Product


@dataclass(frozen=True)
class ListProducts:
    """The use case that returns the products that are not deleted, sorted by name."""

    products: Products
    transaction: Transaction

    async def __call__(self) -> Sequence[Product]:
        """Return the products that are not deleted, sorted by name."""
        async with self.transaction():
            return await self.products.living()
