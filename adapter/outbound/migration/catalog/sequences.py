"""Finds rows whose keys a revision wrote itself, beyond what the sequence behind the column knows of."""

from typing import Any

import psycopg

from domain.migration.trace import SequenceBehind

# Columns that are unique by themselves and whose values come from a sequence that counts up.
_COLUMNS = """
WITH fed AS (
    SELECT ad.adrelid AS relation, ad.adnum AS number, d.refobjid AS sequence
      FROM pg_catalog.pg_attrdef ad
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = ad.oid
       AND d.refclassid = 'pg_catalog.pg_class'::regclass
    UNION
    SELECT d.refobjid, d.refobjsubid, d.objid
      FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
       AND d.deptype = 'i'
)
SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), format('%I.%I', sn.nspname, sc.relname),
       coalesce(pg_catalog.pg_sequence_last_value(s.seqrelid) + s.seqincrement, s.seqstart)
  FROM fed f
  JOIN pg_catalog.pg_sequence s ON s.seqrelid = f.sequence AND s.seqincrement > 0
  JOIN pg_catalog.pg_class sc ON sc.oid = f.sequence JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
  JOIN pg_catalog.pg_class c ON c.oid = f.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = f.relation AND a.attnum = f.number
   AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
 WHERE EXISTS (SELECT FROM pg_catalog.pg_index i
                WHERE i.indrelid = f.relation AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = f.number)
 ORDER BY 1, 2
"""
_NEXT = "SELECT (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::bigint"


def next_transaction(session: psycopg.Connection[Any]) -> int:
    """Return the number that the next transaction will have: newer rows bear no smaller one."""
    row = session.execute(_NEXT).fetchone()
    assert row is not None  # noqa: S101 - one row always
    return int(row[0])


def sequences_behind(session: psycopg.Connection[Any], since: int, tables: set[str]) -> tuple[SequenceBehind, ...]:
    """Find sequences whose next value a row of some tables has, that came since a transaction."""
    found = []
    for table, column, sequence, following in session.execute(_COLUMNS).fetchall():
        if table not in tables:
            continue
        newest = f"SELECT max({column}) FROM {table} WHERE xmin::text::bigint >= {since}"  # noqa: S608 - quoted there
        row = session.execute(newest.encode()).fetchone()
        if row is not None and row[0] is not None and row[0] >= following:
            found.append(SequenceBehind(table, column, sequence, int(following), int(row[0])))
    return tuple(found)
