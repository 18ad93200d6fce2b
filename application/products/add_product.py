"""Add a product."""

from dataclasses import dataclass
from decimal import Decimal

from application.products.ports import Products
from application.transaction import Transaction
from domain.products.product import Product


@dataclass(frozen=True)
class AddProduct:
    """Stores a new product."""

    products: Products
    transaction: Transaction

    async def __call__(self, name: str, price: Decimal, stock: int = 0, description: str | None = None) -> Product:
        """Add.

        Raises:
            InvalidValueError: A field breaks its rule.
        """
        product = Product.add(name, price, stock, description)
        async with self.transaction():
            await self.products.add_many([product])
        return product
