"""Queries about a transaction from within it: its locks, its counters and the catalog."""

from __future__ import annotations

import json
import sys
from typing import Any

from .catalog import CATALOG_CHANGES, WHOLE_CATALOG, Catalog

# The locks and the counters of the transaction, in one round trip. DDL gives its locks on the indexes of a catalog back
# at once; a statement that writes the catalog as a table keeps them, as do the functions of large objects (2613, 2995).
# Of a catalog's TOAST table DDL keeps them too, therefore only the catalogs themselves (relkind r) are looked at.
_PROBE = """
WITH locks AS MATERIALIZED (
    SELECT locktype, relation, database, mode, granted, virtualtransaction
    FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid()
), counters AS MATERIALIZED (
    SELECT oid::bigint AS oid, pg_catalog.{0}numscans(oid) AS scans, pg_catalog.{0}tuples_returned(oid) AS read,
        pg_catalog.{0}tuples_inserted(oid) AS inserted, pg_catalog.{0}tuples_updated(oid) AS updated,
        pg_catalog.{0}tuples_deleted(oid) AS deleted
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm', 'p')
)
SELECT pg_catalog.json_build_object(
    'pid', pg_catalog.pg_backend_pid(),
    'lock_timeout', pg_catalog.current_setting('lock_timeout'),
    'wal', (pg_catalog.pg_current_wal_insert_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_catalog.pg_lsn)::bigint,
    'transaction', (SELECT pg_catalog.max(virtualtransaction) FROM locks),
    'locks', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(relation::bigint, mode)) FROM locks
        WHERE locktype = 'relation' AND granted AND relation::bigint >= 16384
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())),
    'counters', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(oid, scans, read, inserted, updated, deleted))
        FROM counters WHERE oid >= 16384 AND scans + read + inserted + updated + deleted > 0),
    'catalogs', (SELECT pg_catalog.json_agg(DISTINCT i.indrelid::pg_catalog.regclass::text) FROM locks
        JOIN pg_catalog.pg_index i ON i.indexrelid = locks.relation
        JOIN pg_catalog.pg_class c ON c.oid = i.indrelid AND c.relkind = 'r'
        WHERE locktype = 'relation' AND granted AND relation::bigint < 16384 AND mode = 'RowExclusiveLock'
        AND i.indrelid::bigint NOT IN (2613, 2995)),
    'xid', (pg_catalog.pg_current_xact_id_if_assigned()::text::numeric % 4294967296)::bigint,
    'catalog', (SELECT pg_catalog.sum(inserted + updated + deleted) FROM counters WHERE oid < 16384),
    'samples', (SELECT inserted + updated FROM counters WHERE oid = 2619),
    'clock', pg_catalog.clock_timestamp()
)::text
"""
PROBE_TRANSACTION = _PROBE.format("pg_stat_get_xact_")
PROBE_TOTAL = _PROBE.format("pg_stat_get_")

# ANALYZE writes pg_statistic (2619). Only the shared statistics say which table it read; they know it at once.
_ANALYZED = """
SELECT coalesce(pg_catalog.json_agg(oid::bigint), '[]')::text FROM pg_catalog.pg_class
WHERE relkind IN ('r', 'm', 'p') AND pg_catalog.pg_stat_get_last_analyze_time(oid) >= '{}'::timestamptz
"""
_FRESH_STATISTICS = "SELECT pg_catalog.pg_stat_clear_snapshot()::text"
# Through JSON, because old versions have no such column.
_SESSIONS = """
SELECT coalesce((pg_catalog.to_jsonb(d) ->> 'sessions')::bigint, 0) FROM pg_catalog.pg_stat_database d
WHERE d.datname = pg_catalog.current_database()
"""
_TRANSACTION = """
SELECT pg_catalog.max(virtualtransaction) FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid()
"""


class Session:
    """The agent's own queries on the connection that executes a statement."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def autocommit(self) -> bool:
        """Whether each statement commits on its own."""
        return bool(getattr(self.connection, "autocommit", False))

    def is_idle(self) -> bool:
        """Return whether the connection is in no transaction, as far as its driver knows."""
        info = getattr(self.connection, "info", None)
        status = getattr(info, "transaction_status", None)
        if status is not None:
            return int(status) == 0
        # SQLAlchemy around asyncpg before and since 2.1, and pg8000
        is_in_transaction = getattr(self.connection, "_started", getattr(self.connection, "_in_transaction", None))
        if is_in_transaction is None:
            return getattr(self.connection, "_transaction", self) is None
        return is_in_transaction is False

    def rollback(self) -> None:
        """Roll back the transaction through the driver, so that the driver begins another one."""
        self.connection.rollback()

    def run(self, sql: str) -> None:
        """Execute a command."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql)
        finally:
            cursor.close()

    def value(self, sql: str, *, again: bool = False) -> Any:
        """Return the only value of a query's result.

        Args:
            sql: The query, with one row and one column.
            again: Whether the query is executed often, so that a driver that can prepare it does so.
        """
        cursor = self.connection.cursor()
        prepare = {"prepare": True} if again and _can_prepare(cursor) else {}
        try:
            cursor.execute(sql, **prepare)
            row = cursor.fetchone()
        finally:
            cursor.close()
        return next(iter(row.values())) if isinstance(row, dict) else row[0]

    def probe(self, sql: str = PROBE_TRANSACTION) -> dict[str, Any]:
        """Return the locks and the counters of the transaction."""
        return dict(json.loads(self.value(sql, again=True)))

    def catalog(self, known: Catalog | None = None, since: int | None = None) -> Catalog:
        """Return the catalog.

        Args:
            known: An earlier catalog. With it and `since`, only the changes of the transaction are read.
            since: ID of the current transaction; None when it has none.
        """
        if known is not None and since is not None:
            updated = Catalog.read(json.loads(self.value(CATALOG_CHANGES, again=True)), known)
            if updated is not None:
                return updated
        catalog = Catalog.read(json.loads(self.value(WHOLE_CATALOG)))
        assert catalog is not None  # noqa: S101 - nothing was compared
        return catalog

    def analyzed_since(self, clock: str) -> list[int]:
        """Return the OIDs of the relations that were analyzed since a moment of the server's clock."""
        self.value(_FRESH_STATISTICS)
        return list(json.loads(self.value(_ANALYZED.format(clock))))

    def begun_sessions(self) -> int:
        """Return how many sessions the database has had; a transaction that this begins is rolled back."""
        is_idle = not self.autocommit and self.is_idle()
        self.value(_FRESH_STATISTICS)
        sessions = int(self.value(_SESSIONS))
        if is_idle:
            self.rollback()
        return sessions

    def in_block(self) -> bool:
        """Return whether the author opened a transaction in spite of autocommit.

        Outside a transaction, each query has a virtual transaction ID of its own.
        """
        return bool(self.value(_TRANSACTION) == self.value(_TRANSACTION))


def _can_prepare(cursor: Any) -> bool:
    """Return whether a cursor has an option to prepare a query; other drivers prepare on their own, or never."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(cursor, psycopg.Cursor) and not isinstance(cursor, psycopg.ClientCursor)
