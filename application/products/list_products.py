"""List the products that can be ordered."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.products.ports import Products
from application.transaction import Transaction
from domain.products.product import Product


@dataclass(frozen=True)
class ListProducts:
    """Gives the living products by name."""

    products: Products
    transaction: Transaction

    async def __call__(self) -> Sequence[Product]:
        """List."""
        async with self.transaction():
            return await self.products.living()
