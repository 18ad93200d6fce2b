"""Read the schema of a Postgres database from its catalogs.

One statement reads the whole schema, so the result is from one snapshot at any isolation level. Each kind of object is
one entry of `kinds`: a query that returns a column `name`, which becomes the key, and a column for each attribute.

The queries follow the Postgres manual, chapter "System Catalogs", and the functions of section "System Information
Functions and Operators".

Not read:

- data: rows, large objects, counters of sequences, statistics, physical order, progress of replication;
- secrets: passwords of roles, options of user mappings, how a subscription reaches its publisher;
- what belongs to the server: tablespaces, labels and names of roles and databases, attributes of built-in roles;
- the definitions of built-in objects, and of members of extensions other than functions and relations;
- versions of collations;
- valid not-null constraints of Postgres 17 and newer that are inherited and have no comment: the column's `not_null`
  already shows their effect;
- rows of `pg_constraint` that Postgres keeps for each partition a foreign key refers to.
"""

import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, LiteralString, TypeAlias

import psycopg
from psycopg import RawCursor, sql
from psycopg.rows import tuple_row

from adapter.outbound.migration.catalog.kinds import KINDS
from adapter.outbound.migration.catalog.reading_settings import READING_SETTINGS
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.snapshot import ObjectKey, SchemaSnapshot, Value, frozen_attributes

KnownObject: TypeAlias = tuple[ObjectKey, Mapping[str, Value]]
KnownObjects: TypeAlias = Mapping[str, Mapping[str, KnownObject]]
"""Objects of a schema by their kind and their JSON."""


def snapshot(
    connection: psycopg.Connection[Any],
    *,
    exclude_tables: Collection[str] = ("alembic_version",),
    exclude_kinds: frozenset[str] = frozenset(),
    temporary: bool = False,
) -> SchemaSnapshot:
    """Return the schema of the connected database.

    Nothing is written, no lock is stronger than ACCESS SHARE, and the session's settings are restored. Inside a
    transaction, its uncommitted changes are visible. Every role may read the schema, on Postgres 14 and newer,
    but roles and their memberships only one that may change them. A
    relation that another session changes at the same time can be inconsistent, because the functions that return
    definitions use the newest catalog.

    Args:
        connection: A connection that is idle or in a transaction that has not failed.
        exclude_tables: Tables, sequences and views to skip with everything that belongs to them, by name in any schema
            (`alembic_version`) or by qualified name (`public.alembic_version`).
        exclude_kinds: Kinds of objects to skip.
        temporary: Whether to include the temporary objects of this session, in their schema `pg_temp_…`.

    Raises:
        psycopg.Error: The transaction has failed before, the connection is lost, or a relation is held in
            ACCESS EXCLUSIVE mode for longer than the session's `lock_timeout` allows.
    """
    return snapshot_again(
        connection, {}, exclude_tables=exclude_tables, exclude_kinds=exclude_kinds, temporary=temporary
    )[0]


def snapshot_again(
    connection: psycopg.Connection[Any],
    known: KnownObjects,
    *,
    exclude_tables: Collection[str] = ("alembic_version",),
    exclude_kinds: frozenset[str] = frozenset(),
    temporary: bool = False,
) -> tuple[SchemaSnapshot, KnownObjects]:
    """Return the schema of the connected database as `snapshot` does, and what is known now.

    Args:
        connection: As for `snapshot`.
        known: What is known of an earlier schema. An object whose JSON is in it is not decoded again.
        exclude_tables: As for `snapshot`.
        exclude_kinds: As for `snapshot`.
        temporary: As for `snapshot`.
    """
    with connection.transaction(force_rollback=True), RawCursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute(READING_SETTINGS, prepare=False)
        statement = _statement(connection.info.server_version, exclude_kinds)
        # Stream, so that one kind is decoded here while the server reads the next.
        kinds = cursor.stream(statement, [list(exclude_tables), temporary])
        now_known = {kind: _objects(kind, lines, known.get(kind, {})) for kind, lines in kinds}
    objects = (item for objects in now_known.values() for item in objects.values())
    return SchemaSnapshot(dict(objects)), now_known


