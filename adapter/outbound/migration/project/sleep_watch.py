"""Measures how long the server sleeps for a statement of the project, as `pg_sleep` makes it."""

import time
from typing import Any

import psycopg

from adapter.outbound.migration.project.connection import Connection

FIRST_LOOK = 0.3  # seconds without a report until the first look, so that quick statements cost nothing
NEXT_LOOK = 0.1  # seconds between further looks

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
    """A session that looks at the wait events of the project's sessions from time to time.

    Attributes:
        sessions: Number of sessions that it has begun.
    """

    def __init__(self, connection: Connection) -> None:
        """Watch a database; a session is opened with the first look."""
        self.sessions = 0
        self._connection = connection
        self._session: psycopg.Connection[Any] | None = None
        self._asleep_since: float | None = None
        self._slept = 0.0

    @property
    def seconds(self) -> float:
        """Seconds until the next look."""
        return FIRST_LOOK if self._asleep_since is None else NEXT_LOOK

    def look(self) -> None:
        """Look whether the server sleeps; between two looks at which it does, it has slept."""
        try:
            if self._session is None:
                self.sessions += 1
                self._session = self._connection.connect()
            row = self._session.execute(_ASLEEP).fetchone()
        except psycopg.Error:  # the database was dropped
            self.close()
            row = None
        is_asleep, now = bool(row and row[0]), time.monotonic()
        if is_asleep and self._asleep_since is not None:
            self._slept += now - self._asleep_since
        self._asleep_since = now if is_asleep else None

    def take(self) -> float:
        """Return the milliseconds that the server has slept for the statement that has ended now."""
        slept, self._slept, self._asleep_since = self._slept, 0.0, None
        return slept * 1000

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
            self._session = None
