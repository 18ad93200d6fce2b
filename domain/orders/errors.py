"""What the orders context refuses."""

from domain.errors import DomainError


class OutOfStockError(DomainError):
    """More was ordered than there is.

    Attributes:
        product: Name of the product.
        requested: Pieces ordered.
        available: Pieces left.
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
    """An order without a line is none."""

    def __init__(self) -> None:
        super().__init__("the order has no items", "name at least one product and its quantity")
