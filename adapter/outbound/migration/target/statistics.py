"""Reads the sizes and the activity of the tables of a database from catalogs and statistics views.

The role needs CONNECT and no privilege on any table, because every role may read these views (manual, chapters "System
Catalogs" and "The Cumulative Statistics System"). Everything is read in one READ ONLY transaction. The transaction is
started as read only, not through a startup parameter, which connection poolers refuse. No rows are read; the files of a
table are measured under a lock that blocks no reads or writes and is released at once.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from adapter.outbound.migration.target.applied import TIMEOUTS
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import costs_more
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.statistics import Extension, Statistics, TableStatistics, Target

# The driver can parse times only in ISO form, so the target's own DateStyle is overridden.
_SETTINGS = """
SELECT set_config('search_path', 'pg_catalog, pg_temp', true), set_config('jit', 'off', true),
       set_config('DateStyle', 'ISO', true)
"""

# A standby counts no writes, and only its own scans.
_TARGET = """
SELECT current_database()::text AS database,
       current_setting('server_version_num')::int AS version,
       now() AS taken_at,
       CASE WHEN current_setting('track_counts')::bool AND NOT pg_is_in_recovery()
            -- An orderly restart keeps the counters, a crash throws them away with those of the whole server.
            THEN extract(epoch FROM now() - coalesce(d.stats_reset, least(b.stats_reset, a.stats_reset),
                                                     pg_postmaster_start_time())) END AS observed,
       pg_size_bytes(current_setting('maintenance_work_mem')) AS maintenance_work_mem,
       current_setting('max_parallel_maintenance_workers')::int AS max_parallel_maintenance_workers
  FROM pg_stat_database AS d, pg_stat_bgwriter AS b, pg_stat_archiver AS a
 WHERE d.datname = current_database()
"""

_EXTENSIONS = """
SELECT coalesce(a.name, e.extname)::text AS name, e.extversion AS installed, a.default_version AS available,
       coalesce(r.rolsuper OR (v.trusted OR NOT v.superuser)
                              AND has_database_privilege(current_database(), 'CREATE'), false) AS may_create
  FROM pg_available_extensions AS a
  JOIN pg_available_extension_versions AS v ON (v.name, v.version) = (a.name, a.default_version)
  FULL JOIN pg_extension AS e ON e.extname = a.name
  LEFT JOIN pg_roles AS r ON r.rolname = current_user
 ORDER BY 1
"""

_INSTALLED = "SELECT extname AS name, extversion AS installed FROM pg_extension ORDER BY 1"
_FILES = """
SELECT c.oid::int8, format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 't', 'i') AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_locks AS l
                    WHERE l.relation = c.oid AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock')
"""

# Settings that decide how a session parses and formats values, or how it resolves names. RESET goes back to the value
# that comes from the server, the database and the role. An unchanged search_path is left out.
_SESSION_SETTINGS = """
SELECT name, reset_val FROM pg_settings
 WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle', 'timezone_abbreviations', 'standard_conforming_strings',
                'backslash_quote', 'default_text_search_config', 'bytea_output', 'extra_float_digits', 'array_nulls',
                'transform_null_equals', 'xmlbinary', 'xmloption',
                'default_transaction_isolation', 'search_path')
   AND NOT (name = 'search_path' AND reset_val = boot_val)
 ORDER BY name
