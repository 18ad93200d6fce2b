"""Errors of the orders context."""

from domain.errors import DomainError


class OutOfStockError(DomainError):
    """An order of more pieces than are in stock.

    Attributes:
        product: Name of the product.
        requested: Number of pieces ordered.
        available: Number of pieces in stock.
    """

    def __init__(self, product: str, requested: int, available: int) -> None:
        super().__init__(
            f"{product}: {requested} ordered, {available} in stock",
            f"order at most {available}" if available else "order something else, or wait until it is back",
        )
        self.product = product
        self.requested = requested
        self.available = available


class EmptyOrderError(DomainError):
    """An order without any line."""

    def __init__(self) -> None:
        super().__init__("the order has no items", "name at least one product and its quantity")
