"""The use case that places an order: it takes the stock, sets the prices and computes the total, all or nothing."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from application.orders.ports import Orders
from application.products.choose_product import choose_product
from application.products.ports import Products
from application.transaction import Transaction
from application.users.ports import Users
from domain.errors import NotFoundError
from domain.orders.errors import EmptyOrderError, OutOfStockError
from domain.orders.order import Order, OrderLine, check_quantity
from domain.products.product import Product
from domain.users.user import normalize_email


@dataclass(frozen=True)
class WantedItem:
    """An item that a user wants to order.

    Attributes:
        product: Id or exact name of the product.
        quantity: Number of pieces.
    """

    product: str
    quantity: int


@dataclass(frozen=True)
class PlaceOrder:
    """The use case that stores an order and takes its items out of the stock, which never falls below zero."""

    users: Users
    products: Products
    orders: Orders
    transaction: Transaction

    async def __call__(self, email: str, items: Sequence[WantedItem]) -> Order:
        """Store a new order of a user, and return it.

        Raises:
            EmptyOrderError: There are no items.
            InvalidValueError: A quantity is not positive.
            NotFoundError: There is no such user or product.
            AmbiguousProductError: Several products have the name of an item.
            UserMayNotOrderError: The user is deleted or not active.
            OutOfStockError: An item has fewer pieces in stock than ordered; nothing was taken.
        """
        if not items:
            raise EmptyOrderError
        for item in items:
            check_quantity(item.quantity)
        async with self.transaction():
            user = await self.users.find(normalize_email(email))
            if user is None:
                raise NotFoundError("user", email, "register the user first: backend user register")
            user.check_may_order()
            products = await self._products_of(items)
            # Always in the order of ids, so that two orders of the same products cannot deadlock.
            lines = [await self._take(*products[key]) for key in sorted(products)]
            order = Order.place(user.id, lines, dt.datetime.now(dt.UTC))
            await self.orders.add_many([order])
        return order

    async def _products_of(self, items: Sequence[WantedItem]) -> dict[str, tuple[Product, int]]:
        """Return the products of the items with their total quantities, by product id."""
        quantities: dict[str, tuple[Product, int]] = {}
        for item in items:
            product = await choose_product(self.products, item.product)
            key = str(product.id)
            quantities[key] = (product, item.quantity + quantities.get(key, (product, 0))[1])
        return quantities

    async def _take(self, product: Product, quantity: int) -> OrderLine:
        check_quantity(quantity)
        price = await self.products.take(product.id, quantity)
        if price is None:
            current = await self.products.find(product.id)
            if current is None or current.deleted_at is not None:
                raise NotFoundError("product", product.name, "it was deleted; order something else")
            raise OutOfStockError(product.name, quantity, current.stock)
        return OrderLine(product.id, product.name, quantity, price)
