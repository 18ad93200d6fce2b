"""What the server says of the versions of relations, which shows what has changed between two moments.

Each row of a catalog, and each row of a table, has the transaction that wrote it: `xmin`. A row that is deleted lowers
the number of rows.

Source: the Postgres manual, chapter "System Catalogs", and section "System Columns".
"""
# ruff: noqa: S608 - constants, and names that the server quoted

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts, count_again, oldest_transaction
from adapter.outbound.migration.traffic.opaque import read_opaque
from adapter.outbound.migration.traffic.unmoved_sequences import positions
from adapter.outbound.postgres.explain import costs_more

# Catalogs on which any statement may depend, without what belongs to single relations. A new row counts, too: another
# function or operator may be preferred.
_SHARED = (
    *("aggregate", "am", "amop", "amproc", "auth_members", "cast", "collation", "conversion"),
    *("default_acl", "event_trigger", "extension", "foreign_data_wrapper", "foreign_server", "language", "namespace"),
    *("opclass", "operator", "opfamily", "proc", "publication", "publication_rel", "range", "transform"),
    *("ts_config", "ts_config_map", "ts_dict", "ts_parser", "ts_template"),
)
_PUBLISHED_SCHEMAS_SINCE = 150_000
_ROLES = "SELECT 'roles', count(*), sum(pg_catalog.hashtextextended(r::text, 0))::text FROM pg_catalog.pg_roles r"
# A copy of a database has settings of its own, in other rows. What the reading session itself has set does not count,
# nor do the parameters of libraries that it has loaded.
_SETTINGS = """
SELECT 'settings of roles', count(*),
       sum(pg_catalog.hashtextextended(concat(r.setrole, ' ', r.setdatabase <> 0, ' ', r.setconfig), 0))::text
  FROM pg_catalog.pg_db_role_setting r
 WHERE r.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
 UNION ALL
SELECT 'settings', count(*), sum(pg_catalog.hashtextextended(concat(s.name, '=', s.reset_val), 0))::text
  FROM pg_catalog.pg_settings s
 WHERE s.source <> 'client' AND (pg_catalog.strpos(s.name, '.') = 0 OR s.source NOT IN ('default', 'session'))
"""

# Types that are not rows of a table. A type that is new belongs to no column that was there.
_TYPES = """
SELECT t.oid::int8, concat_ws(' ', t.xmin, (SELECT string_agg(concat_ws(' ', e.oid, e.xmin), ',' ORDER BY e.oid)
                                              FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
                                          (SELECT string_agg(concat_ws(' ', k.oid, k.xmin), ',' ORDER BY k.oid)
                                              FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid),
                                          (SELECT string_agg(concat_ws(' ', a.attnum, a.xmin), ',' ORDER BY a.attnum)
                                              FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c
                                                ON c.oid = a.attrelid AND c.relkind = 'c'
                                             WHERE a.attrelid = t.typrelid))
  FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class r ON r.oid = t.typrelid
 WHERE t.oid >= 16384 AND t.typcategory <> 'A' AND (t.typtype <> 'c' OR r.relkind = 'c')
"""

