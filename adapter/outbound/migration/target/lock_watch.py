"""Reads which sessions an upgrade waits for while it waits; after its lock timeout the server no longer knows."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import psycopg

from adapter.outbound.postgres.holders import Holder, blocking_query, read_holders
from adapter.outbound.postgres.url import DatabaseURL

PAUSE = 0.1  # seconds between two queries
_PAUSE_AFTER_ERROR = 5.0  # seconds until another connection is tried
_KEPT = 5.0  # seconds for which the sessions that were waited for are remembered
_UNTOLD = 1.0  # seconds of a wait of which nobody is told
_BETWEEN_REPORTS = 5.0  # seconds
_PATIENCE = 2.0  # seconds to wait for a connection that is being opened to a server that may be gone


class LockWatch:
    """Watches the sessions of an upgrade over a connection of its own, inside its context."""

    def __init__(
        self,
        url: DatabaseURL,
        pids: Callable[[], tuple[int, ...]],
        pause: float = PAUSE,
        report: Callable[[float, tuple[Holder, ...]], object] = lambda *_: None,
    ) -> None:
        """Prepare the watch; its connection is opened once the upgrade has a session.

        Args:
            url: The database.
            pids: Returns the server's processes for the sessions of the upgrade.
            pause: Seconds between two queries; less than the lock timeout.
            report: Called now and then, in another thread, while a statement waits: for how many seconds, and for whom.
        """
        self._pause, self._report = pause, report
        self._waits_since, self._reported = 0.0, 0.0
        self._url = url
        self._pids = pids
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lock watch", daemon=True)
        self._seen: tuple[float, tuple[Holder, ...]] = (0.0, ())

    def __enter__(self) -> Self:
        """Start to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the watch and close its connection."""
        self._ended.set()
        self._thread.join(_PATIENCE)

    def holders(self) -> tuple[Holder, ...]:
        """Return the sessions that the upgrade waited for just now; empty if it waited for none."""
        seen_at, holders = self._seen
        return holders if time.monotonic() - seen_at <= _KEPT else ()

    def _watch(self) -> None:
        pause = self._pause
        while not self._ended.wait(pause):
            pause = self._pause
            if self._pids():
                try:
                    self._watch_sessions()
                except psycopg.Error:  # without a second connection no holder can be named
                    pause = _PAUSE_AFTER_ERROR

    def _watch_sessions(self) -> None:
        with psycopg.connect(
            self._url.libpq, autocommit=True, client_encoding="utf8", prepare_threshold=None
        ) as connection:
            while not self._ended.wait(self._pause):
                self._look(connection)

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        holders = read_holders(connection.execute(blocking_query(self._pids()).encode()).fetchall())
        now = time.monotonic()
        if not holders:
            self._waits_since = 0.0
            return
        self._seen = (now, holders)
        self._waits_since = self._waits_since or now
        if now - self._waits_since >= _UNTOLD and now - self._reported >= _BETWEEN_REPORTS:
            self._reported = now
            self._report(now - self._waits_since, holders)
