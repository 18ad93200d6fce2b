"""Read the schema of a Postgres database out of its catalogs.

The whole schema is read by one statement, so that it is of one moment whatever the isolation level. Each kind of object
is one entry of `_KINDS`: a query that gives a column `name`, which becomes the key, and a column for each attribute.

What is read follows the Postgres manual, chapter "System Catalogs", and the functions of section "System Information
Functions and Operators".

Left out, because it is not the schema of one database, or because revisions hardly ever touch it:

- roles, tablespaces, the database's own settings, comment and grants, security labels;
- members of extensions, and whatever hangs on the tables of extensions;
- data: rows, counters of sequences, statistics, physical order;
- conversions, languages, transforms, text search parsers and templates, access methods, empty operator families;
- subscriptions, and the options of user mappings (they may hold secrets);
- comments of extensions, comments and grants within extensions, `DEPENDS ON EXTENSION`;
- valid not-null constraints of Postgres 17 and newer, with their names, comments and `NO INHERIT`: the column's
  `not_null` says what they do;
- base types beyond their owner, grants and comment;
- rows of `pg_constraint` that Postgres keeps for each partition a foreign key refers to.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, LiteralString

import psycopg
from psycopg import RawCursor, sql
from psycopg.rows import tuple_row

from domain.migration.snapshot import ObjectKey, SchemaSnapshot, Value


def snapshot(
    connection: psycopg.Connection[Any],
    *,
    exclude_tables: Collection[str] = ("alembic_version",),
    temporary: bool = False,
) -> SchemaSnapshot:
    """Read the schema of the connected database.

    Nothing is written, no lock is stronger than ACCESS SHARE, and the session is left as it was. Inside a transaction
    its uncommitted changes are seen. Every role may read this, on Postgres 14 and newer. A relation that another
    session changes at the same time can be read half-way: the functions that write definitions see the newest catalog.

    Args:
        connection: A connection that is idle or in a transaction that has not failed.
        exclude_tables: Tables, sequences and views to pass over with all that belongs to them, by name in any schema
            (`alembic_version`) or by qualified name (`public.alembic_version`).
        temporary: With the temporary objects of this session, in their schema `pg_temp_…`.

    Raises:
        psycopg.Error: The transaction has failed before, the connection is lost, or a relation is held in
            ACCESS EXCLUSIVE mode for longer than the session's `lock_timeout` allows.
    """
    with connection.transaction(force_rollback=True), RawCursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute(_SETTINGS, prepare=False)
        statement = _statement(connection.info.server_version)
        # One kind is decoded here while the server reads the next.
        return SchemaSnapshot(dict(_objects(cursor.stream(statement, [list(exclude_tables), temporary]))))


@dataclass(frozen=True)
class _Kind:
    """A kind of object and the query that reads all of that kind.

    Attributes:
        name: The first part of the key.
        query: Gives `name`, the second part of the key, and a column for each attribute.
        since: The first server version that has the catalogs of the query, as libpq numbers them.
        until: The first server version that has another query for this kind.
        newer: Columns of catalogs that older servers do not have, with the version that brought them; NULL before.
        defaults: What NULL stands for in some attributes. To write a NULL is far cheaper for the server.
    """

    name: LiteralString
    query: LiteralString
    since: int = 0
    until: int = 1_000_000
    newer: tuple[tuple[LiteralString, int], ...] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)

    def query_for(self, server_version: int) -> LiteralString:
        """Give the query that this server understands."""
        query = self.query
        for column, since in self.newer:
            if server_version < since:
                query = query.replace(column, "NULL")
        return query


def _objects(kinds: Iterable[tuple[str, str | None]]) -> Iterator[tuple[ObjectKey, dict[str, Value]]]:
    """Turn each kind and its objects as JSON into objects."""
    for kind, found in kinds:
        defaults = _DEFAULTS[kind]
        for attributes in json.loads(found or "[]"):
            for attribute, default in defaults:
                if attributes[attribute] is None:
                    attributes[attribute] = default
            # What has no order of its own is sorted.
            for attribute in _UNORDERED.intersection(attributes):
                if attributes[attribute]:
                    attributes[attribute] = sorted(attributes[attribute])
            yield (kind, attributes.pop("name")), attributes


@cache
def _statement(server_version: int) -> bytes:
    """Unite the queries of all kinds that this server knows, a row of JSON for each."""
    queries = (
        sql.SQL("SELECT {}, json_agg(o)::text FROM ({}) AS o").format(
            sql.Literal(kind.name), sql.SQL(kind.query_for(server_version))
        )
        for kind in _KINDS
        if kind.since <= server_version < kind.until
    )
    return (sql.SQL(_COMMON) + sql.SQL(" UNION ALL ").join(queries)).as_bytes()


# What a definition looks like depends on these; the first one makes every name in it qualified. The statement is large
# enough for the planner to compile it, which takes longer than running it.
_SETTINGS = """
SELECT set_config('search_path', 'pg_catalog, pg_temp', true),
       set_config('transaction_read_only', 'on', true),
       set_config('quote_all_identifiers', 'off', true),
       set_config('datestyle', 'ISO, YMD', true),
       set_config('intervalstyle', 'postgres', true),
       set_config('timezone', 'UTC', true),
       set_config('bytea_output', 'hex', true),
       set_config('extra_float_digits', '1', true),
       set_config('lc_monetary', 'C', true),
       set_config('jit', 'off', true)
