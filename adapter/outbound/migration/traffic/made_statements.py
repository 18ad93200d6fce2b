"""Generates the statements that a table permits, with the values of one row."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString

import psycopg
from psycopg import RawCursor, sql

from adapter.outbound.migration.project.version_table import NOT_VERSION_TABLE
from adapter.outbound.migration.traffic.statement_runs import Candidate
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.compatibility import ApplicationStatement

_FROM = "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
_WHERE = f"""
 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
   AND {IN_USER_SCHEMA} AND {NOT_VERSION_TABLE}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_NAMES = f"SELECT format('%I.%I', n.nspname, c.relname) {_FROM} {_WHERE} ORDER BY n.nspname, c.relname"
# Whether a view can be written is not asked where a foreign table is behind it: its wrapper would be asked.
_RELATIONS = f"""
WITH RECURSIVE of_foreign AS (
    SELECT ftrelid AS relation FROM pg_catalog.pg_foreign_table
    UNION
    SELECT r.ev_class FROM of_foreign f
      JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid = f.relation AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
)
SELECT n.nspname, c.relname, c.relkind,
       (SELECT json_agg(json_build_object('name', a.attname, 'given', a.attgenerated = '' AND a.attidentity <> 'a'
                       AND CASE WHEN c.relkind <> 'v' OR w.has_code THEN true
                                WHEN c.oid IN (SELECT relation FROM of_foreign) THEN false
                                ELSE pg_column_is_updatable(c.oid, a.attnum, true) END,
                   'defaulted', a.atthasdef OR a.attidentity <> '' OR y.typdefaultbin IS NOT NULL,
                       'not_null', a.attnotnull, 'type', a.atttypid::pg_catalog.regtype::text) ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT json_agg(a.attname ORDER BY k.place)
          FROM pg_catalog.pg_index i
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
         WHERE i.indrelid = c.oid AND i.indisprimary),
       format('%I.%I', n.nspname, c.relname),
       (SELECT json_agg(json_build_object('parts', (
                   SELECT json_agg(pg_get_indexdef(i.indexrelid, place, false) ORDER BY place)
                     FROM generate_series(1, i.indnkeyatts) place),
                   'columns', (
                   SELECT json_agg(a.attname) FROM pg_catalog.pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0 : i.indnkeyatts - 1])),
                   'predicate', pg_get_expr(i.indpred, i.indrelid)) ORDER BY x.relname)
          FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
         WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid),
       c.relkind = 'v' AND (w.has_code OR EXISTS (
           SELECT FROM pg_catalog.aclexplode(c.relacl) g
            WHERE g.grantee <> c.relowner AND g.privilege_type IN ('INSERT', 'UPDATE', 'DELETE'))),
       EXISTS (SELECT FROM pg_catalog.pg_trigger t
                WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 7 = 7 AND t.tgenabled IN ('O', 'A')),
       ARRAY(SELECT DISTINCT o.rolname::text
               FROM (SELECT c.relacl AS acl UNION ALL
                     SELECT a.attacl FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) l
              CROSS JOIN LATERAL pg_catalog.aclexplode(l.acl) g
               JOIN pg_catalog.pg_roles o ON o.oid = g.grantee
              WHERE g.grantee <> c.relowner AND NOT o.rolsuper AND pg_catalog.pg_has_role(o.oid, 'MEMBER')
              ORDER BY 1),
       (SELECT o.rolname FROM pg_catalog.pg_roles o
         WHERE o.oid = c.relowner AND NOT o.rolsuper AND o.rolname <> current_user
           AND pg_catalog.pg_has_role(o.oid, 'MEMBER')),
       EXISTS (SELECT FROM pg_catalog.pg_constraint k
                WHERE k.contype = 'f' AND k.confrelid = c.oid AND k.confupdtype IN ('c', 'n', 'd'))
  {_FROM}
 CROSS JOIN LATERAL (
       SELECT c.relhastriggers OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r
                                           WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN') AS has_code) AS w
  {_WHERE} AND ($1::text[] IS NULL OR format('%I.%I', n.nspname, c.relname) = ANY ($1))
 ORDER BY 1, 2
"""  # noqa: S608 - a constant


# Values that no row of a column has, by its type.
_NEXT, _LONGER = "(SELECT max({column}) + 1 FROM {table})", "(SELECT max({column}) || '~' FROM {table})"
_UNUSED: Mapping[str, LiteralString] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric"), _NEXT),
    **dict.fromkeys(("text", "character varying"), _LONGER),
    "uuid": "gen_random_uuid()",
}