def _objects(kind: str, lines: str | None, known: Mapping[str, KnownObject]) -> dict[str, KnownObject]:
    """Return the objects of a kind, by their JSON."""
    if not lines:
        return {}
    return {line: known[line] if line in known else _decoded(kind, line) for line in lines.split("\n")}


def _decoded(kind: str, line: str) -> KnownObject:
    attributes = json.loads(line)
    for attribute, default in _DEFAULTS[kind]:
        if attributes[attribute] is None:
            attributes[attribute] = default
    # Attributes that are sets are sorted, so that their order does not count as a difference.
    for attribute in _UNORDERED.intersection(attributes):
        if attributes[attribute]:
            attributes[attribute] = sorted(attributes[attribute])
    return (kind, attributes.pop("name")), frozen_attributes(attributes)


@cache
def _statement(server_version: int, exclude_kinds: frozenset[str]) -> bytes:
    """Return the union of the queries of all kinds that this server has: a row per kind, a line of JSON per object.

    A line break in a value is escaped in JSON.
    """
    queries = (
        sql.SQL("SELECT {}, string_agg(to_json(o)::text, E'\\n') FROM ({}) AS o").format(
            sql.Literal(kind.name), sql.SQL(kind.query_for(server_version))
        )
        for kind in KINDS
        if kind.since <= server_version < kind.until and kind.name not in exclude_kinds
    )
    return (sql.SQL(_COMMON) + sql.SQL(" UNION ALL ").join(queries)).as_bytes()


# Access control lists, relation options and similar attributes are sets.
_UNORDERED = frozenset({"acl", "initial_acl", "options", "toast_options", "roles", "tags", "triggers"})

_COMMON: LiteralString = f"""
WITH session AS MATERIALIZED (
    SELECT rolsuper OR rolcreaterole AS may_change_roles FROM pg_roles WHERE rolname = current_user
), member AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), namespace AS MATERIALIZED (
    SELECT oid, nspname, quote_ident(nspname) AS name
      FROM pg_namespace AS n
     WHERE {IN_USER_SCHEMA} OR oid = pg_my_temp_schema() AND $2::bool
), relation AS MATERIALIZED (
    SELECT c.oid, c.relnamespace, c.relkind, c.relpersistence, c.relam, c.reloptions, c.reltoastrelid, c.reltablespace,
           c.relpartbound, c.reloftype, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispopulated,
           c.relowner, c.relacl, n.name || '.' || quote_ident(c.relname) AS name
      FROM pg_class AS c
      JOIN namespace AS n ON n.oid = c.relnamespace
     WHERE (c.tableoid, c.oid) NOT IN (TABLE member)
       AND ('pg_type'::regclass::oid, c.reltype) NOT IN (TABLE member)
       AND c.relname <> ALL ($1::text[])
       AND n.nspname || '.' || c.relname <> ALL ($1::text[])
), index_column AS MATERIALIZED (
    SELECT i.indexrelid,
           array_agg(o.opcname ORDER BY a.attnum) FILTER (WHERE a.attnum <= i.indnkeyatts) AS opclass,
           -- Only of the columns that have some, by number: an array for each index takes longer than all the rest.
           array_agg(a.attnum || ': ' || array_to_string(a.attoptions, ', ', '') ORDER BY a.attnum)
               FILTER (WHERE a.attoptions IS NOT NULL) AS options,
           array_agg(a.attnum || ': ' || a.attstattarget ORDER BY a.attnum)
               FILTER (WHERE nullif(a.attstattarget, -1) IS NOT NULL) AS statistics
      FROM pg_index AS i
      JOIN relation AS r ON r.oid = i.indexrelid
      JOIN pg_attribute AS a ON a.attrelid = i.indexrelid
      LEFT JOIN pg_opclass AS o ON o.oid = i.indclass[a.attnum - 1]
     GROUP BY i.indexrelid
)
"""  # noqa: S608 - a constant

_DEFAULTS = {kind.name: tuple(kind.defaults.items()) for kind in KINDS}
