"""Proves of each connection that SQLAlchemy gets that it leads to the sandbox, by asking the server itself.

The name of the sandbox's database is random and made anew for each one: no other server has it.
"""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .failures import ElsewhereError, culprit, is_of_project

if TYPE_CHECKING:
    from .channel import Channel
    from .redirect import Sandbox

_PROVED = "hexalembic.sandbox"  # in a connection's `info`, which lives as long as the driver's connection
_DATABASE = "SELECT pg_catalog.current_database()"
_WHERE = (
    "SELECT pg_catalog.host(pg_catalog.inet_server_addr())",
    "SELECT pg_catalog.current_setting('unix_socket_directories', true)",  # not every role may read it
)


class Proof:
    """What tells the sandbox's connections from others.

    Attributes:
        channel: Where a connection to somewhere else is reported; None while nobody listens.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.channel: Channel | None = None

    def install(self) -> None:
        """Ask on each new connection of every pool, before anybody else gets it."""
        from sqlalchemy import event
        from sqlalchemy.pool import Pool

        @event.listens_for(Pool, "connect")
        def connected(connection: Any, record: Any) -> None:
            self._prove(connection)
            record.info[_PROVED] = True
            with suppress(Exception):  # nothing is open yet where each statement commits by itself
                connection.rollback()

    def of(self, connection: Any) -> None:
        """Prove the connection that Alembic runs revisions on, unless its pool has done so.

        Raises:
            ElsewhereError: It does not lead to the sandbox.
        """
        if connection is None or connection.info.get(_PROVED):
            return
        self._prove(connection.connection)
        connection.info[_PROVED] = True

    def _prove(self, connection: Any) -> None:
        database = _ask(connection, _DATABASE)
        if database == self._sandbox.database:
            return
        with suppress(Exception):  # what was asked may have failed, and with it the transaction
            connection.rollback()
        where = next(filter(None, (_ask(connection, query) for query in _WHERE)), type(connection).__module__)
        error = ElsewhereError(f"env.py connected to {where}/{database or 'something that is no Postgres'} itself")
        place = next((frame for frame in reversed(traceback.extract_stack()) if is_of_project(frame.filename)), None)
        if self.channel is not None:  # said at once: env.py may try again, or go on without
            at = {"path": os.path.realpath(place.filename), "line": place.lineno} if place else {}
            self.channel.send("error", **{**culprit(error), **at}, traceback="")
        with suppress(Exception):
            connection.close()
        raise error


def _ask(connection: Any, query: str) -> str | None:
    """Return the one value that a query gives; None where the server, or whatever it is, gives none."""
    cursor = connection.cursor()
    try:
        cursor.execute(query)
        row = cursor.fetchone()
        value = next(iter(row.values())) if isinstance(row, dict) else row[0]
    except Exception:  # noqa: BLE001 - each driver has its own
        return None
    finally:
        with suppress(Exception):
            cursor.close()
    return None if value is None else str(value)
