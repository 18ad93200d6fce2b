"""Proves for each connection of SQLAlchemy that it leads to the sandbox, or to the database that is upgraded."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .failures import ElsewhereError, culprit, is_of_project
from .protocol import Error

if TYPE_CHECKING:
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
        error = ElsewhereError(f"env.py connected to {server}/{database or 'something that is no Postgres'} itself")
        frame_of_project = next(
            (frame for frame in reversed(traceback.extract_stack()) if is_of_project(frame.filename)), None
        )
        if self.channel is not None:  # reported at once, because env.py may catch the error
            failure = culprit(error)
            if frame_of_project is not None:
                path = os.path.realpath(frame_of_project.filename)
                failure = replace(failure, path=path, line=frame_of_project.lineno)
            self.channel.send(Error(**vars(failure)))
        with suppress(Exception):
            connection.close()
        raise error


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
