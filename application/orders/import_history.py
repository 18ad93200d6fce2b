"""Import a shop's history: customers, products and past orders."""

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
    """Stores a history batch by batch: after each batch the stock is what the stored orders left of it.

    What is stored already is skipped, so an import that was cut off is simply started again.
    """

    users: Users
    products: Products
    orders: Orders
    transaction: Transaction

    async def catalog(self, products: Sequence[Product]) -> int:
        """Store products with the stock they had before the first order; give how many were new."""
        async with self.transaction():
            return await self.products.add_many(products)

    async def __call__(self, customers: Sequence[User], orders: Sequence[Order]) -> tuple[int, int]:
        """Store a batch.

        Args:
            customers: Users that the orders, or later ones, belong to.
            orders: Orders of products that are stored.

        Returns:
            How many users and how many orders were new.
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
