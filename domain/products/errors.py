"""Errors of the products context."""

import uuid
from collections.abc import Sequence

from domain.errors import DomainError


class AmbiguousProductError(DomainError):
    """Several products that are not deleted have the same name.

    Attributes:
        name: The name.
        candidates: Ids of the products with this name.
    """

    def __init__(self, name: str, candidates: Sequence[uuid.UUID]) -> None:
        super().__init__(
            f"{len(candidates)} products are called {name!r}", f"use an id: {', '.join(str(key) for key in candidates)}"
        )
        self.name = name
        self.candidates = tuple(candidates)
