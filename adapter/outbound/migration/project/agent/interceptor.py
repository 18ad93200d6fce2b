"""What gets the statements of a revision before SQLAlchemy and the drivers execute them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .plans import DriverStatement
    from .questions import Direction


class Interceptor(Protocol):
    """Gets the statements of each function of a revision, and executes them or leaves that to others."""

    @abstractmethod
    def running(self, revision: str, direction: Direction, path: str, bind: Any) -> AbstractContextManager[None]:
        """Return a block in which a function's statements are taken; `bind` is SQLAlchemy's connection for it."""

    @abstractmethod
    def transaction_ended(self, *, undone: bool = False) -> None:
        """Note that a transaction has ended, or was rolled back as a whole or in part."""

    @abstractmethod
    def take(
        self, statement: str, context: Any, execute: Callable[[], None], driver_statement: DriverStatement
    ) -> bool:
        """Take a statement of SQLAlchemy; return whether it was executed."""

    @abstractmethod
    def take_from_driver(
        self, statement: str, connection: Any, execute: Callable[[], None], driver_statement: DriverStatement | None
    ) -> bool:
        """Take a statement on a driver's cursor; return whether it was executed."""

    @abstractmethod
    def around_copy(self, statement: str, connection: Any) -> AbstractContextManager[None]:
        """Return a block in which the rows of a COPY are sent or read."""
