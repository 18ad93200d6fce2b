"""Restore a deleted product."""

import uuid
from dataclasses import dataclass

from application.products.ports import Products
from application.transaction import Transaction
from domain.errors import NotFoundError
from domain.products.product import Product


@dataclass(frozen=True)
class RestoreProduct:
    """Makes a deleted product live again."""

    products: Products
    transaction: Transaction

    async def __call__(self, product_id: uuid.UUID) -> Product:
        """Restore; by id, as a name may belong to another product by now.

        Raises:
            NotFoundError: There is none.
            NotDeletedError: It lives.
        """
        async with self.transaction():
            product = await self.products.find(product_id, for_change=True)
            if product is None:
                raise NotFoundError("product", product_id, "check the id")
            restored = product.restore()
            await self.products.save(restored)
        return restored
