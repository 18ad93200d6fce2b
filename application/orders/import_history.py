"""The use case that imports the history of a shop: customers, products and past orders."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from application.orders.ports import Orders
from application.products.ports import Products
from application.transaction import Transaction
from application.users.ports import Users
from domain.orders.order import Order
from domain.products.product import Product
from domain.users.user import User


@dataclass(frozen=True)
class ImportHistory:
    """The use case that stores a history in batches. After each batch, the stock matches the stored orders.

    Rows that are stored already are skipped, so an interrupted import can simply be started again.
    """

    users: Users
    products: Products
    orders: Orders
    transaction: Transaction

    async def catalog(self, products: Sequence[Product]) -> int:
        """Store products with their stock before the first order, and return the number of new ones."""
        async with self.transaction():
            return await self.products.add_many(products)

    async def __call__(self, customers: Sequence[User], orders: Sequence[Order]) -> tuple[int, int]:
        """Store a batch of customers and orders, and take the ordered pieces out of the stock.

        Args:
            customers: Users of these orders or of later ones.
            orders: Orders of products that are stored already.

        Returns:
            Number of new users and number of new orders.
        """
        async with self.transaction():
            new_users = await self.users.add_many(customers)
            stored = await self.orders.add_many(orders)
            quantities = Counter[uuid.UUID]()
            for order in orders:
                if order.id in stored:
                    for line in order.lines:
                        quantities[line.product_id] += line.quantity
            await self.products.take_many(quantities)
        return new_users, len(stored)
