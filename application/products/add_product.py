"""The use case that adds a product."""

from dataclasses import dataclass
from decimal import Decimal

from application.products.ports import Products
from application.transaction import Transaction
from domain.products.product import Product


@dataclass(frozen=True)
class AddProduct:
    """The use case that stores a new product."""

    products: Products
    transaction: Transaction

    async def __call__(self, name: str, price: Decimal, stock: int = 0, description: str | None = None) -> Product:
        """Store a new product and return it.

        Raises:
            InvalidValueError: A field violates its rule.
        """
        product = Product.add(name, price, stock, description)
        async with self.transaction():
            await self.products.add_many([product])
        return product
