"""What the products context refuses."""

import uuid
from collections.abc import Sequence

from domain.errors import DomainError


class AmbiguousProductError(DomainError):
    """Several living products have the name.

    Attributes:
        name: The name.
        candidates: The products that have it.
    """

    def __init__(self, name: str, candidates: Sequence[uuid.UUID]) -> None:
        super().__init__(
            f"{len(candidates)} products are called {name!r}", f"use an id: {', '.join(str(key) for key in candidates)}"
        )
        self.name = name
        self.candidates = tuple(candidates)
