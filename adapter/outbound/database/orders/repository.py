"""Orders in Postgres."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession

from adapter.outbound.database.orders.mapper import to_line_values, to_order, to_order_values
from adapter.outbound.database.orders.models import sqlalchemy as rows
from adapter.outbound.database.products.models.sqlalchemy import Product
from application.orders.ports import Orders
from domain.orders.order import Order


@dataclass(frozen=True)
class OrderRepository(Orders):
    """Reads and writes orders and their lines.

    Attributes:
        session: The session in whose transaction everything runs.
    """

    session: AsyncSession

    async def find(self, number: str) -> Order | None:
        """Return the order with this number, or None if it does not exist."""
        row = await self.session.scalar(select(rows.Order).where(rows.Order.order_number == number))
        if row is None:
            return None
        query = (
            select(rows.OrderProduct, Product.name)
            .join(Product, Product.id == rows.OrderProduct.product_id)
            .where(rows.OrderProduct.order_id == row.id)
            .order_by(Product.name)
        )
        lines = (await self.session.execute(query)).all()
        return to_order(row, [(line, name) for line, name in lines])

    async def add_many(self, orders: Sequence[Order]) -> Collection[uuid.UUID]:
        """Store orders and their lines, skip those whose id or number exists, and return the ids of the stored ones."""
        if not orders:
            return ()
        # Inserting in the order of the unique key prevents deadlocks between two writers.
        values = [to_order_values(order) for order in sorted(orders, key=lambda order: order.number)]
        # No key is named: of two writers of the same rows, the second one may meet the first at either key.
        statement = insert_or_skip(rows.Order).on_conflict_do_nothing().returning(rows.Order.id)
        stored_ids = set((await self.session.execute(statement, values)).scalars())
        lines = [line for order in orders if order.id in stored_ids for line in to_line_values(order)]
        if lines:
            await self.session.execute(insert(rows.OrderProduct), lines)
        return stored_ids
