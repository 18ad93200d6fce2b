"""The use case that restores a deleted product."""

import uuid
from dataclasses import dataclass

from application.products.ports import Products
from application.transaction import Transaction
from domain.errors import NotFoundError
from domain.products.product import Product


@dataclass(frozen=True)
class RestoreProduct:
    """The use case that restores a deleted product."""

    products: Products
    transaction: Transaction

    async def __call__(self, product_id: uuid.UUID) -> Product:
        """Restore the product with this id, and return it. A name may belong to another product by now.

        Raises:
            NotFoundError: There is no such product.
            NotDeletedError: The product is not deleted.
        """
        async with self.transaction():
            product = await self.products.find(product_id, for_change=True)
            if product is None:
                raise NotFoundError("product", product_id, "check the id")
            restored = product.restore()
            await self.products.save(restored)
        return restored
