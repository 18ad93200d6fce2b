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
# Not everybody may know where the socket is.
_WHERE = """
SELECT pg_catalog.current_database(), coalesce(
    pg_catalog.host(pg_catalog.inet_server_addr()),
    CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')
         THEN pg_catalog.current_setting('unix_socket_directories', true) END, '?')
"""


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
        database, where = _ask(connection)
        if database == self._sandbox.database:
            return
        error = ElsewhereError(f"env.py connected to {where}/{database} itself")
        place = next((frame for frame in reversed(traceback.extract_stack()) if is_of_project(frame.filename)), None)
        if self.channel is not None:  # said at once: env.py may try again, or go on without
            at = {"path": os.path.realpath(place.filename), "line": place.lineno} if place else {}
            self.channel.send("error", **{**culprit(error), **at}, traceback="")
        with suppress(Exception):
            connection.close()
        raise error


def _ask(connection: Any) -> tuple[str, str]:
    """Ask in which database of which server a connection is; one that answers something else is no Postgres."""
    cursor = connection.cursor()
    try:
        cursor.execute(_WHERE)
        row = cursor.fetchone()
        database, where = row.values() if isinstance(row, dict) else row
    except Exception as error:  # noqa: BLE001 - each driver has its own
        return f"({type(error).__name__}: {error})", type(connection).__module__
    finally:
        with suppress(Exception):
            cursor.close()
    return str(database), str(where)
