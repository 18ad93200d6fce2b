"""Finds out who keeps a statement waiting, while it waits: once its lock timeout has ended it, nobody knows."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from adapter.outbound.database.upgrade.second_connection import SecondConnection, SecondConnections
from adapter.outbound.postgres.holders import Holder, holders_query, read_holders

_LONGEST = 1.0  # seconds between two looks
_SHORTEST = 0.01
_PATIENCE = 2.0  # seconds for a connection that is just being made to a server that may have gone
# pg_blocking_pids stops the lock manager for a moment: it is called when the session does wait for a lock.
_BLOCKING = """
SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(pid)) FROM pg_catalog.pg_stat_activity
WHERE pid = {pid} AND wait_event_type = 'Lock'
"""


class LockWatch:
    """Looks over a second connection at the statement that runs on the first, once that takes long.

    Attributes:
        statement: The last statement.
        started: When it began, as `time.monotonic` counts.
        holders: Who it waited for, as far as was seen.
    """

    def __init__(self, connection: Connection, pid: int, lock_timeout: float) -> None:
        """Watch nothing yet.

        Args:
            connection: The first connection.
            pid: Its process on the server.
            lock_timeout: Seconds after which a statement on it gives up; 0 for never.
        """
        self._connections = SecondConnections(connection)
        self._query = holders_query(_BLOCKING.format(pid=pid))
        # the first look is early enough for a connection to be made, and for another look before the end
        self._pause = min(max(lock_timeout / 4, _SHORTEST), _LONGEST) if lock_timeout else _LONGEST
        self._changed = threading.Condition()
        self._running = False
        self._ended = False
        self._thread: threading.Thread | None = None
        self.statement = ""
        self.started = 0.0
        self.holders: tuple[Holder, ...] = ()

    def begin(self, statement: str) -> None:
        """Note that a statement begins."""
        with self._changed:
            self.statement, self.started, self.holders, self._running = statement, time.monotonic(), (), True
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="lock watch", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Note that it has ended, well or not."""
        with self._changed:
            self._running = False

    def close(self) -> None:
        """End the second connection."""
        with self._changed:
            self._ended, self._running = True, False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _watch(self) -> None:
        while self._wait_for_slow_statement():
            try:
                self._connections.in_thread(self._look)
            except Exception:  # noqa: BLE001 - no connection left, or none allowed: then nobody can be named
                self._sleep(_LONGEST)

    def _wait_for_slow_statement(self) -> bool:
        """Wait until a statement has run for a pause; False at the end."""
        while not self._ended:
            if self._running and time.monotonic() - self.started >= self._pause:
                return True
            self._sleep(self._pause)
        return False

    def _look(self) -> None:
        """Look again and again as long as the statement runs."""
        with self._connections.open() as second:
            started = self.started
            while self._running and self.started == started:
                self._note(second, started)
                self._sleep(self._pause)

    def _note(self, second: SecondConnection, started: float) -> None:
        found = read_holders(second.rows(self._query))
        with self._changed:
            if found and self.started == started:
                self.holders = found

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            if not self._ended:
                self._changed.wait(seconds)


@contextmanager
def watched(
    connection: Connection, pid: int, lock_timeout: float, note: Callable[[Connection], None]
) -> Iterator[LockWatch]:
    """Watch every statement of a connection, as `LockWatch` says; `note` is told of each before it begins."""
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
