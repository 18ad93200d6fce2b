"""Finds keys beyond the current value of their sequence, where a revision wrote the keys or gave them the sequence."""

from typing import Any

import psycopg

from adapter.outbound.migration.catalog.written_rows import written_since
from domain.migration.trace import SequenceBehind

# Columns that are unique by themselves and have values from an ascending sequence.
_COLUMNS = """
WITH fed AS (
    SELECT ad.adrelid AS relation, ad.adnum AS number, d.refobjid AS sequence, {given} AS is_given
      FROM pg_catalog.pg_attrdef ad
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = ad.oid
       AND d.refclassid = 'pg_catalog.pg_class'::regclass
    UNION
    SELECT d.refobjid, d.refobjsubid, d.objid, {given}
      FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
       AND d.deptype = 'i'
)
SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), format('%I.%I', sn.nspname, sc.relname),
       coalesce(pg_catalog.pg_sequence_last_value(s.seqrelid) + s.seqincrement, s.seqstart), f.is_given
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


def sequences_behind(session: psycopg.Connection[Any], since: int, tables: set[str]) -> tuple[SequenceBehind, ...]:
    """Return the sequences whose next value is not above the keys of their column.

    Args:
        session: An autocommit session in the database.
        since: The first transaction of the revision; keys that were there before count where the sequence is new to the
            column.
        tables: The tables into which the revision wrote rows.
    """
    behind = []
    columns = _COLUMNS.format(given=written_since(since, "d"))
    for table, column, sequence, following, is_given in session.execute(columns.encode()).fetchall():
        if table not in tables and not is_given:
            continue
        of_revision = "" if is_given else f"WHERE {written_since(since, 't')}"
        newest = f"SELECT max({column}) FROM {table} t {of_revision}"  # noqa: S608 - quoted there
        row = session.execute(newest.encode()).fetchone()
        if row is not None and row[0] is not None and row[0] >= following:
            behind.append(SequenceBehind(table, column, sequence, int(following), int(row[0]), is_given))
    return tuple(behind)
