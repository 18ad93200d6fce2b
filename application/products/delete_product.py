"""Delete a product softly: orders keep it, nobody orders it again until it is restored."""

import datetime as dt
from dataclasses import dataclass

from application.products.choose_product import choose_product
from application.products.ports import Products
from application.transaction import Transaction
from domain.products.product import Product


@dataclass(frozen=True)
class DeleteProduct:
    """Marks a product as deleted."""

    products: Products
    transaction: Transaction

    async def __call__(self, key: str) -> Product:
        """Delete the product of this id or name.

        Raises:
            NotFoundError: There is none.
            AmbiguousProductError: Several have the name.
            AlreadyDeletedError: It is deleted.
        """
        async with self.transaction():
            chosen = await choose_product(self.products, key)
            product = await self.products.find(chosen.id, for_change=True) or chosen
            deleted = product.delete(dt.datetime.now(dt.UTC))
            await self.products.save(deleted)
        return deleted
