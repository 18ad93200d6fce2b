"""Products in Postgres."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession

from adapter.outbound.database.products.mapper import to_product, to_product_values
from adapter.outbound.database.products.models import sqlalchemy as rows
from application.products.ports import Products
from domain.products.product import Product


@dataclass(frozen=True)
class ProductRepository(Products):
    """Reads and writes products.

    Attributes:
        session: In whose transaction everything happens.
    """

    session: AsyncSession

    async def find(self, product_id: uuid.UUID, *, for_change: bool = False) -> Product | None:
        """Return a product, living or deleted."""
        # The stock changes by statements that the session does not see.
        row = await self.session.get(
            rows.Product, product_id, populate_existing=True, with_for_update=True if for_change else None
        )
        return None if row is None else to_product(row)

    async def named(self, name: str) -> Sequence[Product]:
        """Return the living products of this name."""
        query = select(rows.Product).where(rows.Product.name == name, rows.Product.deleted_at.is_(None))
        found = await self.session.scalars(query.execution_options(populate_existing=True))
        return [to_product(row) for row in found]

    async def living(self) -> Sequence[Product]:
        """Return all living products by name."""
        query = select(rows.Product).where(rows.Product.deleted_at.is_(None)).order_by(rows.Product.name)
        found = await self.session.scalars(query.execution_options(populate_existing=True))
        return [to_product(row) for row in found]

    async def add_many(self, products: Sequence[Product]) -> int:
        """Store products; skip those whose id exists, and give how many were stored."""
        values = [to_product_values(product) for product in sorted(products, key=lambda product: product.id)]
        skip = insert_or_skip(rows.Product).on_conflict_do_nothing(index_elements=["id"]).returning(rows.Product.id)
        return len((await self.session.execute(skip, values)).all())

    async def save(self, product: Product) -> None:
        """Store whether a product is deleted; its stock changes only by being taken."""
        await self.session.execute(
            update(rows.Product).where(rows.Product.id == product.id).values(deleted_at=product.deleted_at)
        )

    async def take(self, product_id: uuid.UUID, quantity: int) -> Decimal | None:
        """Take pieces out of the stock, and give the price of one at that moment.

        One statement checks and takes: whoever waits for the row reads it anew before deciding (PostgreSQL manual,
        13.2.1 Read Committed), so that the stock never falls below zero.
        """
        statement = (
            update(rows.Product)
            .where(rows.Product.id == product_id, rows.Product.stock >= quantity, rows.Product.deleted_at.is_(None))
            .values(stock=rows.Product.stock - quantity)
            .returning(rows.Product.price)
            .execution_options(synchronize_session=False)
        )
        return (await self.session.execute(statement)).scalar_one_or_none()

    async def take_many(self, quantities: Mapping[uuid.UUID, int]) -> None:
        """Take what a history of orders sold; the column's check constraint refuses a stock below zero."""
        # In the order of ids, as orders do: nobody waits crosswise.
        for product_id in sorted(quantities, key=str):
            statement = (
                update(rows.Product)
                .where(rows.Product.id == product_id)
                .values(stock=rows.Product.stock - quantities[product_id])
                .execution_options(synchronize_session=False)
            )
            await self.session.execute(statement)
