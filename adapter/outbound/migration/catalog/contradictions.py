"""Finds what the catalog promises and the rows do not keep, where Postgres was kept from checking it.

Foreign keys are kept by triggers, which a revision can switch off. CHECK constraints, generated columns and indexes
follow functions, which a revision can replace. Postgres checks nothing again then (the manual, ALTER TABLE, DISABLE
TRIGGER, and CREATE TABLE, CHECK).
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.written_rows import written_since
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.trace import Contradiction

# One query for each foreign key of or to some tables, which counts the rows without the row that they name. The rows of
# partitioned tables are written in partitions.
_FOREIGN_KEYS = f"""
WITH partitioned AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'p'
), key AS MATERIALIZED (
    SELECT * FROM pg_catalog.pg_constraint
     WHERE contype = 'f' AND convalidated AND conparentid = 0
       AND (conrelid = ANY ($1::int8[]::oid[]) OR confrelid = ANY ($1::int8[]::oid[])
            OR conrelid IN (TABLE partitioned) OR confrelid IN (TABLE partitioned))
)
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(o.conname),
       pg_catalog.format(
           'SELECT count(*) FROM %s %I.%I f WHERE %s AND NOT EXISTS (SELECT FROM %s %I.%I k WHERE %s)',
           CASE c.relkind WHEN 'r' THEN 'ONLY' ELSE '' END, n.nspname, c.relname, k.given,
           CASE r.relkind WHEN 'r' THEN 'ONLY' ELSE '' END, rn.nspname, r.relname, k.equal)
  FROM key o
  JOIN pg_catalog.pg_class c ON c.oid = o.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class r ON r.oid = o.confrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
 CROSS JOIN LATERAL (
       SELECT pg_catalog.string_agg(pg_catalog.format('f.%I IS NOT NULL', a.attname), ' AND ') AS given,
              pg_catalog.string_agg(pg_catalog.format('k.%I OPERATOR(%I.%s) f.%I', b.attname, pn.nspname, p.oprname,
                                                      a.attname), ' AND ') AS equal
         FROM unnest(o.conkey, o.confkey, o.conpfeqop) AS u (here, there, operator)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = u.here
         JOIN pg_catalog.pg_attribute b ON b.attrelid = o.confrelid AND b.attnum = u.there
         JOIN pg_catalog.pg_operator p ON p.oid = u.operator
         JOIN pg_catalog.pg_namespace pn ON pn.oid = p.oprnamespace) AS k
 WHERE {IN_USER_SCHEMA}
   AND coalesce(pg_catalog.to_jsonb(o) ->> 'conperiod', 'false') = 'false'
"""  # noqa: S608 - a constant
# Triggers that keep constraints, and that a revision has switched off.
_SWITCHED_OFF = """
SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(o.conname)
  FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_constraint o ON o.oid = g.tgconstraint
  JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE g.tgisinternal AND g.tgenabled IN ('D', 'R') AND {written} AND {in_user_schema}
 ORDER BY 1, 2
"""
_REPLACED = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE {written} AND {in_user_schema})
"""
# Functions call others, so the constraints and columns of all functions count, not only those of the replaced one.
_OF_FUNCTIONS = f"""
WITH used AS MATERIALIZED (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND {IN_USER_SCHEMA}
), tables AS (
    SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
)
SELECT t.name, pg_catalog.quote_ident(o.conname), 'SELECT count(*) FROM ONLY ' || t.name || ' WHERE NOT ('
       || pg_catalog.pg_get_expr(o.conbin, o.conrelid) || ')'
  FROM pg_catalog.pg_constraint o JOIN tables t ON t.oid = o.conrelid
 WHERE o.contype = 'c' AND o.convalidated AND ('pg_catalog.pg_constraint'::regclass, o.oid) IN (TABLE used)
UNION ALL
SELECT t.name, pg_catalog.quote_ident(a.attname), pg_catalog.format('SELECT count(*) FROM ONLY %s'
       ' WHERE (%I)::text IS DISTINCT FROM (%s)::text', t.name, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
  FROM pg_catalog.pg_attrdef d JOIN tables t ON t.oid = d.adrelid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = 's'
 WHERE ('pg_catalog.pg_attrdef'::regclass, d.oid) IN (TABLE used)
"""  # noqa: S608 - a constant
_INDEXES = f"""
SELECT pg_catalog.format('%I.%I', tn.nspname, t.relname), pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am m ON m.oid = c.relam
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
 WHERE m.amname = 'btree' AND i.indisvalid AND {IN_USER_SCHEMA} AND EXISTS (
       SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid
         JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
          AND d.refclassid = 'pg_catalog.pg_proc'::regclass AND {IN_USER_SCHEMA})
"""  # noqa: S608 - a constant
_CORRUPTED = {"XX001", "XX002"}  # data_corrupted and index_corrupted, which is what a missing entry is called


def read_contradictions(
    session: psycopg.Connection[Any], since: int, written: Collection[int]
) -> tuple[Contradiction, ...]:
    """Return the foreign keys, CHECK constraints, generated columns and indexes that the rows contradict.

    Args:
        session: An autocommit session in the database; nothing is changed in it.
        since: The first transaction whose work may contradict the catalog.
        written: OIDs of the tables with rows that were written or deleted since.
    """
    cursor = psycopg.RawCursor(session)
    keys = cursor.execute(_FOREIGN_KEYS.encode(), [list(written)]).fetchall() if written else []
    contradictions = [*_broken(session, keys)]
    switched_off = _SWITCHED_OFF.format(written=written_since(since, "g"), in_user_schema=IN_USER_SCHEMA)
    for table, name in session.execute(switched_off.encode()).fetchall():
        contradictions.append(Contradiction(table, f"the triggers on {table} that keep {name} are switched off"))
    replaced = _REPLACED.format(written=written_since(since, "p"), in_user_schema=IN_USER_SCHEMA)
    row = session.execute(replaced.encode()).fetchone()
    if row is not None and row[0]:
        contradictions += _broken(session, session.execute(_OF_FUNCTIONS.encode()).fetchall())
        contradictions += _stale_indexes(session)
    return tuple(contradictions)


def _broken(session: psycopg.Connection[Any], queries: list[tuple[Any, ...]]) -> Iterator[Contradiction]:
    for table, name, query in queries:
        row = None
        with suppress(psycopg.Error):  # row security hides rows, or the function itself fails on them
            row = session.execute(query.encode()).fetchone()
        if row is not None and row[0]:
            rows = "1 row" if row[0] == 1 else f"{row[0]:,} rows"
            yield Contradiction(table, f"{rows} of {table} do not fit {name}, which the catalog calls valid")


def _stale_indexes(session: psycopg.Connection[Any]) -> Iterator[Contradiction]:
    """Return the B-tree indexes that lack the entry of a row, as amcheck says; none on a server without it."""
    indexes = session.execute(_INDEXES.encode()).fetchall()
    if not indexes:
        return
    with suppress(psycopg.Error), session.transaction(force_rollback=True):  # a role may not create it
        session.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        for table, name in indexes:
            try:
                with session.transaction():
                    session.execute("SELECT bt_index_check(%s::regclass, true)", (name,))
            except psycopg.Error as error:
                if error.sqlstate in _CORRUPTED:
                    yield Contradiction(table, f"the index {name} of {table} has other entries than its rows by now")
