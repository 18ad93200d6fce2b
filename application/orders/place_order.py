"""Place an order: take the stock, fix the prices, compute the total, all or nothing."""

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
    """What a user asks for.

    Attributes:
        product: Id or exact name of a product.
        quantity: Pieces.
    """

    product: str
    quantity: int


@dataclass(frozen=True)
class PlaceOrder:
    """Stores an order and takes its items out of the stock, which never falls below zero."""

    users: Users
    products: Products
    orders: Orders
    transaction: Transaction

    async def __call__(self, email: str, items: Sequence[WantedItem]) -> Order:
        """Place the order.

        Raises:
            EmptyOrderError: Nothing is wanted.
            InvalidValueError: A quantity is not positive.
            NotFoundError: There is no such user or product.
            AmbiguousProductError: Several products have a name.
            UserMayNotOrderError: The user is deleted or not active.
            OutOfStockError: Fewer pieces are left than wanted; nothing was taken.
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
            wanted = await self._wanted(items)
            # Always in the order of ids: two orders of the same products wait for each other, and never crosswise.
            lines = [await self._take(*wanted[key]) for key in sorted(wanted)]
            order = Order.place(user.id, lines, dt.datetime.now(dt.UTC))
            await self.orders.add_many([order])
        return order

    async def _wanted(self, items: Sequence[WantedItem]) -> dict[str, tuple[Product, int]]:
        """Return products and quantities by id, each product once."""
        wanted: dict[str, tuple[Product, int]] = {}
        for item in items:
            product = await choose_product(self.products, item.product)
            key = str(product.id)
            wanted[key] = (product, item.quantity + wanted.get(key, (product, 0))[1])
        return wanted

    async def _take(self, product: Product, quantity: int) -> OrderLine:
        check_quantity(quantity)
        price = await self.products.take(product.id, quantity)
        if price is None:
            now = await self.products.find(product.id)
            if now is None or now.deleted_at is not None:
                raise NotFoundError("product", product.name, "it was deleted; order something else")
            raise OutOfStockError(product.name, quantity, now.stock)
        return OrderLine(product.id, product.name, quantity, price)