@dataclass(frozen=True)
class Relation:
    """A table or a view that statements are generated for."""

    schema: str
    name: str
    is_table: bool
    is_partitioned: bool
    columns: tuple[Mapping[str, Any], ...]
    key: tuple[str, ...]
    table: str  # the qualified name, quoted where it must be
    unique: tuple[Mapping[str, Any], ...] = ()  # keys that ON CONFLICT can name: parts and predicate as SQL, columns
    is_written_view: bool = False  # has triggers, rules or grants for writing
    fills_rows: bool = False  # has a trigger BEFORE INSERT, which may fill required columns
    grantees: Sequence[str] = ()  # roles that have privileges on it and neither own it nor may do everything
    owner: str | None = None  # its owner, where that is another role than this session's and may not do everything
    is_followed: bool = False  # has a key whose changes a foreign key takes over: ON UPDATE CASCADE and the like

    @property
    def identifier(self) -> sql.Identifier:
        """Return the qualified name, for composing SQL."""
        return sql.Identifier(self.schema, self.name)


def relation_names(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the qualified names of the tables and views of a database, quoted, in the order of `read_relations`."""
    return [str(name) for (name,) in connection.execute(_NAMES.encode())]


def read_relations(connection: psycopg.Connection[Any], names: Collection[str] | None) -> Iterator[Relation]:
    """Read the tables and views of a database, except the version table and those of extensions.

    Args:
        connection: A connection to it.
        names: Those that are read, by qualified name, quoted; None for all.
    """
    cursor = RawCursor(connection)
    cursor.execute(_RELATIONS.encode(), [None if names is None else list(names)])
    for schema, name, kind, columns, key, table, unique, *others in cursor.fetchall():
        yield Relation(
            schema,
            name,
            kind in {"r", "p"},
            kind == "p",
            tuple(columns or ()),
            tuple(key or ()),
            table,
            tuple(unique or ()),
            *others,
        )


def candidates_for(
    relation: Relation, row: Mapping[str, str | None] | None, *, each_column: bool
) -> Iterator[Candidate]:
    """Return the statements that a table or a view permits, and those that roles with privileges may send.

    A role sends one UPDATE of all columns. The owner, if that is another role, sends a SELECT: an owner may do all.

    Args:
        relation: The table or the view.
        row: A row of the table, as text; None without one, or for a view.
        each_column: Whether there is an UPDATE of each column; otherwise there is one of all columns.
    """
    if not relation.columns:
        return
    yield from _candidates(relation, row, each_column=each_column)
    for role in relation.grantees:
        for candidate in _candidates(relation, row, each_column=False):
            yield _sent_by(role, candidate)
    if relation.owner is not None:
        yield _sent_by(relation.owner, next(_candidates(relation, None, each_column=False)))


def _sent_by(role: str, candidate: Candidate) -> Candidate:
    return replace(candidate, statement=replace(candidate.statement, role=role))


def _candidates(relation: Relation, row: Mapping[str, str | None] | None, *, each_column: bool) -> Iterator[Candidate]:
    """Return the statements that a table or a view permits, the SELECT first."""
    names = [column["name"] for column in relation.columns]
    query = sql.SQL("SELECT {} FROM {} LIMIT 1").format(listed(names), relation.identifier)
    yield Candidate(_statement_of(relation, query))
    if relation.is_written_view:
        for statement in _writes_of_view(relation):
            yield Candidate(statement, is_planned=True)
    if not relation.is_table or row is None:
        return
    key = _key_of(relation, row)
    row_of_key = _equal({column: row[column] for column in key})
    deletion = sql.SQL("DELETE FROM {} WHERE {}").format(relation.identifier, row_of_key).as_string()
    exists = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(relation.identifier, row_of_key).as_string()
    # only the table itself has the rows that it counts
    is_counted = not relation.is_partitioned
    for statement, columns in _inserts(relation, row):
        yield Candidate(statement, deletion, tuple(columns), "SELECT true" if is_counted else "")
    for statement in _changes(relation, row, key, each_column=each_column):
        yield Candidate(statement, row_exists=exists if is_counted else "")
    for statement in _upserts(relation):
        yield Candidate(statement, is_planned=True)
    if relation.is_followed:
        yield from (Candidate(statement) for statement in _new_keys(relation, row, key))


def _key_of(relation: Relation, row: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the columns that identify the row: the primary key, or else all columns that are not NULL."""
    return relation.key or tuple(name for name, value in row.items() if value is not None)


def _inserts(relation: Relation, row: Mapping[str, str | None]) -> Iterator[tuple[ApplicationStatement, Sequence[str]]]:
    """Return INSERTs, each with the columns that it sets: one with all columns, and one that leaves out defaults.

    The latter leaves out all that may be NULL as well, unless the table needs no value at all. Where a trigger may fill
    required columns, there is one without each of these.
    """
    writable = [column for column in relation.columns if column["given"]]
    set_values = [column["name"] for column in writable if not column["defaulted"]]
    required = [column["name"] for column in writable if not column["defaulted"] and column["not_null"]]
    choices = [tuple(column["name"] for column in writable), tuple(required or set_values)]
    if relation.fills_rows:
        choices += (tuple(name for name in required if name != filled) for filled in required)
    for names in dict.fromkeys(choices):
        places = sql.SQL(", ").join(sql.SQL(f"${number}") for number in range(1, len(names) + 1))
        values = sql.SQL("({}) VALUES ({})").format(listed(names), places) if names else sql.SQL("DEFAULT VALUES")
        query = sql.SQL("INSERT INTO {} {}").format(relation.identifier, values)
        yield _statement_of(relation, query, [row[name] for name in names]), names


def _writes_of_view(relation: Relation) -> Iterator[ApplicationStatement]:
    """Return an INSERT, an UPDATE of all columns and a DELETE; values are NULL, because they are planned only."""
    names = [column["name"] for column in relation.columns if column["given"]]
    if names:
        places = [sql.SQL(f"${number}") for number in range(1, len(names) + 1)]
        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            relation.identifier, listed(names), sql.SQL(", ").join(places)
        )
        yield _statement_of(relation, insert, [None] * len(names))
        settings = (
            sql.SQL("{} = {}").format(sql.Identifier(name), place) for name, place in zip(names, places, strict=True)
        )
        update = sql.SQL("UPDATE {} SET {}").format(relation.identifier, sql.SQL(", ").join(settings))
        yield _statement_of(relation, update, [None] * len(names))
    yield _statement_of(relation, sql.SQL("DELETE FROM {}").format(relation.identifier))


