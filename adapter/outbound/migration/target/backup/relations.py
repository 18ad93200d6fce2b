"""Which tables and sequences of a database a backup has the rows of, and which foreign keys it can then restore."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg

from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.deployment.backup import LeftOutKey
from domain.migration.digest import LARGE_OBJECTS

_QUALIFIED = "pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)"
_MEMBER = """EXISTS (SELECT FROM pg_catalog.pg_depend e
                WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')"""

# Extensions' tables are made by the extension, and partitioned tables have no rows of their own.
_ALL = f"""
SELECT c.oid::bigint, {_QUALIFIED}, n.nspname::text, c.relname::text, c.relkind::text, {_MEMBER}
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm', 'S') AND {IN_USER_SCHEMA}
 ORDER BY 2
"""  # noqa: S608 - constants
# A partition goes with all others of its table, because the sandbox may have had other partitions than the target.
_KEPT = """
WITH RECURSIVE named AS (
    SELECT coalesce(pg_catalog.pg_partition_root(o::oid)::oid, o::oid) AS oid FROM pg_catalog.unnest(%s::bigint[]) AS o
), kept AS (
    SELECT oid FROM named
    UNION
    SELECT i.inhrelid FROM kept JOIN pg_catalog.pg_inherits i ON i.inhparent = kept.oid
)
SELECT oid::bigint FROM kept
UNION
SELECT d.objid::bigint FROM pg_catalog.pg_depend d JOIN kept ON d.refobjid = kept.oid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
   AND EXISTS (SELECT FROM pg_catalog.pg_sequence s WHERE s.seqrelid = d.objid)
UNION
SELECT d.refobjid::bigint
  FROM pg_catalog.pg_attrdef f
  JOIN kept ON kept.oid = f.adrelid
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
 WHERE d.refclassid = 'pg_class'::regclass
   AND EXISTS (SELECT FROM pg_catalog.pg_sequence s WHERE s.seqrelid = d.refobjid)
"""
_NAMED = "SELECT name, pg_catalog.to_regclass(name)::oid::bigint FROM pg_catalog.unnest(%s::text[]) AS name"
_VERSIONS = f"""
SELECT c.oid::bigint FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version_num'
 WHERE c.relkind = 'r' AND {IN_USER_SCHEMA} AND (c.relname ~ '^alembic_version' OR c.relname = ANY (%s))
"""  # noqa: S608 - a constant
_KEYS = f"""
SELECT k.oid::bigint, {_QUALIFIED}, pg_catalog.quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid)
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = ANY (%(kept)s::oid[])
   AND k.confrelid <> ALL (%(kept)s::oid[])
 ORDER BY 2, 3
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class Relation:
    """A table, materialized view or sequence.

    Attributes:
        oid: Its OID.
        name: Its name, qualified and quoted.
        parts: Its schema and own name, as they are.
        kind: `r` for a table, `p` for a partitioned one, `m` for a materialized view, `S` for a sequence.
        of_extension: Whether it belongs to an extension.
    """

    oid: int
    name: str
    parts: tuple[str, str]
    kind: str
    of_extension: bool


@dataclass(frozen=True)
class Selection:
    """What of a database is copied with rows.

    Attributes:
        kept: Tables and sequences whose rows are copied.
        others: Those whose rows are not.
        large_objects: Whether large objects are copied.
        left_out: Foreign keys that cannot be restored, because they refer to a table whose rows are not copied.
        whole: Why all rows are copied, although fewer were asked for; empty otherwise.
    """

    kept: tuple[Relation, ...]
    others: tuple[Relation, ...] = ()
    large_objects: bool = True
    left_out: tuple[LeftOutKey, ...] = ()
    whole: str = ""

    @property
    def tables(self) -> tuple[Relation, ...]:
        """Tables that have rows of their own, and are copied."""
        return tuple(relation for relation in self.kept if relation.kind == "r" and not relation.of_extension)

    @property
    def digested(self) -> tuple[str, ...]:
        """Names of the tables whose digests say whether all rows were restored."""
        return tuple(item.name for item in self.kept if item.kind in {"r", "p"} and not item.of_extension)


def everything(connection: psycopg.Connection[Any], whole: str = "") -> Selection:
    """Return all tables and sequences of a database."""
    return Selection(_relations(connection), whole=whole)


def touched(
    connection: psycopg.Connection[Any], names: Collection[str] | None, version_tables: Collection[str]
) -> Selection:
    """Return what a plan touches, with what belongs to it; everything if it is not known.

    Args:
        connection: A session.
        names: Names of tables and sequences; None if they are not known.
        version_tables: Where the project writes its versions, whose rows are always copied.
    """
    if names is None:
        return everything(connection, "it is not known which tables the plan touches")
    wanted = [name for name in names if name != LARGE_OBJECTS]
    numbers = dict(connection.execute(_NAMED.encode(), (wanted,)).fetchall())
    if missing := sorted(name for name, number in numbers.items() if number is None):
        return everything(connection, f"the plan touches {', '.join(missing)}, which the database does not have")
    own = [name.rpartition(".")[2] for name in version_tables]
    versions = [number for (number,) in connection.execute(_VERSIONS.encode(), (own,)).fetchall()]
    rows = connection.execute(_KEPT.encode(), ([*numbers.values(), *versions],)).fetchall()
    kept = {number for (number,) in rows}
    relations = _relations(connection)
    keys = connection.execute(_KEYS.encode(), {"kept": sorted(kept)}).fetchall()
    return Selection(
        tuple(relation for relation in relations if relation.oid in kept),
        tuple(relation for relation in relations if relation.oid not in kept),
        large_objects=LARGE_OBJECTS in names,
        left_out=tuple(LeftOutKey(*key) for key in keys),
    )


def _relations(connection: psycopg.Connection[Any]) -> tuple[Relation, ...]:
    rows = connection.execute(_ALL.encode()).fetchall()
    return tuple(Relation(oid, name, (schema, own), kind, member) for oid, name, schema, own, kind, member in rows)