"""

# Rows are estimated as in the planner (manual, "Row Estimation Examples"): the density at the last VACUUM or ANALYZE
# times the current pages. Where the activity counters are higher, they are used, because an estimate that is too low is
# the worse mistake. A table that was never analyzed has only the counters. Fewer than two rows per page mean that a
# crash or a reset lost the counters, because TOAST keeps rows below a quarter of a page. The estimate then follows the
# planner's guess, from the widths of the types.
# The query does not wait for a relation that another session has, or waits for, in ACCESS EXCLUSIVE mode. Its size is
# that of the last VACUUM or ANALYZE.
_TABLES = f"""
WITH RECURSIVE setting AS MATERIALIZED (
    SELECT current_setting('block_size')::int AS block, d.oid AS database
      FROM pg_database AS d WHERE d.datname = current_database()
), locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
      FROM pg_locks AS l JOIN setting AS s ON l.database = s.database
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
     UNION ALL SELECT unnest(%(unread)s::oid[])
), file AS MATERIALIZED (
    SELECT c.oid, CASE WHEN c.oid IN (TABLE locked) THEN c.relpages::bigint * s.block
                       ELSE coalesce(pg_relation_size(c.oid), 0) END AS bytes
      FROM pg_class AS c CROSS JOIN setting AS s
     WHERE c.relkind IN ('r', 't', 'i') AND c.oid >= 16384
), index_file AS MATERIALIZED (
    SELECT i.indrelid, sum(f.bytes) AS bytes FROM pg_index AS i JOIN file AS f ON f.oid = i.indexrelid GROUP BY 1
), measured AS MATERIALIZED (
    SELECT c.oid, c.relpages, c.reltuples, h.bytes AS heap, h.bytes / s.block AS pages,
           coalesce(t.bytes, 0) + coalesce(ti.bytes, 0) AS toast, coalesce(x.bytes, 0) AS indexes,
           coalesce(a.n_live_tup, 0) AS live, coalesce(a.n_dead_tup, 0) AS dead,
           a.seq_scan + coalesce(a.idx_scan, 0) AS scans, a.n_tup_ins + a.n_tup_upd + a.n_tup_del AS writes,
           (SELECT (s.block - 24) / (28 + coalesce(sum(CASE WHEN attlen > 0 THEN attlen ELSE 32 END), 0))
              FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS guessed
      FROM pg_class AS c
      JOIN file AS h ON h.oid = c.oid
     CROSS JOIN setting AS s
      LEFT JOIN file AS t ON t.oid = c.reltoastrelid
      LEFT JOIN index_file AS ti ON ti.indrelid = c.reltoastrelid
      LEFT JOIN index_file AS x ON x.indrelid = c.oid
      LEFT JOIN pg_stat_user_tables AS a ON a.relid = c.oid
     WHERE c.relkind = 'r'
), leaf AS MATERIALIZED (
    SELECT *, CASE WHEN pages = 0 THEN 0
                   WHEN relpages > 0 AND reltuples >= 0 THEN greatest(reltuples / relpages * pages, live)
                   WHEN live + dead >= 2 * pages THEN live
                   ELSE pages * greatest(guessed, 1) END AS rows
      FROM measured
), tree AS (
    SELECT c.oid AS root, c.oid AS member, c.relkind
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND {IN_USER_SCHEMA}
    UNION ALL
    SELECT t.root, c.oid, c.relkind
      FROM tree AS t JOIN pg_inherits AS i ON i.inhparent = t.member JOIN pg_class AS c ON c.oid = i.inhrelid
     WHERE t.relkind = 'p'
)
SELECT format('%%I.%%I', n.nspname, c.relname) AS name,
       coalesce(round(sum(l.rows)), 0)::bigint AS rows,
       coalesce(sum(l.heap + l.toast), 0)::bigint AS bytes,
       coalesce(sum(l.indexes), 0)::bigint AS index_bytes,
       sum(l.scans)::float / %(observed)s AS scans_per_second,
       sum(l.writes)::float / %(observed)s AS writes_per_second,
       coalesce(sum(l.toast), 0)::bigint AS toast_bytes
  FROM tree AS t
  JOIN pg_class AS c ON c.oid = t.root
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN leaf AS l ON l.oid = t.member
 GROUP BY n.nspname, c.relname
 ORDER BY 1
"""  # noqa: S608 - a constant


def read_statistics(url: DatabaseURL) -> Statistics:
    """Read the statistics of a database, without changing anything in it.

    Raises:
        DatabaseError: A relation is locked, or a query exceeds the statement timeout of 10 seconds.
        psycopg.Error: The server cannot be reached, or refused the connection or a query.
    """
    with psycopg.connect(url.libpq, client_encoding="utf8") as connection:
        connection.read_only = True
        try:
            return _read(connection)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            raise DatabaseError(
                f"The statistics of {url} could not be read in time ({error.diag.message_primary}).",
                "Try again when no deployment runs there.",
            ) from error


def _read(connection: psycopg.Connection[Any]) -> Statistics:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(TIMEOUTS)
        cursor.execute(_SETTINGS)
        unread: dict[str, str] = {}
        target = _target(cursor, unread)
        try:
            tables = _tables(cursor, target, [])
        except psycopg.Error as error:
            if costs_more(error):
                raise
            unmeasurable = dict(_without_a_size(cursor))
            unread |= dict(unmeasurable.values())
            tables = _tables(cursor, target, list(unmeasurable))
        return Statistics(tables, target, unread)


def _tables(cursor: psycopg.Cursor[dict[str, Any]], target: Target, unread: list[int]) -> dict[str, TableStatistics]:
    """Read the statistics of all tables, without measuring the files of the `unread` relations."""
    with cursor.connection.transaction():
        cursor.execute(_TABLES, {"observed": target.observed_seconds, "unread": unread}, prepare=False)
        return {row.pop("name"): TableStatistics(**row) for row in cursor}


def _without_a_size(cursor: psycopg.Cursor[dict[str, Any]]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Return the relations whose files cannot be measured, by oid, with their names and the reasons."""
    for row in cursor.execute(_FILES).fetchall():
        try:
            with cursor.connection.transaction():
                cursor.execute("SELECT pg_relation_size(%s)", (row["oid"],))
        except psycopg.Error as error:
            if costs_more(error):
                raise
            yield row["oid"], (row["name"], error.diag.message_primary or str(error))


def _extensions(cursor: psycopg.Cursor[dict[str, Any]], unread: dict[str, str]) -> dict[str, Extension]:
    """Read the extensions; only the installed ones where the server cannot list those that are available."""
    try:
        with cursor.connection.transaction():
            return {row.pop("name"): Extension(**row) for row in cursor.execute(_EXTENSIONS)}
    except psycopg.Error as error:
        if costs_more(error):
            raise
        unread["extensions on offer"] = error.diag.message_primary or str(error)
    return {row["name"]: Extension(row["installed"]) for row in cursor.execute(_INSTALLED)}


def _target(cursor: psycopg.Cursor[dict[str, Any]], unread: dict[str, str]) -> Target:
    target_row = cursor.execute(_TARGET).fetchone()
    assert target_row is not None  # noqa: S101 - the current database is always listed
    extensions = _extensions(cursor, unread)
    settings = {row["name"]: row["reset_val"] for row in cursor.execute(_SESSION_SETTINGS)}
    major, minor = divmod(target_row["version"], 10_000)
    return Target(
        database=target_row["database"],
        postgres=f"{major}.{minor}",
        taken_at=target_row["taken_at"],
        # Right after a reset there is no rate yet.
        observed_seconds=float(target_row["observed"]) or None if target_row["observed"] is not None else None,
        maintenance_work_mem=target_row["maintenance_work_mem"],
        max_parallel_maintenance_workers=target_row["max_parallel_maintenance_workers"],
        extensions=extensions,
        settings=settings,
    )
