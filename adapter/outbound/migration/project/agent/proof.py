"""Proves for each connection of SQLAlchemy that it leads to the sandbox, or to the database that is upgraded."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .failures import ElsewhereError, culprit, is_of_project
from .protocol import Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .channel import Channel
    from .redirect import Sandbox

_PROVED = "hexalembic.sandbox"  # in a connection's `info`, which lives as long as the driver's connection
_DATABASE = "SELECT pg_catalog.current_database()"
_SERVER_QUERIES = (
    "SELECT pg_catalog.host(pg_catalog.inet_server_addr())",
    "SELECT pg_catalog.current_setting('unix_socket_directories', true)",  # not every role may read it
)


class Proof:
    """A check that connections lead to the sandbox.

    Attributes:
        channel: The channel on which a connection to another server is reported; None when there is none.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.channel: Channel | None = None

    def install(self) -> None:
        """Check each new connection of every pool before it is used."""
        from sqlalchemy import event
        from sqlalchemy.pool import Pool

        @event.listens_for(Pool, "connect")
        def connected(connection: Any, record: Any) -> None:
            self._prove(connection)
            record.info[_PROVED] = True
            with suppress(Exception):  # an autocommit connection has no transaction to roll back
                connection.rollback()

    def of(self, connection: Any) -> None:
        """Check the connection on which Alembic runs revisions, unless its pool has checked it already.

        Raises:
            ElsewhereError: The connection does not lead to the sandbox.
        """
        if connection is None or connection.info.get(_PROVED):
            return
        self._prove(connection.connection)
        if not connection.in_transaction():  # or Alembic would take part in what the query has begun
            with suppress(Exception):
                connection.connection.rollback()
        connection.info[_PROVED] = True

    def _prove(self, connection: Any) -> None:
        if value_of(connection, self._sandbox.identity_query) == self._sandbox.identity:
            return
        with suppress(Exception):  # a failed query has also failed the transaction
            connection.rollback()
        database = value_of(connection, _DATABASE)
        server = next(
            filter(None, (value_of(connection, query) for query in _SERVER_QUERIES)), type(connection).__module__
        )
        place = _place_in_project()
        file = "env.py" if place is None else os.path.basename(place[0])  # noqa: PTH119 - as everywhere here
        error = ElsewhereError(f"{file} connected to {server}/{database or 'something that is no Postgres'} itself")
        if self.channel is not None:  # reported at once, because env.py may catch the error
            failure = culprit(error)
            if place is not None:
                failure = replace(failure, path=os.path.realpath(place[0]), line=place[1])
            self.channel.send(Error(**vars(failure)))
        with suppress(Exception):
            connection.close()
        raise error


def _place_in_project() -> tuple[str, int] | None:
    """Return the file and the line of the project that are being executed; None if there is none."""
    for frame in _frames():
        if is_of_project(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
    return None


def _frames() -> Iterator[Any]:
    """Yield what is being executed, from the inside out, and also what waits for a greenlet of SQLAlchemy's asyncio."""
    frame: Any = sys._getframe()  # noqa: SLF001 - only the stack has the callers
    greenlets: Any = sys.modules.get("greenlet")
    current = None if greenlets is None else greenlets.getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        while frame is None and current is not None and current.parent is not None:
            current = current.parent
            frame = current.gr_frame


def value_of(connection: Any, query: str) -> str | None:
    """Return the only value of a query's result; None when there is none, or when the query fails."""
    cursor = connection.cursor()
    try:
        cursor.execute(query)
        row = cursor.fetchone()
        value = next(iter(row.values())) if isinstance(row, dict) else row[0]
    except Exception:  # noqa: BLE001 - each driver has its own exceptions
        return None
    finally:
        with suppress(Exception):
            cursor.close()
    return None if value is None else str(value)