# The catalogs that describe a relation: name, the number that tells its rows apart, the relations that a row is about.
_PARTS = (
    ("pg_attribute", "attnum", ("attrelid",)),
    ("pg_attrdef", "oid", ("adrelid",)),
    ("pg_constraint", "oid", ("conrelid", "confrelid")),
    ("pg_index", "indexrelid", ("indrelid",)),
    ("pg_inherits", "inhrelid", ("inhrelid", "inhparent")),
    ("pg_trigger", "oid", ("tgrelid",)),
    ("pg_rewrite", "oid", ("ev_class",)),
    ("pg_policy", "oid", ("polrelid",)),
    ("pg_sequence", "seqrelid", ("seqrelid",)),
    ("pg_partitioned_table", "partrelid", ("partrelid",)),
    ("pg_foreign_table", "ftrelid", ("ftrelid",)),
)
_HASH = "pg_catalog.hashint8extended(t.{number}::int8, 16 * t.xmin::text::int8 + {place})"
_RELATIONS = f"""
WITH relation AS MATERIALIZED (
    SELECT c.oid, c.xmin, c.relkind, coalesce(i.indrelid, c.oid) AS owner,
           format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
     WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
), part (relation, version) AS (
    SELECT t.owner, {_HASH.format(number="oid", place=15)} FROM relation t
    UNION ALL
    {
    " UNION ALL ".join(
        f"SELECT t.{relation}, {_HASH.format(number=number, place=place)} FROM pg_catalog.{catalog} t"
        f" WHERE t.{relation} >= 16384"
        for place, (catalog, number, relations) in enumerate(_PARTS)
        for relation in relations
    )
}
), version AS MATERIALIZED (SELECT relation, sum(version)::text AS version FROM part GROUP BY relation
), key_column AS MATERIALIZED (
    SELECT k.conrelid AS relation, number FROM pg_catalog.pg_constraint k, unnest(k.conkey) number WHERE k.contype = 'f'
    UNION
    SELECT k.confrelid, number FROM pg_catalog.pg_constraint k, unnest(k.confkey) number WHERE k.contype = 'f'
), seen_part (relation, version) AS (
    SELECT t.attrelid, {_HASH.format(number="attnum", place=0)} FROM pg_catalog.pg_attribute t
      JOIN key_column k ON k.relation = t.attrelid AND k.number = t.attnum
    UNION ALL
    SELECT t.indrelid, {_HASH.format(number="indexrelid", place=1)} FROM pg_catalog.pg_index t
     WHERE t.indisunique AND t.indrelid >= 16384
    UNION ALL
    SELECT t.inhrelid, {_HASH.format(number="inhparent", place=2)} FROM pg_catalog.pg_inherits t
    UNION ALL
    SELECT t.inhparent, {_HASH.format(number="inhrelid", place=3)} FROM pg_catalog.pg_inherits t
), seen AS MATERIALIZED (SELECT relation, sum(version)::text AS version FROM seen_part GROUP BY relation)
SELECT r.oid::int8, r.name, r.relkind::text, v.version,
       concat_ws(' ', c.relfilenode, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, s.version)
  FROM relation r JOIN version v ON v.relation = r.oid JOIN pg_catalog.pg_class c ON c.oid = r.oid
  LEFT JOIN seen s ON s.relation = r.oid WHERE r.relkind NOT IN ('i', 'I')
"""


@dataclass(frozen=True)
class Relation:
    """A relation at some moment.

    Attributes:
        name: The qualified name, quoted for SQL.
        kind: As in `pg_class.relkind`.
        version: Changes with every change of its description, and of a sequence's number.
        version_for_keys: Changes with what a foreign key sees of its description, from the other side.
        rows: The number of its own rows; None where they are not counted.
        written: How many of these were written since the earlier moment.
    """

    name: str
    kind: str
    version: str
    version_for_keys: str
    rows: int | None = None
    written: int = 0


@dataclass(frozen=True)
class Versions:
    """The versions of all that statements depend on, at some moment.

    Attributes:
        following: No transaction that ended before the moment has this number or a later one.
        shared: Changes with what any statement may depend on, such as functions and settings.
        types: By OID, what changes with a type that is not that of a table's rows.
        relations: The relations, by OID.
        opaque: Those whose statements may run code of the user's; see `opaque`.
    """

    following: int
    shared: tuple[tuple[Any, ...], ...]
    types: Mapping[int, str]
    relations: Mapping[int, Relation]
    opaque: frozenset[int] = frozenset()

    def changed(self, later: "Versions") -> set[int] | None:
        """Return the relations that have changed up to a later moment, or appeared; None where any may have.

        Args:
            later: The versions of that moment, which were read since this one.
        """
        if self.shared != later.shared or any(later.types.get(oid) != version for oid, version in self.types.items()):
            return None
        return self._differing(later, _same)

    def changed_for_keys(self, later: "Versions") -> set[int]:
        """Return the relations of which foreign keys see a change up to a later moment, or which appeared."""
        return self._differing(later, _same_for_keys)

    def _differing(self, later: "Versions", is_same: Callable[[Relation, Relation], bool]) -> set[int]:
        """Return the relations that only one moment has, or that are not the same at both."""
        common = self.relations.keys() & later.relations.keys()
        return (self.relations.keys() ^ later.relations.keys()) | {
            oid for oid in common if not is_same(self.relations[oid], later.relations[oid])
        }


