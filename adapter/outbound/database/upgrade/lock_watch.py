"""Reads which sessions block a statement while it waits; after its lock timeout the server no longer knows."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from adapter.outbound.postgres.holders import Holder, blocking_query, read_holders
from adapter.outbound.postgres.second_connection import SecondConnection, SecondConnections

_LONGEST = 1.0  # seconds between two queries at most
_SHORTEST = 0.01  # seconds between two queries at least
_PATIENCE = 2.0  # seconds to wait for a connection that is being opened to a server that may be gone


class LockWatch:
    """Watches the statement of one connection over a second one, once the statement takes long.

    Attributes:
        statement: The SQL of the last statement.
        started: When the statement began, in seconds of `time.monotonic`.
        holders: The sessions that the statement waited for when it was last looked at.
    """

    def __init__(self, connection: Connection, pid: int, lock_timeout: float) -> None:
        """Prepare the watch; the second connection is opened when a statement takes long.

        Args:
            connection: The connection to watch.
            pid: The process of that connection on the server.
            lock_timeout: Seconds after which a statement on it gives up; 0 for never.
        """
        self._connections = SecondConnections(connection)
        self._query = blocking_query([pid])
        # the first query is early enough to open a connection and to query again before the lock timeout
        self._pause = min(max(lock_timeout / 4, _SHORTEST), _LONGEST) if lock_timeout else _LONGEST
        self._changed = threading.Condition()
        self._running = False
        self._ended = False
        self._thread: threading.Thread | None = None
        self.statement = ""
        self.started = 0.0
        self.holders: tuple[Holder, ...] = ()

    def begin(self, statement: str) -> None:
        """Record that a statement begins."""
        with self._changed:
            self.statement, self.started, self.holders, self._running = statement, time.monotonic(), (), True
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="lock watch", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Record that the statement has ended, with or without an error."""
        with self._changed:
            self._running = False

    def close(self) -> None:
        """Stop the watch and close the second connection."""
        with self._changed:
            self._ended, self._running = True, False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _watch(self) -> None:
        while self._wait_for_slow_statement():
            try:
                self._connections.in_thread(self._watch_statement)
            except Exception:  # noqa: BLE001 - without a second connection no holder can be named
                self._sleep(_LONGEST)

    def _wait_for_slow_statement(self) -> bool:
        """Wait until a statement has run for one pause; return False if the watch is closed."""
        while not self._ended:
            if self._running and time.monotonic() - self.started >= self._pause:
                return True
            self._sleep(self._pause)
        return False

    def _watch_statement(self) -> None:
        """Read the blocking sessions repeatedly while the statement runs."""
        with self._connections.open() as connection:
            started = self.started
            while self._running and self.started == started:
                self._record_holders(connection, started)
                self._sleep(self._pause)

    def _record_holders(self, connection: SecondConnection, started: float) -> None:
        holders = read_holders(connection.rows(self._query))
        with self._changed:
            if holders and self.started == started:
                self.holders = holders

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            if not self._ended:
                self._changed.wait(seconds)


@contextmanager
def watched(
    connection: Connection, pid: int, lock_timeout: float, note: Callable[[Connection], None]
) -> Iterator[LockWatch]:
    """Watch every statement of a connection with a `LockWatch`.

    Args:
        connection: The connection to watch.
        pid: The process of that connection on the server.
        lock_timeout: Seconds after which a statement on it gives up; 0 for never.
        note: Called with the connection before each statement.
    """
    watch = LockWatch(connection, pid, lock_timeout)

    def before(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        note(connection)
        watch.begin(statement)

    def after(*_: Any) -> None:
        watch.end()

    event.listen(connection, "before_cursor_execute", before)
    event.listen(connection, "after_cursor_execute", after)
    try:
        yield watch
    finally:
        event.remove(connection, "before_cursor_execute", before)
        event.remove(connection, "after_cursor_execute", after)
        watch.close()
