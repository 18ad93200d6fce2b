"""Fakes with state: the ports of the business contexts, in memory."""

import copy
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from application.documents.ports import Documents, EmbeddedDocument
from application.orders.ports import Orders
from application.products.ports import Products
from application.transaction import Transaction
from application.users.ports import Users
from domain.documents.document import Document
from domain.documents.ranking import FoundPassage
from domain.orders.order import Order
from domain.products.product import Product
from domain.users.user import User


@dataclass
class FakeUsers(Users):
    """Users by address."""

    stored: dict[str, User] = field(default_factory=dict)

    async def find(self, email: str, *, for_change: bool = False) -> User | None:
        """Look up."""
        del for_change
        return self.stored.get(email)

    async def add(self, user: User) -> bool:
        """Store one."""
        return await self.add_many([user]) == 1

    async def add_many(self, users: Sequence[User]) -> int:
        """Store those whose address is free."""
        new = [user for user in users if user.email not in self.stored]
        self.stored |= {user.email: user for user in new}
        return len(new)

    async def save(self, user: User) -> None:
        """Replace."""
        self.stored[user.email] = user

    async def locales(self) -> Sequence[str]:
        """Two languages."""
        return ["en", "es"]


@dataclass
class FakeProducts(Products):
    """Products by id; `taken` are the ids in the order of the takes."""

    stored: dict[uuid.UUID, Product] = field(default_factory=dict)
    taken: list[uuid.UUID] = field(default_factory=list)

    async def find(self, product_id: uuid.UUID, *, for_change: bool = False) -> Product | None:
        """Look up."""
        del for_change
        return self.stored.get(product_id)

    async def named(self, name: str) -> Sequence[Product]:
        """Look up the living."""
        return [product for product in await self.living() if product.name == name]

    async def living(self) -> Sequence[Product]:
        """List the living."""
        living = [product for product in self.stored.values() if product.deleted_at is None]
        return sorted(living, key=lambda product: product.name)

    async def add_many(self, products: Sequence[Product]) -> int:
        """Store those whose id is free."""
        new = [product for product in products if product.id not in self.stored]
        self.stored |= {product.id: product for product in new}
        return len(new)

    async def save(self, product: Product) -> None:
        """Replace whether it is deleted."""
        self.stored[product.id] = replace(self.stored[product.id], deleted_at=product.deleted_at)

    async def take(self, product_id: uuid.UUID, quantity: int) -> Decimal | None:
        """Take, if there is enough."""
        product = self.stored[product_id]
        if product.deleted_at is not None or product.stock < quantity:
            return None
        self.taken.append(product_id)
        self.stored[product_id] = replace(product, stock=product.stock - quantity)
        return product.price

    async def take_many(self, quantities: Mapping[uuid.UUID, int]) -> None:
        """Take without asking."""
        for product_id, quantity in quantities.items():
            product = self.stored[product_id]
            self.stored[product_id] = replace(product, stock=product.stock - quantity)


@dataclass
class FakeOrders(Orders):
    """Orders by number."""

    stored: dict[str, Order] = field(default_factory=dict)

    async def find(self, number: str) -> Order | None:
        """Look up."""
        return self.stored.get(number)

    async def add_many(self, orders: Sequence[Order]) -> Collection[uuid.UUID]:
        """Store those whose number is free."""
        new = [order for order in orders if order.number not in self.stored]
        self.stored |= {order.number: order for order in new}
        return {order.id for order in new}


@dataclass
class FakeDocuments(Documents):
    """Documents by content hash."""

    length: int = 256
    stored: dict[str, EmbeddedDocument] = field(default_factory=dict)

    async def dimensions(self) -> int:
        """Return the length that was chosen."""
        return self.length

    async def known(self, hashes: Collection[str]) -> Collection[str]:
        """Intersect."""
        return set(hashes) & self.stored.keys()

    async def add_many(self, documents: Sequence[EmbeddedDocument]) -> Collection[uuid.UUID]:
        """Store those whose text is new."""
        new = [item for item in documents if item.document.content_hash not in self.stored]
        self.stored |= {item.document.content_hash: item for item in new}
        return {item.document.id for item in new}

    async def find(self, document_id: uuid.UUID, *, for_change: bool = False) -> Document | None:
        """Look up."""
        del for_change
        found = (item.document for item in self.stored.values() if item.document.id == document_id)
        return next(found, None)

    async def save(self, document: Document) -> None:
        """Replace."""
        self.stored[document.content_hash] = replace(self.stored[document.content_hash], document=document)

    async def nearest(
        self, vector: Sequence[float], model: str, tags: Collection[str], limit: int
    ) -> Sequence[FoundPassage]:
        """Compare with everything."""
        found = []
        for item in self.stored.values():
            document = item.document
            if document.deleted_at is None and item.model == model and set(tags) <= set(document.tags):
                for position, (content, other) in enumerate(zip(document.passages, item.vectors, strict=True)):
                    near = sum(a * b for a, b in zip(vector, other, strict=True))
                    place = (document.id, document.title, document.source, document.tags, position)
                    found.append(FoundPassage(*place, content, near, near))
        return sorted(found, key=lambda passage: -passage.similarity)[:limit]

    async def models(self) -> Sequence[str]:
        """Name them."""
        return sorted({item.model for item in self.stored.values()})


class FakeTransaction(Transaction):
    """Puts back what fakes stored when an exception leaves the block.

    Args:
        stores: The fakes that it guards.
    """

    def __init__(self, *stores: Any) -> None:
        self._stores = stores

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Open a block."""
        return self._block()

    @asynccontextmanager
    async def _block(self) -> AsyncIterator[None]:
        before = [copy.copy(store.stored) for store in self._stores]
        try:
            yield
        except BaseException:
            for store, stored in zip(self._stores, before, strict=True):
                store.stored = stored
            raise
