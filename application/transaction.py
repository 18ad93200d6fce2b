"""The port that makes a use case happen as a whole or not at all."""

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Transaction(Protocol):
    """Opens one transaction on everything that the repositories of a use case write."""

    @abstractmethod
    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Return a block that commits at its end and rolls back when an exception leaves it."""
