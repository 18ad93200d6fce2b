"""Counts the rows of tables that a transaction has locked, by trying to lock them from a second session."""

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from adapter.outbound.migration.project.connection import Connection

_TABLES: LiteralString = """
SELECT c.oid::bigint, format('%%I.%%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid::bigint = ANY (%s) AND relkind = 'r' AND relpersistence <> 't'
"""
# FOR KEY SHARE is the only lock of rows that lets another session lock them so.
_ROWS = """
SELECT (SELECT count(*) FROM ONLY {0}), (SELECT count(*) FROM (SELECT FROM ONLY {0} FOR NO KEY UPDATE SKIP LOCKED) s)
"""


class RowLocker:
    """A session that locks what rows it can, and gives them back at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: psycopg.Connection[Any] | None = None

    def count(self, tables: Sequence[int]) -> list[tuple[int, int, int]]:
        """Return OID, number of rows, and number of rows that are locked, of each table that can be read.

        Tables that the role may not lock rows of, or that are locked as a whole, are left out.

        Args:
            tables: OIDs of the tables.
        """
        try:
            if self._session is None:
                self._session = self._connection.connect()
            names = self._session.execute(_TABLES, (list(tables),)).fetchall()
            return [(oid, *figures) for oid, name in names if (figures := self._figures(name))]
        except psycopg.Error:  # no second session can be opened
            return []

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()

    def _figures(self, table: str) -> tuple[int, int] | None:
        assert self._session is not None  # noqa: S101 - as `count` has seen to
        try:
            with self._session.transaction(force_rollback=True):
                self._session.execute(f"LOCK TABLE ONLY {table} IN ROW SHARE MODE NOWAIT".encode())
                rows, free = self._session.execute(_ROWS.format(table).encode()).fetchone() or (0, 0)
        except psycopg.errors.DatabaseError:
            return None
        return rows, rows - free
