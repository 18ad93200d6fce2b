"""Reads which transactions are in the way of locks, over a connection of its own, and how long such ones take."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import psycopg

from adapter.outbound.postgres.holders import Holder, holders_query, read_holders
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.lock_policy import Blockers, Obstacle, remember
from domain.migration.deployment.plan import PlannedLock
from domain.migration.locks import LockMode

_QUICK = 0.05  # seconds of a deadlock timeout after which an autovacuum ends itself soon
_FIRST_WITH_PRIVILEGES = 150_000  # version of the server that has privileges on settings
_BLOCKING = [mode.in_pg_locks for mode in LockMode if mode.blocks]

# A partition is locked with its table. A prepared transaction has no process.
_IN_THE_WAY = """
WITH RECURSIVE wanted (oid, mode) AS (
    SELECT pg_catalog.to_regclass(name)::oid, mode
      FROM unnest(%(relations)s::text[], %(modes)s::text[]) AS pair (name, mode)
    UNION
    SELECT i.inhrelid, w.mode FROM wanted w JOIN pg_catalog.pg_inherits i ON i.inhparent = w.oid
), conflicting AS (
    SELECT DISTINCT l.pid, l.virtualtransaction
      FROM pg_catalog.pg_locks l JOIN wanted w ON l.relation = w.oid AND l.mode = w.mode
     WHERE l.locktype = 'relation' AND NOT coalesce(l.pid = ANY (%(own)s), false)
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
)
SELECT coalesce(c.pid, 0), c.virtualtransaction, extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
       coalesce(a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%%(to prevent wraparound)', false)
  FROM conflicting c LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = c.pid
"""
# What is asked for is checked again here, so that nobody is ended who has begun to work meanwhile. Between two of its
# statements each transaction is idle for a moment.
_END = {
    Blockers.IDLE: """
SELECT pid FROM (SELECT pid FROM pg_catalog.pg_stat_activity
                  WHERE pid = ANY (%(pids)s) AND state LIKE 'idle in transaction%%'
                    AND clock_timestamp() - state_change >= %(seconds)s * interval '1 second' OFFSET 0) AS idle
 WHERE pg_catalog.pg_terminate_backend(pid)
""",
    Blockers.AUTOVACUUM: """
SELECT pid FROM (SELECT pid FROM pg_catalog.pg_stat_activity
                  WHERE pid = ANY (%(pids)s) AND backend_type = 'autovacuum worker'
                    AND query NOT LIKE '%%(to prevent wraparound)' OFFSET 0) AS vacuums
 WHERE pg_catalog.pg_cancel_backend(pid)
""",
}
_HELD = """
SELECT count(*) FROM pg_catalog.pg_locks l
  JOIN unnest(%(relations)s::text[]) AS name ON l.relation = pg_catalog.to_regclass(name)::oid
 WHERE l.granted AND l.pid = ANY (%(own)s) AND l.mode = ANY (%(modes)s)
"""
_DEADLOCK_TIMEOUT = """
SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval)::float8,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
"""
_MAY_SET = "SELECT pg_catalog.has_parameter_privilege('deadlock_timeout', 'SET')"


class Obstacles:
    """The transactions in the way of locks, as a connection of its own sees them; a context that closes it.

    Attributes:
        durations: Seconds that those took that were in the way and have ended.
        notices_the_end: Settings with which the server notices within a second that a client has gone, and stops its
            statement; empty where it cannot.
        deadlock_timeout: Seconds after which an autovacuum ends itself for a session of this role that waits for it.
        may_set_deadlock_timeout: Whether the role may set that; the time holds if it does.
    """

    def __init__(self, url: DatabaseURL) -> None:
        """Open the connection.

        Raises:
            psycopg.Error: The database cannot be reached or refuses.
        """
        self._connection: psycopg.Connection[Any] = psycopg.connect(
            url.libpq,
            autocommit=True,
            client_encoding="utf8",
            application_name="hexalembic scout",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
        self._seen: dict[tuple[int, str], tuple[float, float]] = {}  # since when, and the last known age
        self.durations: tuple[float, ...] = ()
        self._rows("SELECT set_config('statement_timeout', '10s', false)")
        self.notices_the_end = self._accepted({"client_connection_check_interval": "1s"})
        (timeout, is_superuser), *_ = self._rows(_DEADLOCK_TIMEOUT)
        has_privileges = self._connection.info.server_version >= _FIRST_WITH_PRIVILEGES
        self.may_set_deadlock_timeout = bool(is_superuser or (has_privileges and self._rows(_MAY_SET)[0][0]))
        self.deadlock_timeout = _QUICK if self.may_set_deadlock_timeout else float(timeout)

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._connection.close()

    def read(self, locks: Iterable[PlannedLock], own: Sequence[int]) -> tuple[Obstacle, ...]:
        """Return who holds or awaits a lock that conflicts with one of some locks.

        Args:
            locks: The locks.
            own: The server's processes of sessions that do not count.
        """
        pairs = [(lock.relation, mode) for lock in locks for mode in LockMode if lock.mode.conflicts_with(mode)]
        parameters = {
            "relations": [relation for relation, _ in pairs],
            "modes": [mode.in_pg_locks for _, mode in pairs],
            "own": list(own),
        }
        now = time.monotonic()
        seen: dict[tuple[int, str], tuple[float, float]] = {}
        obstacles = []
        for pid, transaction, age, yields in self._rows(_IN_THE_WAY, parameters):
            since = self._seen.get((pid, transaction), (now, 0.0))[0]
            known = now - since if age is None else float(age)  # the age of another role's transaction may be hidden
            seen[pid, transaction] = (since, known)
            obstacles.append(Obstacle(known if pid else None, bool(yields)))
        self.durations = remember(self.durations, (age for key, (_, age) in self._seen.items() if key not in seen))
        self._seen = seen
        return tuple(obstacles)

    def holders(self) -> tuple[Holder, ...]:
        """Return the sessions that were in the way when that was last read."""
        pids = ", ".join(f"({pid})" for pid in sorted({pid for pid, _ in self._seen}))
        return read_holders(self._rows(holders_query(f"VALUES {pids}"))) if pids else ()

    def end(self, blockers: Blockers, seconds: float) -> None:
        """End those that were in the way when that was last read, as far as they are such as may be ended.

        One that this role may not end is left alone.

        Args:
            blockers: Who may be ended.
            seconds: For how long an idle session has done nothing, at least.
        """
        pids = [pid for pid, _ in self._seen if pid]
        if blockers in _END and pids:
            with suppress(psycopg.errors.InsufficientPrivilege):
                self._connection.execute(_END[blockers].encode(), {"pids": pids, "seconds": seconds})

    def has_blocking_lock(self, relations: Iterable[str], own: Sequence[int]) -> bool:
        """Return whether one of some sessions holds a lock on a relation for which others wait."""
        parameters = {"relations": list(relations), "own": list(own), "modes": _BLOCKING}
        return bool(self._rows(_HELD, parameters)[0][0])

    def _accepted(self, settings: dict[str, str]) -> dict[str, str]:
        """Return settings as far as the server has them: not on each system it can do all of them."""
        accepted = {}
        for name, value in settings.items():
            with suppress(psycopg.Error):
                self._rows("SELECT set_config(%(name)s, %(value)s, false)", {"name": name, "value": value})
                accepted[name] = value
        return accepted

    def _rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), parameters).fetchall()