def _same(before: Relation, after: Relation) -> bool:
    if (before.name, before.kind, before.version) != (after.name, after.kind, after.version):
        return False
    return _same_rows(before, after)


def _same_for_keys(before: Relation, after: Relation) -> bool:
    return before.version_for_keys == after.version_for_keys and _same_rows(before, after)


def _same_rows(before: Relation, after: Relation) -> bool:
    # the rows of a partitioned table are those of its partitions, a view has none
    return before.kind in {"p", "v", "S"} or (
        before.rows is not None and after.rows == before.rows and not after.written
    )


def read_versions(
    connection: psycopg.Connection[Any], since: Versions | None = None, counts: RowCounts = NOT_COUNTED
) -> Versions:
    """Return the versions of all that statements in a database depend on.

    Args:
        connection: A connection in autocommit mode.
        since: The versions of an earlier moment, to count the rows that were written since then.
        counts: The rows that the tables have now.
    """
    following = counts.following or oldest_transaction(connection)
    shared = connection.execute(_shared_versions(connection.info.server_version)).fetchall()
    types = {oid: str(version) for oid, version in connection.execute(_TYPES.encode()).fetchall()}
    sequences = {oid: (last, called) for oid, last, called in positions(connection)}
    relations = {
        oid: Relation(name, kind, f"{version} {sequences.get(oid, '')}", f"{for_keys} {sequences.get(oid, '')}")
        for oid, name, kind, version, for_keys in connection.execute(_RELATIONS.encode()).fetchall()
    }
    mixed = mixed_tables(connection)
    counted = {oid: relation for oid, relation in relations.items() if relation.kind == "r" and oid not in mixed}
    first = following if since is None else since.following
    for oid, (rows, written) in _rows(connection, counted, first, counts).items():
        relations[oid] = replace(relations[oid], rows=rows, written=written)
    versions = Versions(following, tuple(sorted(shared)), types, relations)
    changed = None if since is None else since.changed(versions)
    if since is None or changed is None:
        return replace(versions, opaque=read_opaque(connection))
    # what it depends on is in the versions of the relation itself, and in those that all relations share
    return replace(versions, opaque=since.opaque - changed | (read_opaque(connection, changed) if changed else set()))


def _shared_versions(server_version: int) -> bytes:
    catalogs = (*_SHARED, "publication_namespace") if server_version >= _PUBLISHED_SCHEMAS_SINCE else _SHARED
    queries = (
        f"SELECT '{name}', count(*), sum(pg_catalog.hashtextextended(t.xmin::text || t.ctid::text, 0))::text"
        f" FROM pg_catalog.pg_{name} t"
        for name in catalogs
    )
    return " UNION ALL ".join([*queries, _ROLES, _SETTINGS]).encode()


def _rows(
    connection: psycopg.Connection[Any], tables: Mapping[int, Relation], first: int, counts: RowCounts
) -> Mapping[int, tuple[int, int]]:
    """Return what `count_rows` returns; nothing where a table cannot be read."""
    try:
        return count_again(connection, counts, {oid: f"ONLY {table.name} t" for oid, table in tables.items()}, first)
    except psycopg.Error as error:
        if costs_more(error):
            raise
        return {}
