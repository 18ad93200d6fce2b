"""Finds the relations on which a statement may do something else than before.

A statement does the same when neither its relation has changed nor what it reaches: tables on the other side of its
foreign keys, further ones behind ON DELETE CASCADE and the like, partitions and parents, tables below a view,
sequences. Code of the user's, in triggers, rules, policies and functions, may read anything.

The links are read behind the change. A link that was removed is described in a row of the catalog at both of its ends,
so these have changed, and what led to them is still there.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
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
    UNION ALL
    SELECT k.oid, k.conrelid, 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.conbin::text
      FROM pg_catalog.pg_constraint k WHERE k.conrelid <> 0 AND k.contype IN ('c', 'x')
    UNION ALL
    SELECT i.indexrelid, i.indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass,
           concat(i.indexprs::text, i.indpred::text) FROM pg_catalog.pg_index i WHERE i.indexrelid >= 16384
    UNION ALL
    SELECT p.partrelid, p.partrelid, 'pg_catalog.pg_class'::pg_catalog.regclass, p.partexprs::text
      FROM pg_catalog.pg_partitioned_table p
    UNION ALL
    SELECT w.oid, w.ev_class, 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.ev_action::text
      FROM pg_catalog.pg_rewrite w WHERE w.ev_class >= 16384
)
SELECT u.relation::int8 FROM uses u
 WHERE (u.catalog, u.oid) IN (SELECT classid, objid FROM users) OR u.tree ~ %(by_name)s
UNION
SELECT t.tgrelid::int8 FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal
UNION
SELECT w.ev_class::int8 FROM pg_catalog.pg_rewrite w WHERE w.ev_class >= 16384 AND w.rulename <> '_RETURN'
UNION
SELECT c.oid::int8 FROM pg_catalog.pg_class c
 WHERE c.oid >= 16384 AND EXISTS (
        SELECT FROM pg_catalog.pg_constraint k
         WHERE k.contypid <> 0
           AND (('pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid) IN (SELECT classid, objid FROM users)
                OR k.conbin::text ~ %(by_name)s))
"""
_POLICIES = "SELECT DISTINCT polrelid::int8 FROM pg_catalog.pg_policy"

_FOREIGN_KEYS = """
SELECT k.confrelid::int8, k.conrelid::int8, k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd')
  FROM pg_catalog.pg_constraint k WHERE k.contype = 'f'
"""
_INHERITANCE = "SELECT inhrelid::int8, inhparent::int8 FROM pg_catalog.pg_inherits"
_VIEWS = """
SELECT DISTINCT w.ev_class::int8, d.refobjid::int8
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
 WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> w.ev_class
"""
_SEQUENCES = """
SELECT f.adrelid::int8, d.refobjid::int8
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
 WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
UNION
SELECT d.refobjid::int8, d.objid::int8
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_sequence q ON q.seqrelid = d.objid
 WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
"""


@dataclass(frozen=True)
class _Links:
    """The relations that statements on a relation reach, as pairs from a relation to another one.

    Attributes:
        beside: What writes look at: the other side of a foreign key, and a sequence.
        actions: The tables that writes change by actions of foreign keys, such as ON DELETE CASCADE.
        views: What a view reads.
        family: Partitions and parents, in both directions.
    """

    beside: Collection[tuple[int, int]]
    actions: Collection[tuple[int, int]]
    views: Collection[tuple[int, int]]
    family: Collection[tuple[int, int]]


def reaching(
    connection: psycopg.Connection[Any], changed: Collection[int], seen_by_keys: Collection[int], *, opaque: bool
) -> set[int]:
    """Return the relations of whose statements some reach a changed one, by OID.

    Args:
        connection: A connection to the database, behind the change.
        changed: The relations that have changed, by OID.
        seen_by_keys: Those of them of which a foreign key on another one sees the change.
        opaque: Whether anything at all has changed, so that code of the user's may do something else.
    """
    if not changed and not opaque:
        return set()
    links = _links(connection)
    policies = {oid for (oid,) in connection.execute(_POLICIES)}
    unknown = _opaque(connection)
    seen = _backwards({*seen_by_keys, *policies}, links.family)
    beside = {start for start, end in links.beside if end in seen}
    readers = _backwards({*changed, *policies, *unknown}, [*links.views, *links.family])
    return readers | _backwards(readers | beside, [*links.actions, *links.family])


def _links(connection: psycopg.Connection[Any]) -> _Links:
    keys = connection.execute(_FOREIGN_KEYS).fetchall()
    inheritance = connection.execute(_INHERITANCE).fetchall()
    family = [pair for child, parent in inheritance for pair in ((child, parent), (parent, child))]
    beside = [pair for parent, child, _ in keys for pair in ((child, parent), (parent, child))]
    beside += connection.execute(_SEQUENCES).fetchall()
    actions = [(parent, child) for parent, child, is_action in keys if is_action]
    return _Links(beside, actions, connection.execute(_VIEWS).fetchall(), family)


def _opaque(connection: psycopg.Connection[Any]) -> set[int]:
    """Return the relations whose statements run code of the user's, or find relations by name."""
    row = connection.execute(_BY_NAME).fetchone()
    return {oid for (oid,) in connection.execute(_OPAQUE, {"by_name": row[0] if row else ""})}


def _backwards(ends: Iterable[int], links: Collection[tuple[int, int]]) -> set[int]:
    """Return the relations from which links lead to some relations, and these."""
    starts: dict[int, list[int]] = {}
    for start, end in links:
        starts.setdefault(end, []).append(start)
    reached, waiting = set(ends), list(ends)
    while waiting:
        new = [start for start in starts.get(waiting.pop(), ()) if start not in reached]
        reached.update(new)
        waiting += new
    return reached
