"""Tables of the products context."""

import decimal

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from adapter.outbound.database.base import Base
from adapter.outbound.database.mixins import SoftDelete, Timestamps, UUIDKey


class Product(UUIDKey, Timestamps, SoftDelete, Base):
    """A product that can be ordered while it is in stock."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("stock >= 0", name="stock"),
        # The catalog lists products by name, without deleted ones.
        Index(None, "name", postgresql_where=text("deleted_at IS NULL")),
        {"comment": "Things that can be ordered while they are in stock"},
    )

    name: Mapped[str] = mapped_column(String(200), comment="Name shown to customers")
    description: Mapped[str | None] = mapped_column(comment="Text shown to customers")
    price: Mapped[decimal.Decimal] = mapped_column(comment="Price of one piece")
    stock: Mapped[int] = mapped_column(server_default=text("0"), comment="Pieces that can still be ordered")
