"""Asks the parent before each statement of a revision that runs on a real database, and sets the timeouts it answers.

It takes the place of the tracer: it sees the same statements, and leaves their execution to SQLAlchemy and the driver.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .interceptor import Interceptor
from .origin import is_of_revision
from .plans import FURTHER
from .questions import Asked
from .session import Session
from .transactions import END, SAVEPOINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .channel import Channel
    from .plans import DriverStatement
    from .questions import Direction

# No query, for a statement that sets the isolation of its transaction must come before any of them.
_LOCK_TIMEOUT = "SHOW lock_timeout"
_SET = "SET {} = '{}'"


class NotAllowedError(Exception):
    """An error that ends a revision before a statement, because the parent has answered so."""


class Asker(Interceptor):
    """Asks before each statement of a revision's function while that runs."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._path: str | None = None  # of the revision that runs
        self._is_asking = False

    @contextmanager
    def running(self, revision: str, direction: Direction, path: str, bind: Any) -> Iterator[None]:
        """Ask before the statements of an upgrade or downgrade function, which runs inside the block."""
        del revision, direction, bind
        self._path = path
        try:
            yield
        finally:
            self._path = None

    def transaction_ended(self, *, undone: bool = False) -> None:
        """Do nothing: what is set for a statement needs no end."""

    def take(
        self, statement: str, context: Any, execute: Callable[[], None], driver_statement: DriverStatement
    ) -> bool:
        """Ask before a statement of SQLAlchemy; return False, so that SQLAlchemy executes it."""
        del execute, driver_statement
        if context is not None and context.dialect.name == "postgresql":
            connection = context.root_connection.connection
            self._ask(statement, getattr(connection, "dbapi_connection", None) or connection.connection)
        return False

    def take_from_driver(
        self, statement: str, connection: Any, execute: Callable[[], None], driver_statement: DriverStatement | None
    ) -> bool:
        """Ask before a statement that a revision executes on a driver's cursor; return False, as `take`."""
        del execute, driver_statement
        if self._path is not None and not self._is_asking and is_of_revision(self._path):
            self._ask(statement, connection)
        return False

    @contextmanager
    def around_copy(self, statement: str, connection: Any) -> Iterator[None]:
        """Ask before a COPY, which runs inside the block."""
        self._ask(statement, connection)
        yield

    def _ask(self, statement: str, connection: Any) -> None:
        if self._path is None or self._is_asking or _ends(statement):
            return
        self._is_asking = True
        try:
            session = Session(connection)
            settings = self._channel.ask(Asked(statement, str(session.value(_LOCK_TIMEOUT))))
            if settings is None:
                raise NotAllowedError("the deployment has ended this revision before a statement")
            for name, value in settings.items():
                session.run(_SET.format(name, value))
        finally:
            self._is_asking = False


def _ends(statement: str) -> bool:
    """Return whether a statement ends a transaction, or a part of one, which may have failed and takes no query."""
    return bool(SAVEPOINT.fullmatch(statement) or (END.match(statement) and not FURTHER.search(statement)))
