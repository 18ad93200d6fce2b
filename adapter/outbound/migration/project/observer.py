"""Observes a statement that cannot run inside a transaction, from a second session."""

from typing import Any

import psycopg

from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA

_MOST_NAMED_TABLES = 10  # that are locked one by one, because their names occur in the statement
_BLOCKER_TIMEOUT = "500ms"
# All tables that a statement may lock. LOCK TABLE accepts no materialized views.
_TABLES = rf"""
SELECT relname, format('%I.%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind IN ('r', 'p') AND {IN_USER_SCHEMA}
ORDER BY nspname, relname
"""  # noqa: S608 - a constant

# Locks on relations that are not committed yet are left out, because nobody can wait for these: a rebuilt index is
# locked in full until it is committed and swapped in. So are those on an index that a concurrent drop has made dead: no
# session uses it any more when it is locked in full, for a moment, to be removed.
_LOCKS = """
SELECT c.oid::bigint, l.mode FROM pg_class c
JOIN pg_locks l ON l.relation = c.oid AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
WHERE l.pid = %s AND l.locktype = 'relation' AND c.oid::bigint >= 16384
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = c.oid AND NOT i.indislive)
"""


class Observer:
    """Sessions that make a statement wait, and a session that reads its locks meanwhile.

    There are two kinds of blocking sessions. The first kind holds SHARE UPDATE EXCLUSIVE: concurrent index builds and
    VACUUM wait for it before they do anything. The second kind holds ROW EXCLUSIVE: a concurrent build or drop has
    taken all of its locks when it waits for that writer. The two modes do not conflict.

    Each table whose name occurs in the statement has its own session of each kind. All other tables share one session
    of each kind. A blocking session ends as soon as the statement waits for it, so that the result does not depend on
    timing.

    Attributes:
        is_under_way: Whether the statement has waited for a writer, so that its first phase is over.
        sessions: Number of its sessions, those that have ended included.
    """

    def __init__(self, connection: Connection, pid: int) -> None:
        self._pid = pid
        self._locks: dict[tuple[int, str], None] = {}
        self._connection = connection
        self._watching_session = connection.connect()
        self.sessions = 1
        self._blockers: dict[int, psycopg.Connection[Any]] = {}
        self._writers: set[int] = set()
        self.is_under_way = False

    def _block_tables(self, sql: str) -> None:
        """Open sessions that hold locks on all tables, one for each of the tables that a statement names first."""
        named_tables: list[str] = []
        other_tables: list[str] = []
        for relation, table in self._watching_session.execute(_TABLES):
            (
                named_tables
                if relation.lower() in sql.lower() and len(named_tables) < _MOST_NAMED_TABLES
                else other_tables
            ).append(table)
        for mode in ("SHARE UPDATE EXCLUSIVE", "ROW EXCLUSIVE"):
            for tables in (*([table] for table in named_tables), other_tables):
                self._block(tables, mode)

    def _block(self, tables: list[str], mode: str) -> None:
        if not tables:
            return
        blocker = self._connection.connect(autocommit=False)
        self.sessions += 1
        try:
            blocker.execute(f"SET LOCAL lock_timeout = '{_BLOCKER_TIMEOUT}'")
            blocker.execute(f"LOCK TABLE ONLY {', ONLY '.join(tables)} IN {mode} MODE".encode())
        except psycopg.Error:  # the project itself holds a conflicting lock: the table stays without a blocking session
            blocker.close()
        else:
            self._blockers[blocker.info.backend_pid] = blocker
            if mode == "ROW EXCLUSIVE":
                self._writers.add(blocker.info.backend_pid)

    @classmethod
    def start(cls, connection: Connection, pid: int, sql: str) -> "Observer | None":
        """Start to observe a statement.

        Args:
            connection: The address of the database.
            pid: Process ID of the server process that will execute the statement.
            sql: Text of the statement.

        Returns:
            The observer; None when no second session can be opened.
        """
        try:
            observer = cls(connection, pid)
        except psycopg.Error:
            return None
        try:
            observer._block_tables(sql)
        except psycopg.Error:
            observer.close()
            return None
        return observer

    def look(self, *, hold: bool = False) -> None:
        """Read the locks of the statement, and end the blocking sessions that it waits for.

        Args:
            hold: Keep the session of a writer that the statement waits for, so that the statement stays in the middle
                of its work.
        """
        try:
            blocking_pids = self._watching_session.execute(
                "SELECT unnest(pg_blocking_pids(%s))", (self._pid,)
            ).fetchall()
            for oid, mode in self._watching_session.execute(_LOCKS, (self._pid,)):
                self._locks[int(oid), str(mode)] = None
        except psycopg.Error:  # the database was dropped
            self._end_blockers()
            return
        for (pid,) in blocking_pids:
            if pid in self._blockers:
                self.is_under_way = self.is_under_way or pid in self._writers
                if not (hold and self.is_under_way):
                    self._blockers.pop(pid).close()

    def end_observed(self) -> None:
        """End the server's process that executes the statement, and wait for that; one of another database stays."""
        self._watching_session.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid = %s AND datname = current_database()",
            (self._pid,),
        )

    def locks(self) -> list[tuple[int, str]]:
        """Return the OID of the relation and the mode of each lock that the statement has held or waited for."""
        return list(self._locks)

    def close(self) -> None:
        """End all sessions of the observer."""
        self._end_blockers()
        self._watching_session.close()

    def _end_blockers(self) -> None:
        for blocker in self._blockers.values():
            blocker.close()
        self._blockers.clear()
