"""Measures how long the server sleeps for a statement of the project, as `pg_sleep` makes it."""

import math
import time
from contextlib import suppress
from typing import Any

import psycopg

from adapter.outbound.migration.project.connection import Connection

FIRST_LOOK = 0.3  # seconds between looks until one finds sleep, so that quick revisions cost nothing
NEXT_LOOK = 0.1  # seconds between looks from then on

# A session that waits for a timeout, for its client in the midst of a statement, or for an extension does no work
# (the Postgres manual, "Wait Event Types").
_ASLEEP = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity
    WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND state = 'active'
        AND wait_event_type IN ('Timeout', 'Client', 'Extension')
)
"""


class SleepWatch:
    """A session that looks at the wait events of the project's sessions from time to time."""

    def __init__(self, connection: Connection) -> None:
        """Watch a database; see `open`."""
        self._connection = connection
        self._session: psycopg.Connection[Any] | None = None
        self._next_look = 0.0
        self._last_look: float | None = None  # None until a look has found sleep
        self._was_asleep = False
        self._slept = 0.0

    def open(self) -> None:
        """Open the session, before the agent counts those that are begun while a function of the project runs."""
        with suppress(psycopg.Error):  # then nothing is watched
            self._session = self._connection.connect()

    def begin(self) -> None:
        """Begin with the statements of another function."""
        self._last_look, self._was_asleep = None, False
        self._next_look = time.monotonic() + FIRST_LOOK

    @property
    def seconds(self) -> float:
        """Seconds until the next look; 0 if it is due."""
        if self._session is None:
            return math.inf
        return max(0.0, self._next_look - time.monotonic())

    def look(self) -> None:
        """Look whether the server sleeps; between two looks at which it does, it has slept.

        Where it did not at the look before, as between short sleeps, the usual time between two looks counts at most.
        """
        try:
            row = self._session.execute(_ASLEEP).fetchone() if self._session else None
        except psycopg.Error:  # the database was dropped
            self.close()
            row = None
        is_asleep, now = bool(row and row[0]), time.monotonic()
        if is_asleep and self._last_look is not None:
            elapsed = now - self._last_look
            self._slept += elapsed if self._was_asleep else min(elapsed, NEXT_LOOK)
        self._was_asleep = is_asleep
        if is_asleep or self._last_look is not None:
            self._last_look = now
        self._next_look = now + (FIRST_LOOK if self._last_look is None else NEXT_LOOK)

    def take(self) -> float:
        """Return the milliseconds that the server has slept since the statement before the one that has ended now."""
        slept, self._slept = self._slept, 0.0
        return slept * 1000

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
            self._session = None
