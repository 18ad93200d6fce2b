"""The use case that deletes a product softly: orders keep it, but it cannot be ordered until it is restored."""

import datetime as dt
from dataclasses import dataclass

from application.products.choose_product import choose_product
from application.products.ports import Products
from application.transaction import Transaction
from domain.products.product import Product


@dataclass(frozen=True)
class DeleteProduct:
    """The use case that marks a product as deleted."""

    products: Products
    transaction: Transaction

    async def __call__(self, key: str) -> Product:
        """Mark the product with this id or name as deleted, and return it.

        Raises:
            NotFoundError: There is no such product.
            AmbiguousProductError: Several products have the name.
            AlreadyDeletedError: The product is deleted already.
        """
        async with self.transaction():
            chosen = await choose_product(self.products, key)
            product = await self.products.find(chosen.id, for_change=True) or chosen
            deleted = product.delete(dt.datetime.now(dt.UTC))
            await self.products.save(deleted)
        return deleted
