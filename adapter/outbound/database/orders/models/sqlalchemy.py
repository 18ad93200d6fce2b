"""Tables of the orders context."""

import decimal
import enum
import uuid

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from adapter.outbound.database.base import Base
from adapter.outbound.database.mixins import Timestamps, UUIDKey


class OrderStatus(enum.Enum):
    """The status of an order."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


class Order(UUIDKey, Timestamps, Base):
    """A purchase of one user at one time."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("total_amount >= 0", name="total_amount"),
        {"comment": "What one user bought at one time"},
    )

    user_id: Mapped[uuid.UUID] = mapped_column(
        # An order is a business record, so its user cannot be deleted.
        ForeignKey("users.id", ondelete="RESTRICT"),
        index=True,
        comment="Who ordered",
    )
    order_number: Mapped[str] = mapped_column(String(32), unique=True, comment="Number that people quote")
    status: Mapped[OrderStatus] = mapped_column(
        Enum(OrderStatus, name="orderstatus"),
        server_default=text("'PENDING'"),
        comment="How far the order has come",
    )
    total_amount: Mapped[decimal.Decimal] = mapped_column(Numeric(12, 2), comment="Sum of quantity times unit price")


class OrderProduct(Base):
    """A line of an order: a product, its quantity and its price."""

    __tablename__ = "order_products"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("unit_price >= 0", name="unit_price"),
        {"comment": "Lines of orders"},
    )

    order_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, comment="The order; its lines go with it"
    )
    product_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("products.id", ondelete="RESTRICT"), primary_key=True, index=True, comment="What was ordered"
    )
    quantity: Mapped[int] = mapped_column(comment="Pieces ordered")
    unit_price: Mapped[decimal.Decimal] = mapped_column(comment="Price of one piece when it was ordered")