def _upserts(relation: Relation) -> Iterator[ApplicationStatement]:
    """Return an INSERT with ON CONFLICT for each unique key; its values are NULL, because it is planned only."""
    writable = [column["name"] for column in relation.columns if column["given"]]
    for key in relation.unique:
        names = [name for name in writable if name in (key["columns"] or ())] or writable
        places = sql.SQL(", ").join(sql.SQL(f"${number}") for number in range(1, len(names) + 1))
        target = sql.SQL(f"({', '.join(key['parts'])})")
        where = sql.SQL(f" WHERE {key['predicate']}" if key["predicate"] else "")
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT {}{} DO NOTHING").format(
            relation.identifier, listed(names), places, target, where
        )
        yield _statement_of(relation, query, [None] * len(names))


def _changes(
    relation: Relation, row: Mapping[str, str | None], key: tuple[str, ...], *, each_column: bool
) -> Iterator[ApplicationStatement]:
    """Return an UPDATE of each column, or one of all columns, and a DELETE."""
    values = [row[name] for name in key]
    writable = [column["name"] for column in relation.columns if column["given"]]
    for names in [[name] for name in writable] if each_column else filter(None, [writable]):
        settings = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.SQL(f"${number}"))
            for number, name in enumerate(names, 1)
        )
        query = sql.SQL("UPDATE {} SET {} WHERE {}").format(
            relation.identifier, settings, _condition(key, len(names) + 1)
        )
        yield _statement_of(relation, query, [*(row[name] for name in names), *values])
    yield _statement_of(
        relation, sql.SQL("DELETE FROM {} WHERE {}").format(relation.identifier, _condition(key, 1)), values
    )


def _new_keys(
    relation: Relation, row: Mapping[str, str | None], key: tuple[str, ...]
) -> Iterator[ApplicationStatement]:
    """Return an UPDATE of each column of the key to a value that no row has, as far as one is known for the type."""
    types = {column["name"]: column["type"] for column in relation.columns}
    for name in key:
        value = _UNUSED.get(types[name])
        if value is not None:
            text = sql.SQL(value).format(column=sql.Identifier(name), table=relation.identifier)
            query = sql.SQL("UPDATE {} SET {} = {} WHERE {}").format(
                relation.identifier, sql.Identifier(name), text, _condition(key, 1)
            )
            yield _statement_of(relation, query, [row[part] for part in key])


def _statement_of(relation: Relation, query: sql.Composed, values: Iterable[str | None] = ()) -> ApplicationStatement:
    """Return a statement with the composed SQL and its values."""
    return ApplicationStatement(query.as_string(), relation.table, tuple(values))


def _condition(key: Iterable[str], first: int) -> sql.Composed:
    parts = (
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.SQL(f"${number}")) for number, name in enumerate(key, first)
    )
    return sql.SQL(" AND ").join(parts)


def _equal(values: Mapping[str, str | None]) -> sql.Composed:
    """Return the condition that columns equal the values."""
    parts = (sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in values.items())
    return sql.SQL(" AND ").join(parts)


def listed(names: Iterable[str]) -> sql.Composed:
    """Return a comma-separated list of quoted names."""
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
