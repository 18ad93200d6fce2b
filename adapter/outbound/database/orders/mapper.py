"""Conversion between rows and entities of the orders context."""

from collections.abc import Sequence

from adapter.outbound.database.orders.models import sqlalchemy as rows
from domain.orders.order import Order, OrderLine, OrderStatus


def to_order(row: rows.Order, lines: Sequence[tuple[rows.OrderProduct, str]]) -> Order:
    """Return the entity of an order from its row and its lines' rows, each with the name of its product."""
    return Order(
        id=row.id,
        number=row.order_number,
        user_id=row.user_id,
        placed_at=row.created_at,
        lines=tuple(OrderLine(line.product_id, name, line.quantity, line.unit_price) for line, name in lines),
        status=OrderStatus[row.status.name],
    )


def to_order_values(order: Order) -> dict[str, object]:
    """Return the values of an order's row by column."""
    return {
        "id": order.id,
        "user_id": order.user_id,
        "order_number": order.number,
        "status": rows.OrderStatus[order.status.name],
        "total_amount": order.total,
        "created_at": order.placed_at,
    }


def to_line_values(order: Order) -> list[dict[str, object]]:
    """Return the values of the rows of an order's lines by column."""
    return [
        {
            "order_id": order.id,
            "product_id": line.product_id,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
        }
        for line in order.lines
    ]