"""

# An access control list, relation options and the like are sets.
_UNORDERED = frozenset({"acl", "options", "toast_options", "roles", "tags", "triggers"})

# No user schema begins with pg_ (manual, CREATE SCHEMA).
_COMMON: LiteralString = """
WITH member AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), namespace AS MATERIALIZED (
    SELECT oid, nspname, quote_ident(nspname) AS name
      FROM pg_namespace
     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' OR oid = pg_my_temp_schema() AND $2::bool
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
"""

_KINDS = (
    _Kind(
        "schema",
        """
        SELECT n.name,
               pg_get_userbyid(s.nspowner) AS owner,
               coalesce(s.nspacl, acldefault('n', s.nspowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_namespace'::regclass AND objoid = s.oid AND objsubid = 0) AS comment
          FROM namespace AS n
          JOIN pg_namespace AS s ON s.oid = n.oid
         WHERE (s.tableoid, s.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "extension",
        """
        SELECT quote_ident(e.extname) AS name,
               e.extversion AS version,
               e.extnamespace::regnamespace::text AS schema
          FROM pg_extension AS e
        """,
    ),
    _Kind(
        "table",
        """
        SELECT r.name,
               CASE r.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' ELSE 'foreign table' END AS kind,
               CASE r.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END AS persistence,
               (SELECT amname FROM pg_am WHERE oid = r.relam) AS access_method,
               coalesce(r.reloptions, f.ftoptions) AS options,
               (SELECT t.reloptions FROM pg_class AS t WHERE t.oid = r.reltoastrelid) AS toast_options,
               (SELECT spcname FROM pg_tablespace WHERE oid = r.reltablespace) AS tablespace,
               pg_get_partkeydef(r.oid) AS partition_key,
               pg_get_expr(r.relpartbound, r.oid) AS partition_bound,
               (SELECT array_agg(inhparent::regclass::text || CASE WHEN inhdetachpending THEN ' (detaching)' ELSE '' END
                                 ORDER BY inhseqno)
                  FROM pg_inherits WHERE inhrelid = r.oid) AS parents,
               CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END AS of_type,
               nullif(r.relrowsecurity, false) AS row_security,
               nullif(r.relforcerowsecurity, false) AS force_row_security,
               CASE r.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END
                   AS replica_identity,
               (SELECT srvname FROM pg_foreign_server WHERE oid = f.ftserver) AS foreign_server,
               pg_get_userbyid(r.relowner) AS owner,
               coalesce(r.relacl, acldefault('r', r.relowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
          LEFT JOIN pg_foreign_table AS f ON f.ftrelid = r.oid
         WHERE r.relkind IN ('r', 'p', 'f')
        """,
        defaults={
            "options": (),
            "toast_options": (),
            "parents": (),
            "row_security": False,
            "force_row_security": False,
            "replica_identity": "default",
        },
    ),
    # The attributes of composite types are columns as well. The position skips dropped columns. The target of
    # statistics is -1 by default up to Postgres 16, then NULL.
    _Kind(
        "column",
        """
        SELECT r.name || '.' || quote_ident(a.attname) AS name,
               format_type(a.atttypid, a.atttypmod) AS type,
               row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS position,
               a.attnotnull AS not_null,
               CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default,
               CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
               CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END AS generated,
               CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS expression,
               CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'
                                 WHEN 'm' THEN 'main' ELSE 'extended' END AS storage,
               CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
               nullif(a.attstattarget, -1) AS statistics,
               CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation,
               a.attoptions || a.attfdwoptions AS options,
               nullif(a.attislocal, true) AS local,
               nullif(a.attinhcount > 0, false) AS inherited,
               a.attacl AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = a.attnum) AS comment
          FROM relation AS r
          JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
          JOIN pg_type AS t ON t.oid = a.atttypid
          LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
        """,
        defaults={"options": (), "local": True, "inherited": False, "acl": ()},
    ),
    # Of tables and of domains. A constraint trigger is a trigger. What enforces a foreign key are triggers as well, and
    # `DISABLE TRIGGER ALL` switches them off.
    _Kind(
        "constraint",
        """
        SELECT coalesce(r.name, n.name || '.' || quote_ident(t.typname)) || '.' || quote_ident(c.conname) AS name,
               CASE c.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'p' THEN 'primary key'
                              WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclude' WHEN 'n' THEN 'not null' END AS type,
               pg_get_constraintdef(c.oid) AS definition,
               nullif(c.convalidated, true) AS validated,
               nullif(c.conenforced, true) AS enforced,
               nullif(c.condeferrable, false) AS deferrable,
               nullif(c.condeferred, false) AS deferred,
               nullif(c.conislocal, true) AS local,
               nullif(c.coninhcount > 0, false) AS inherited,
               CASE WHEN c.contype = 'f' AND c.oid IN (
                   SELECT g.tgconstraint FROM pg_trigger AS g WHERE g.tgisinternal AND g.tgenabled <> 'O'
               ) THEN (SELECT array_agg(DISTINCT CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                                                                  WHEN 'A' THEN 'always' ELSE 'origin' END)
                         FROM pg_trigger AS g WHERE g.tgconstraint = c.oid) END AS triggers,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_constraint'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_constraint AS c
          LEFT JOIN relation AS r ON r.oid = c.conrelid
          LEFT JOIN pg_type AS t ON t.oid = c.contypid AND (t.tableoid, t.oid) NOT IN (TABLE member)
          LEFT JOIN namespace AS n ON n.oid = t.typnamespace
          LEFT JOIN pg_constraint AS parent ON parent.oid = c.conparentid
         WHERE (r.oid IS NOT NULL OR n.oid IS NOT NULL)
           AND c.contype <> 't'
           AND (c.contype <> 'n' OR NOT c.convalidated)
           AND parent.conrelid IS DISTINCT FROM c.conrelid
        """,
        newer=(("nullif(c.conenforced, true)", 180_000),),
        defaults={
            "validated": True,
            "enforced": True,
            "deferrable": False,
            "deferred": False,
            "local": True,
            "inherited": False,
        },
    ),
    _Kind(
        "index",
        """
        SELECT r.name,
               t.name AS "table",
               pg_get_indexdef(r.oid) AS definition,
               (SELECT amname FROM pg_am WHERE oid = r.relam) AS access_method,
               k.opclass,
               k.options AS opclass_options,
               k.statistics,
               r.reloptions AS options,
               pg_get_expr(i.indpred, i.indrelid) AS predicate,
               nullif(i.indisunique, false) AS "unique",
               nullif(i.indnullsnotdistinct, false) AS nulls_not_distinct,
               nullif(i.indisvalid, true) AS valid,
               nullif(i.indisready, true) AS ready,
               nullif(i.indisclustered, false) AS clustered,
               nullif(i.indisreplident, false) AS replica_identity,
               quote_ident(c.conname) AS constraint,
               (SELECT h.inhparent::regclass::text FROM pg_inherits AS h WHERE h.inhrelid = r.oid) AS parent,
               (SELECT spcname FROM pg_tablespace WHERE oid = r.reltablespace) AS tablespace,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_index AS i ON i.indexrelid = r.oid
          JOIN relation AS t ON t.oid = i.indrelid
          JOIN index_column AS k ON k.indexrelid = r.oid
          LEFT JOIN pg_constraint AS c
            ON c.conindid = r.oid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u', 'x')
        """,
        newer=(("nullif(i.indnullsnotdistinct, false)", 150_000),),
        defaults={
            "options": (),
            "opclass_options": (),
            "statistics": (),
            "unique": False,
            "nulls_not_distinct": False,
            "valid": True,
            "ready": True,
            "clustered": False,
            "replica_identity": False,
        },
    ),
    # A sequence that a column owns goes with the table of that column.
    _Kind(
        "sequence",
        """
        SELECT r.name,
               format_type(s.seqtypid, NULL) AS type,
               s.seqstart AS start,
               s.seqincrement AS increment,
               s.seqmin AS minimum,
               s.seqmax AS maximum,
               s.seqcache AS cache,
               s.seqcycle AS cycle,
               t.name || '.' || (SELECT quote_ident(a.attname) FROM pg_attribute AS a
                                  WHERE a.attrelid = d.refobjid AND a.attnum = d.refobjsubid) AS owned_by,
               d.deptype IS NOT DISTINCT FROM 'i' AS of_identity,
               CASE r.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END AS persistence,
               pg_get_userbyid(r.relowner) AS owner,
               coalesce(r.relacl, acldefault('s', r.relowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_sequence AS s ON s.seqrelid = r.oid
          LEFT JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
                                  AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
          LEFT JOIN relation AS t ON t.oid = d.refobjid
         WHERE d.objid IS NULL OR t.oid IS NOT NULL
        """,
    ),
    _Kind(
        "view",
        """
        SELECT r.name,
               CASE r.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind,
               pg_get_viewdef(r.oid) AS definition,
               coalesce(r.reloptions, '{}') AS options,
               r.relispopulated AS populated,
               (SELECT amname FROM pg_am WHERE oid = r.relam) AS access_method,
               (SELECT spcname FROM pg_tablespace WHERE oid = r.reltablespace) AS tablespace,
               pg_get_userbyid(r.relowner) AS owner,
               coalesce(r.relacl, acldefault('r', r.relowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
         WHERE r.relkind IN ('v', 'm')
        """,
    ),
    _Kind(
        "function",
        """
        SELECT p.oid::regprocedure::text AS name,
               CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window function' ELSE 'function' END AS kind,
               pg_get_functiondef(p.oid) AS definition,
               pg_get_userbyid(p.proowner) AS owner,
               coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_proc'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM pg_proc AS p
          JOIN namespace AS n ON n.oid = p.pronamespace
         WHERE p.prokind <> 'a' AND (p.tableoid, p.oid) NOT IN (TABLE member)
        """,
    ),
    # Postgres has no function that writes the definition of an aggregate.
    _Kind(
        "aggregate",
        """
        SELECT p.oid::regprocedure::text AS name,
               pg_get_function_arguments(p.oid) AS arguments,
               pg_get_function_result(p.oid) AS result,
               CASE a.aggkind WHEN 'n' THEN 'normal' WHEN 'o' THEN 'ordered set' ELSE 'hypothetical set' END AS kind,
               a.aggnumdirectargs AS direct_arguments,
               a.aggtransfn::regprocedure::text AS transition,
               a.aggfinalfn::regprocedure::text AS final,
               a.aggcombinefn::regprocedure::text AS combine,
               a.aggserialfn::regprocedure::text AS serialize,
               a.aggdeserialfn::regprocedure::text AS deserialize,
               a.aggmtransfn::regprocedure::text AS moving_transition,
               a.aggminvtransfn::regprocedure::text AS moving_inverse,
               a.aggmfinalfn::regprocedure::text AS moving_final,
               format_type(a.aggtranstype, NULL) AS state,
               CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END AS moving_state,
               a.aggtransspace AS state_size,
               a.aggmtransspace AS moving_state_size,
               a.agginitval AS initial,
               a.aggminitval AS moving_initial,
               a.aggfinalextra AS final_extra,
               a.aggmfinalextra AS moving_final_extra,
               a.aggfinalmodify AS final_modify,
               a.aggmfinalmodify AS moving_final_modify,
               a.aggsortop::regoperator::text AS sort_operator,
               p.proparallel AS parallel,
               pg_get_userbyid(p.proowner) AS owner,
               coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_proc'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM pg_aggregate AS a
          JOIN pg_proc AS p ON p.oid = a.aggfnoid
          JOIN namespace AS n ON n.oid = p.pronamespace
         WHERE (p.tableoid, p.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "trigger",
        """
        SELECT r.name || '.' || quote_ident(t.tgname) AS name,
               pg_get_triggerdef(t.oid) AS definition,
               CASE t.tgenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled'
                                WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
               t.tgparentid <> 0 AS inherited,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_trigger'::regclass AND objoid = t.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_trigger AS t ON t.tgrelid = r.oid
         WHERE NOT t.tgisinternal
        """,
    ),
    # The rule _RETURN is the view's definition.
    _Kind(
        "rule",
        """
        SELECT r.name || '.' || quote_ident(w.rulename) AS name,
               pg_get_ruledef(w.oid) AS definition,
               CASE w.ev_enabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled'
                                 WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_rewrite'::regclass AND objoid = w.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_rewrite AS w ON w.ev_class = r.oid
         WHERE w.rulename <> '_RETURN'
        """,
    ),
    _Kind(
        "policy",
        """
        SELECT r.name || '.' || quote_ident(p.polname) AS name,
               CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
                             WHEN 'd' THEN 'delete' ELSE 'all' END AS command,
               p.polpermissive AS permissive,
               ARRAY(SELECT CASE WHEN k.role = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(k.role)) END
                       FROM unnest(p.polroles) AS k (role)) AS roles,
               pg_get_expr(p.polqual, p.polrelid) AS using,
               pg_get_expr(p.polwithcheck, p.polrelid) AS "check",
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_policy'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_policy AS p ON p.polrelid = r.oid
        """,
    ),
    _Kind(
        "statistics",
        """
        SELECT n.name || '.' || quote_ident(s.stxname) AS name,
               r.name AS "table",
               pg_get_statisticsobjdef(s.oid) AS definition,
               nullif(s.stxstattarget, -1) AS target,
               pg_get_userbyid(s.stxowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_statistic_ext'::regclass AND objoid = s.oid AND objsubid = 0) AS comment
          FROM pg_statistic_ext AS s
          JOIN namespace AS n ON n.oid = s.stxnamespace
          JOIN relation AS r ON r.oid = s.stxrelid
        """,
    ),
    # Row types of tables, arrays and multiranges come with another object and are left to it.
    _Kind(
        "type",
        """
        SELECT n.name || '.' || quote_ident(t.typname) AS name,
               CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite'
                              WHEN 'r' THEN 'range' WHEN 'p' THEN 'shell' ELSE 'base' END AS kind,
               ARRAY(SELECT e.enumlabel FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS values,
               CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base_type,
               t.typnotnull AS not_null,
               CASE WHEN t.typtype = 'd' THEN pg_get_expr(t.typdefaultbin, 0) END AS default,
               CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END AS collation,
               format_type(g.rngsubtype, NULL) AS subtype,
               (SELECT o.opcname FROM pg_opclass AS o WHERE o.oid = g.rngsubopc) AS opclass,
               CASE WHEN g.rngcollation <> 0 THEN g.rngcollation::regcollation::text END AS subtype_collation,
               CASE WHEN g.rngcanonical <> 0 THEN g.rngcanonical::regprocedure::text END AS canonical,
               CASE WHEN g.rngsubdiff <> 0 THEN g.rngsubdiff::regprocedure::text END AS subtype_difference,
               CASE WHEN g.rngmultitypid <> 0 THEN format_type(g.rngmultitypid, NULL) END AS multirange,
               pg_get_userbyid(t.typowner) AS owner,
               coalesce(t.typacl, acldefault('T', t.typowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_type'::regclass AND objoid = t.oid AND objsubid = 0) AS comment
          FROM pg_type AS t
          JOIN namespace AS n ON n.oid = t.typnamespace
          LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
          LEFT JOIN pg_range AS g ON g.rngtypid = t.oid
         WHERE t.typtype <> 'm'
           AND t.typcategory <> 'A'
           AND (t.typrelid = 0 OR t.typrelid IN (SELECT oid FROM relation WHERE relkind = 'c'))
           AND (t.tableoid, t.oid) NOT IN (TABLE member)
        """,
    ),
    # The locale of ICU has had three names since Postgres 14.
    _Kind(
        "collation",
        """
        SELECT n.name || '.' || quote_ident(c.collname) AS name,
               CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END AS provider,
               c.collisdeterministic AS deterministic,
               c.collcollate AS "collate",
               c.collctype AS ctype,
               coalesce(to_jsonb(c) -> 'colllocale', to_jsonb(c) -> 'colliculocale') AS locale,
               to_jsonb(c) -> 'collicurules' AS rules,
               pg_get_userbyid(c.collowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_collation'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_collation AS c
          JOIN namespace AS n ON n.oid = c.collnamespace
         WHERE (c.tableoid, c.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "event trigger",
        """
        SELECT quote_ident(e.evtname) AS name,
               e.evtevent AS event,
               coalesce(e.evttags, '{}') AS tags,
               e.evtfoid::regprocedure::text AS function,
               CASE e.evtenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled'
                                 WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
               pg_get_userbyid(e.evtowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_event_trigger'::regclass AND objoid = e.oid AND objsubid = 0) AS comment
          FROM pg_event_trigger AS e
         WHERE (e.tableoid, e.oid) NOT IN (TABLE member)
        """,
    ),
    # Postgres 18 adds generated columns.
    _Kind(
        "publication",
        """
        SELECT quote_ident(p.pubname) AS name,
               p.puballtables AS all_tables,
               p.pubinsert AS inserts,
               p.pubupdate AS updates,
               p.pubdelete AS deletes,
               p.pubtruncate AS truncates,
               p.pubviaroot AS via_partition_root,
               p.pubgencols AS generated_columns,
               pg_get_userbyid(p.pubowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_publication'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM pg_publication AS p
        """,
        newer=(("p.pubgencols", 180_000),),
    ),
    _Kind(
        "publication table",
        """
        SELECT quote_ident(p.pubname) || '.' || r.name AS name,
               NULL AS columns,
               NULL AS row_filter
          FROM pg_publication_rel AS t
          JOIN pg_publication AS p ON p.oid = t.prpubid
          JOIN relation AS r ON r.oid = t.prrelid
        """,
        until=150_000,
    ),
    _Kind(
        "publication table",
        """
        SELECT quote_ident(p.pubname) || '.' || r.name AS name,
               (SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute AS a
                 WHERE a.attrelid = t.prrelid AND a.attnum = ANY (t.prattrs)) AS columns,
               pg_get_expr(t.prqual, t.prrelid) AS row_filter
          FROM pg_publication_rel AS t
          JOIN pg_publication AS p ON p.oid = t.prpubid
          JOIN relation AS r ON r.oid = t.prrelid
        """,
        since=150_000,
    ),
    _Kind(
        "publication schema",
        """
        SELECT quote_ident(p.pubname) || '.' || n.name AS name
          FROM pg_publication_namespace AS s
          JOIN pg_publication AS p ON p.oid = s.pnpubid
          JOIN namespace AS n ON n.oid = s.pnnspid
        """,
        since=150_000,
    ),
    _Kind(
        "default privileges",
        """
        SELECT 'of ' || quote_ident(pg_get_userbyid(d.defaclrole))
               || CASE d.defaclobjtype WHEN 'r' THEN ' on tables' WHEN 'S' THEN ' on sequences'
                                       WHEN 'f' THEN ' on functions' WHEN 'T' THEN ' on types'
                                       WHEN 'n' THEN ' on schemas' ELSE ' on large objects' END
               || coalesce(' in schema ' || n.name, '') AS name,
               d.defaclacl AS acl
          FROM pg_default_acl AS d
          LEFT JOIN namespace AS n ON n.oid = d.defaclnamespace
        """,
    ),
    # A cast has no schema; what Postgres itself made has an OID below 16384. That of a range comes with its type.
    _Kind(
        "cast",
        """
        SELECT format('(%s AS %s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)) AS name,
               CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END AS function,
               CASE c.castcontext WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment' ELSE 'implicit' END AS context,
               CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'input and output' ELSE 'binary' END AS method,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_cast'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_cast AS c
         WHERE c.oid >= 16384
           AND (c.tableoid, c.oid) NOT IN (TABLE member)
           AND NOT EXISTS (SELECT FROM pg_depend AS d
                            WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'i')
        """,
    ),
    _Kind(
        "operator",
        """
        SELECT o.oid::regoperator::text AS name,
               format_type(o.oprresult, NULL) AS result,
               o.oprcode::regprocedure::text AS function,
               CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END AS commutator,
               CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END AS negator,
               CASE WHEN o.oprrest <> 0 THEN o.oprrest::regprocedure::text END AS restrict_estimator,
               CASE WHEN o.oprjoin <> 0 THEN o.oprjoin::regprocedure::text END AS join_estimator,
               o.oprcanmerge AS merges,
               o.oprcanhash AS hashes,
               pg_get_userbyid(o.oprowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_operator'::regclass AND objoid = o.oid AND objsubid = 0) AS comment
          FROM pg_operator AS o
          JOIN namespace AS n ON n.oid = o.oprnamespace
         WHERE (o.tableoid, o.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "operator class",
        """
        SELECT n.name || '.' || quote_ident(o.opcname) || ' USING ' || m.amname AS name,
               format_type(o.opcintype, NULL) AS type,
               CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END AS storage,
               o.opcdefault AS "default",
               fn.nspname || '.' || f.opfname AS family,
               ARRAY(SELECT a.amopstrategy || ' ' || a.amopopr::regoperator::text FROM pg_amop AS a
                      WHERE a.amopfamily = o.opcfamily ORDER BY a.amopstrategy, a.amopopr::regoperator::text
               ) AS operators,
               ARRAY(SELECT p.amprocnum || ' ' || p.amproc::regprocedure::text FROM pg_amproc AS p
                      WHERE p.amprocfamily = o.opcfamily ORDER BY p.amprocnum, p.amproc::regprocedure::text
               ) AS functions,
               pg_get_userbyid(o.opcowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_opclass'::regclass AND objoid = o.oid AND objsubid = 0) AS comment
          FROM pg_opclass AS o
          JOIN namespace AS n ON n.oid = o.opcnamespace
          JOIN pg_am AS m ON m.oid = o.opcmethod
          JOIN pg_opfamily AS f ON f.oid = o.opcfamily
          JOIN pg_namespace AS fn ON fn.oid = f.opfnamespace
         WHERE (o.tableoid, o.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "text search configuration",
        """
        SELECT n.name || '.' || quote_ident(c.cfgname) AS name,
               (SELECT p.prsname FROM pg_ts_parser AS p WHERE p.oid = c.cfgparser) AS parser,
               ARRAY(SELECT t.alias || ' ' || m.mapdict::regdictionary::text
                       FROM pg_ts_config_map AS m
                       JOIN ts_token_type(c.cfgparser) AS t ON t.tokid = m.maptokentype
                      WHERE m.mapcfg = c.oid
                      ORDER BY t.alias, m.mapseqno) AS mapping,
               pg_get_userbyid(c.cfgowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_ts_config'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_ts_config AS c
          JOIN namespace AS n ON n.oid = c.cfgnamespace
         WHERE (c.tableoid, c.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "text search dictionary",
        """
        SELECT n.name || '.' || quote_ident(d.dictname) AS name,
               (SELECT t.tmplname FROM pg_ts_template AS t WHERE t.oid = d.dicttemplate) AS template,
               d.dictinitoption AS settings,
               pg_get_userbyid(d.dictowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_ts_dict'::regclass AND objoid = d.oid AND objsubid = 0) AS comment
          FROM pg_ts_dict AS d
          JOIN namespace AS n ON n.oid = d.dictnamespace
         WHERE (d.tableoid, d.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "foreign data wrapper",
        """
        SELECT quote_ident(w.fdwname) AS name,
               CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::regprocedure::text END AS handler,
               CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::regprocedure::text END AS validator,
               coalesce(w.fdwoptions, '{}') AS options,
               pg_get_userbyid(w.fdwowner) AS owner,
               coalesce(w.fdwacl, acldefault('F', w.fdwowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_foreign_data_wrapper'::regclass AND objoid = w.oid AND objsubid = 0) AS comment
          FROM pg_foreign_data_wrapper AS w
         WHERE (w.tableoid, w.oid) NOT IN (TABLE member)
        """,
    ),
    _Kind(
        "foreign server",
        """
        SELECT quote_ident(s.srvname) AS name,
               (SELECT quote_ident(w.fdwname) FROM pg_foreign_data_wrapper AS w WHERE w.oid = s.srvfdw) AS wrapper,
               s.srvtype AS type,
               s.srvversion AS version,
               coalesce(s.srvoptions, '{}') AS options,
               pg_get_userbyid(s.srvowner) AS owner,
               coalesce(s.srvacl, acldefault('S', s.srvowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_foreign_server'::regclass AND objoid = s.oid AND objsubid = 0) AS comment
          FROM pg_foreign_server AS s
         WHERE (s.tableoid, s.oid) NOT IN (TABLE member)
        """,
    ),
    # From a view that every role may read; the options hold passwords.
    _Kind(
        "user mapping",
        """
        SELECT quote_ident(u.srvname) || ' for '
               || CASE WHEN u.umuser = 0 THEN 'public' ELSE quote_ident(u.usename) END AS name
          FROM pg_user_mappings AS u
        """,
    ),
)

_DEFAULTS = {kind.name: tuple(kind.defaults.items()) for kind in _KINDS}
