"""The port for transactions, which make a use case succeed as a whole or not at all."""

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Transaction(Protocol):
    """A factory of transactions that cover all writes of a use case's repositories."""

    @abstractmethod
    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Return a context manager that commits at its end, and rolls back if an exception leaves it."""
