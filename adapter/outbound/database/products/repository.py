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
        session: The session in whose transaction everything runs.
    """

    session: AsyncSession

    async def find(self, product_id: uuid.UUID, *, for_change: bool = False) -> Product | None:
        """Return a product, deleted or not, or None if it does not exist."""
        # Other statements change the stock without the session, so the row is read again.
        row = await self.session.get(
            rows.Product, product_id, populate_existing=True, with_for_update=True if for_change else None
        )
        return None if row is None else to_product(row)

    async def named(self, name: str) -> Sequence[Product]:
        """Return the products with this name that are not deleted."""
        query = select(rows.Product).where(rows.Product.name == name, rows.Product.deleted_at.is_(None))
        products = await self.session.scalars(query.execution_options(populate_existing=True))
        return [to_product(row) for row in products]

    async def living(self) -> Sequence[Product]:
        """Return all products that are not deleted, sorted by name."""
        query = select(rows.Product).where(rows.Product.deleted_at.is_(None)).order_by(rows.Product.name)
        products = await self.session.scalars(query.execution_options(populate_existing=True))
        return [to_product(row) for row in products]

    async def add_many(self, products: Sequence[Product]) -> int:
        """Store products, skip those whose id exists, and return the number of stored ones."""
        values = [to_product_values(product) for product in sorted(products, key=lambda product: product.id)]
        statement = insert_or_skip(rows.Product).on_conflict_do_nothing().returning(rows.Product.id)
        return len((await self.session.execute(statement, values)).all())

    async def save(self, product: Product) -> None:
        """Store the deletion time of a product; only `take` and `take_many` change its stock."""
        await self.session.execute(
            update(rows.Product).where(rows.Product.id == product.id).values(deleted_at=product.deleted_at)
        )

    async def take(self, product_id: uuid.UUID, quantity: int) -> Decimal | None:
        """Subtract a quantity from the stock and return the unit price, or None if the product or the stock is missing.

        One statement checks and subtracts. A session that waits for the row reads it again before it decides
        (PostgreSQL manual, 13.2.1 Read Committed), so that the stock never falls below zero.
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
        """Subtract the quantities of past orders from the stock; a check constraint refuses a stock below zero."""
        # Updating in the order of ids, as orders do, prevents deadlocks.
        for product_id in sorted(quantities, key=str):
            statement = (
                update(rows.Product)
                .where(rows.Product.id == product_id)
                .values(stock=rows.Product.stock - quantities[product_id])
                .execution_options(synchronize_session=False)
            )
            await self.session.execute(statement)
