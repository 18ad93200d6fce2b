"""Watches a statement that no transaction may hold, from a second session."""

from typing import Any

import psycopg

from adapter.outbound.migration.project.connection import Connection

_NAMED = 10  # tables of a statement that are locked one by one
_BLOCKER_TIMEOUT = "500ms"
# All that a statement may be about; LOCK TABLE takes no materialized views.
_TABLES = r"""
SELECT relname, format('%I.%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname, relname
"""

# Nobody can wait for a relation that is not committed: a rebuilt index is locked whole until then, and later swapped.
_LOCKS = """
SELECT c.oid::bigint, l.mode FROM pg_class c
JOIN pg_locks l ON l.relation = c.oid AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
WHERE l.pid = %s AND l.locktype = 'relation' AND c.oid::bigint >= 16384
"""


class Observer:
    """Makes a statement wait, so that its locks can be read while it does.

    Tables whose names occur in the statement have sessions of their own; all others share one of each kind. One kind
    holds SHARE UPDATE EXCLUSIVE: concurrent index builds and VACUUM wait for it before they do anything. The other
    holds ROW EXCLUSIVE: a concurrent build or drop waits for that writer before its next phase, when it has taken all
    of its locks. The two do not conflict. Each session ends when the statement has been seen to wait for it, so that
    nothing depends on who is quicker.
    """

    def __init__(self, connection: Connection, pid: int, sql: str) -> None:
        self._pid = pid
        self._found: dict[tuple[int, str], None] = {}
        self._connection = connection
        self._eye = connection.connect()
        self._blockers: dict[int, psycopg.Connection[Any]] = {}
        self._writers: set[int] = set()
        self.is_under_way = False
        named: list[str] = []
        others: list[str] = []
        for relation, table in self._eye.execute(_TABLES):
            (named if relation.lower() in sql.lower() and len(named) < _NAMED else others).append(table)
        for mode in ("SHARE UPDATE EXCLUSIVE", "ROW EXCLUSIVE"):
            for tables in (*([table] for table in named), others):
                self._block(tables, mode)

    def _block(self, tables: list[str], mode: str) -> None:
        if not tables:
            return
        blocker = self._connection.connect(autocommit=False)
        try:
            blocker.execute(f"SET LOCAL lock_timeout = '{_BLOCKER_TIMEOUT}'")
            blocker.execute(f"LOCK TABLE ONLY {', ONLY '.join(tables)} IN {mode} MODE".encode())
        except psycopg.Error:  # the project holds a lock itself: what it waits for is seen by looking only
            blocker.close()
        else:
            self._blockers[blocker.info.backend_pid] = blocker
            if mode == "ROW EXCLUSIVE":
                self._writers.add(blocker.info.backend_pid)

    @classmethod
    def start(cls, connection: Connection, pid: int, sql: str) -> "Observer | None":
        """Begin; None where no second session can be had."""
        try:
            return cls(connection, pid, sql)
        except psycopg.Error:
            return None

    def look(self, *, hold: bool = False) -> None:
        """Read the locks; let the statement go on when it waits for a session of ours.

        Args:
            hold: Do not let it go on when it waits for a writer: then it is in the middle of its work.
        """
        try:
            waits_for = self._eye.execute("SELECT unnest(pg_blocking_pids(%s))", (self._pid,)).fetchall()
            for oid, mode in self._eye.execute(_LOCKS, (self._pid,)):
                self._found[int(oid), str(mode)] = None
        except psycopg.Error:  # the database was dropped: nothing more to see
            self._release()
            return
        for (pid,) in waits_for:
            if pid in self._blockers:
                self.is_under_way = self.is_under_way or pid in self._writers
                if not (hold and self.is_under_way):
                    self._blockers.pop(pid).close()

    def end_observed(self) -> None:
        """End the server's process that executes the statement, and wait for that."""
        self._eye.execute("SELECT pg_terminate_backend(%s, 5000)", (self._pid,))

    def seen(self) -> list[tuple[int, str]]:
        """Return the relations' oids and modes, granted or waited for."""
        return list(self._found)

    def close(self) -> None:
        """End the sessions."""
        self._release()
        self._eye.close()

    def _release(self) -> None:
        for blocker in self._blockers.values():
            blocker.close()
        self._blockers.clear()
