"""Finds the relations on which a statement may run code of the user's, which may read and write anything."""

from collections.abc import Collection
from typing import Any

import psycopg

# Expressions that find a relation by a name that is made when they run, or run a query.
_BY_NAME = """
SELECT ':(resulttype (' || (SELECT string_agg(oid::text, '|') FROM pg_catalog.pg_type
                             WHERE typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND typname ~ '^_?reg')
    || ')|funcid (' || (SELECT string_agg(oid::text, '|') FROM pg_catalog.pg_proc
                         WHERE pronamespace = 'pg_catalog'::pg_catalog.regnamespace
                           AND proname ~ '_to_xml|^to_reg|^regclass$|_privilege$') || '))\\M'
"""

# Functions that are not Postgres' own. Those of an extension without tables read none of the user's.
_OPAQUE = """
WITH code AS MATERIALIZED (
    SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.oid >= 16384 AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
         WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend t
                            WHERE t.refclassid = d.refclassid AND t.refobjid = d.refobjid AND t.deptype = 'e'
                              AND t.classid = 'pg_catalog.pg_class'::pg_catalog.regclass))
), operators AS MATERIALIZED (
    SELECT o.oid FROM pg_catalog.pg_operator o WHERE o.oprcode IN (TABLE code)
), users AS MATERIALIZED (
    SELECT DISTINCT d.classid, d.objid FROM pg_catalog.pg_depend d
     WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid IN (TABLE code)
        OR d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.refobjid IN (TABLE operators)
), uses AS MATERIALIZED (
    SELECT f.oid, f.adrelid AS relation, 'pg_catalog.pg_attrdef'::pg_catalog.regclass AS catalog,
           f.adbin::text AS tree FROM pg_catalog.pg_attrdef f
     WHERE (%(among)s::int8[] IS NULL OR f.adrelid = ANY (%(among)s::int8[]::oid[]))
    UNION ALL
    SELECT k.oid, k.conrelid, 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.conbin::text
      FROM pg_catalog.pg_constraint k WHERE k.conrelid <> 0 AND k.contype IN ('c', 'x')
       AND (%(among)s::int8[] IS NULL OR k.conrelid = ANY (%(among)s::int8[]::oid[]))
    UNION ALL
    SELECT i.indexrelid, i.indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass,
           concat(i.indexprs::text, i.indpred::text) FROM pg_catalog.pg_index i WHERE i.indexrelid >= 16384
       AND (%(among)s::int8[] IS NULL OR i.indrelid = ANY (%(among)s::int8[]::oid[]))
    UNION ALL
    SELECT p.partrelid, p.partrelid, 'pg_catalog.pg_class'::pg_catalog.regclass, p.partexprs::text
      FROM pg_catalog.pg_partitioned_table p
     WHERE (%(among)s::int8[] IS NULL OR p.partrelid = ANY (%(among)s::int8[]::oid[]))
    UNION ALL
    SELECT w.oid, w.ev_class, 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.ev_action::text
      FROM pg_catalog.pg_rewrite w WHERE w.ev_class >= 16384
       AND (%(among)s::int8[] IS NULL OR w.ev_class = ANY (%(among)s::int8[]::oid[]))
)
SELECT u.relation::int8 FROM uses u
 WHERE (u.catalog, u.oid) IN (SELECT classid, objid FROM users) OR u.tree ~ %(by_name)s
UNION
SELECT t.tgrelid::int8 FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal
   AND (%(among)s::int8[] IS NULL OR t.tgrelid = ANY (%(among)s::int8[]::oid[]))
UNION
SELECT w.ev_class::int8 FROM pg_catalog.pg_rewrite w WHERE w.ev_class >= 16384 AND w.rulename <> '_RETURN'
   AND (%(among)s::int8[] IS NULL OR w.ev_class = ANY (%(among)s::int8[]::oid[]))
UNION
SELECT c.oid::int8 FROM pg_catalog.pg_class c
 WHERE c.oid >= 16384 AND (%(among)s::int8[] IS NULL OR c.oid = ANY (%(among)s::int8[]::oid[])) AND EXISTS (
        SELECT FROM pg_catalog.pg_constraint k
         WHERE k.contypid <> 0
           AND (('pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid) IN (SELECT classid, objid FROM users)
                OR k.conbin::text ~ %(by_name)s))
"""


def read_opaque(connection: psycopg.Connection[Any], among: Collection[int] | None = None) -> frozenset[int]:
    """Return the relations whose statements run code of the user's, or find relations by name, by OID.

    Args:
        connection: A connection to the database.
        among: The relations that are looked at, by OID; None for all.
    """
    row = connection.execute(_BY_NAME).fetchone()
    values = {"by_name": row[0] if row else "", "among": None if among is None else list(among)}
    return frozenset(oid for (oid,) in connection.execute(_OPAQUE, values))
