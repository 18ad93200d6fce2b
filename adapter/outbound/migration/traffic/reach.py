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
    connection: psycopg.Connection[Any],
    changed: Collection[int],
    seen_by_keys: Collection[int],
    opaque: Collection[int] | None,
) -> set[int]:
    """Return the relations of whose statements some reach a changed one, by OID.

    Args:
        connection: A connection to the database, behind the change.
        changed: The relations that have changed, by OID.
        seen_by_keys: Those of them of which a foreign key on another one sees the change.
        opaque: The relations whose statements run code of the user's, which may do something else where anything at
            all has changed; None where nothing has.
    """
    if not changed and opaque is None:
        return set()
    links = _links(connection)
    policies = {oid for (oid,) in connection.execute(_POLICIES)}
    changed_for_keys = _backwards({*seen_by_keys, *policies}, links.family)
    beside = {start for start, end in links.beside if end in changed_for_keys}
    readers = _backwards({*changed, *policies, *(opaque or ())}, [*links.views, *links.family])
    return readers | _backwards(readers | beside, [*links.actions, *links.family])


def _links(connection: psycopg.Connection[Any]) -> _Links:
    keys = connection.execute(_FOREIGN_KEYS).fetchall()
    inheritance = connection.execute(_INHERITANCE).fetchall()
    family = [pair for child, parent in inheritance for pair in ((child, parent), (parent, child))]
    beside = [pair for parent, child, _ in keys for pair in ((child, parent), (parent, child))]
    beside += connection.execute(_SEQUENCES).fetchall()
    actions = [(parent, child) for parent, child, is_action in keys if is_action]
    return _Links(beside, actions, connection.execute(_VIEWS).fetchall(), family)


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
