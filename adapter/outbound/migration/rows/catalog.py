"""The tables to fill, with their columns, constraints and types, read from the catalog."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.rows import dict_row

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.migration.project.version_table import NOT_VERSION_TABLE
from adapter.outbound.migration.rows.quoting import quote
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA

BOUNDS = "the partitions' bounds"

_Parts = Mapping[str, list[dict[str, Any]]]  # rows of the catalog that belong to one table, by kind


@dataclass(frozen=True)
class Type:
    """A type, as pg_type and related catalogs describe it; `category` is its typcategory."""

    oid: int
    name: str
    sql: str
    kind: str
    category: str
    element: int
    base: int
    modifier: int
    relation: int
    subtype: int  # the element type of a range; the range type of a multirange
    labels: tuple[str, ...]
    checks: tuple[str, ...]
    not_null: bool


@dataclass(frozen=True)
class Column:
    """A column of a table; for a generated column, `default` is the expression that computes it."""

    number: int
    name: str
    ident: str  # the name as a catalog has it: quoted where it must be
    type: int
    modifier: int
    type_sql: str
    not_null: bool
    default: str | None
    generated: bool
    identity: bool

    @property
    def quoted(self) -> str:
        """Return the name, quoted for SQL."""
        return quote(self.name)


@dataclass(frozen=True)
class Check:
    """A condition on rows, with the numbers of the columns that it reads."""

    name: str
    expression: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key; `columns` and `parent_columns` correspond by position."""

    name: str
    parent: int
    columns: tuple[int, ...]
    parent_columns: tuple[int, ...]
    deferrable: bool
    whole: bool  # MATCH FULL
    unclaimed: bool = False  # reversed key: rows of this table supply values that rows of `parent` already refer to


@dataclass(frozen=True)
class _Index:
    """An index that enforces nothing, so rows can be inserted before it is built."""

    oid: int
    sql: str
    method: str


@dataclass(frozen=True)
class Table:
    """A table that can be filled."""

    oid: int
    sql: str
    name: str
    source: str  # FROM item without an alias: the table, or its partitions that are not foreign tables
    analyzed: str  # the relations to pass to ANALYZE; empty for none
    partitioned: bool  # a partitioned table without any partition that can be filled
    plain: bool  # has neither partitions nor rules nor user triggers
    columns: Mapping[int, Column]
    checks: tuple[Check, ...]
    foreign_keys: tuple[ForeignKey, ...]
    unique: tuple[tuple[int, ...], ...]
    distinct: frozenset[int]  # columns of unique and exclusion constraints
    arbitrable: bool  # ON CONFLICT works on this table
    triggers: tuple[tuple[str, str], ...]
    texts: str  # definitions of all indexes
    indexes: tuple[_Index, ...]  # valid indexes that are neither unique nor exclusion

    def optional(self, key: ForeignKey) -> bool:
        """Return whether a row can have NULL in this foreign key."""
        return any(not self.columns[number].not_null for number in key.columns)


@dataclass(frozen=True)
class Schema:
    """All tables that can be filled, and the types of their columns."""

    tables: Mapping[int, Table]
    types: Mapping[int, Type]
    fields: Mapping[int, tuple[Column, ...]]  # columns of tables and composite types, by relation
    volatile: frozenset[str]  # names of volatile functions
    texts_as: Type | None = None

    def base(self, oid: int, modifier: int = -1) -> tuple[Type, int]:
        """Return the type under all domains, with its modifier."""
        kind = self.types[oid]
        while kind.kind == "d":
            modifier = kind.modifier if modifier == -1 else modifier
            kind = self.types[kind.base]
        return kind, modifier

    def domain_checks(self, oid: int) -> tuple[str, ...]:
        """Return the checks of a domain and of the domains that it is based on."""
        kind = self.types[oid]
        checks: tuple[str, ...] = ()
        while kind.kind == "d":
            checks += kind.checks
            kind = self.types[kind.base]
        return checks

    def own_values(self, column: Column) -> bool:
        """Return whether the default gives each row its own value, as sequences and random identifiers do."""
        names = re.findall(r"(\w+)\(", column.default or "")
        return column.identity or any(name in self.volatile for name in names)


_TABLES = f"""
SELECT c.oid::int8 AS oid, c.oid::regclass::text AS sql, format('%I.%I', n.nspname, c.relname) AS name,
       c.relkind = 'p' AS partitioned, c.relhasrules AS has_rules, c.relkind = 'r' AND c.relhassubclass AS inherited
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND {IN_USER_SCHEMA} AND {NOT_VERSION_TABLE}
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""  # noqa: S608 - a constant

_COLUMNS = f"""
SELECT a.attrelid::int8 AS relation, a.attnum::int AS number, a.attname::text AS name, quote_ident(a.attname) AS ident,
       a.atttypid::int8 AS type, a.atttypmod AS modifier, format_type(a.atttypid, a.atttypmod) AS type_sql,
       a.attnotnull OR t.typnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default,
       a.attgenerated <> '' AS generated, a.attidentity <> '' AS identity
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'c')
  AND {IN_USER_SCHEMA}
ORDER BY a.attrelid, a.attnum
"""  # noqa: S608 - a constant

_TYPES = """
WITH labels AS MATERIALIZED (
    SELECT enumtypid AS oid, array_agg(enumlabel::text ORDER BY enumsortorder) AS labels FROM pg_enum GROUP BY enumtypid
), checks AS MATERIALIZED (
    SELECT contypid AS oid, array_agg(pg_get_expr(conbin, 0) ORDER BY conname) AS checks FROM pg_constraint
    WHERE contypid <> 0 AND contype = 'c' GROUP BY contypid
)
SELECT t.oid::int8 AS oid, t.typname::text AS name, format_type(t.oid, NULL) AS sql, t.typtype::text AS kind,
       t.typcategory::text AS category, CASE WHEN t.typcategory = 'A' THEN t.typelem::int8 ELSE 0 END AS element,
       t.typbasetype::int8 AS base, t.typtypmod AS modifier, t.typrelid::int8 AS relation,
       coalesce(r.rngsubtype::int8, m.rngtypid::int8, 0) AS subtype,
       coalesce(l.labels, '{}') AS labels, coalesce(k.checks, '{}') AS checks, t.typnotnull AS not_null
FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid LEFT JOIN pg_range m ON m.rngmultitypid = t.oid
LEFT JOIN labels l ON l.oid = t.oid LEFT JOIN checks k ON k.oid = t.oid
WHERE t.typtype <> 'c' OR t.typnamespace <> 'pg_catalog'::regnamespace
"""

_CHECKS = """
SELECT k.conrelid::int8 AS relation, k.conname::text AS name, pg_get_expr(k.conbin, k.conrelid) AS expression,
       k.conkey::int[] AS columns
FROM pg_constraint k WHERE k.contype = 'c' AND k.conrelid <> 0 ORDER BY k.conrelid, k.conname
"""

_PARTITIONS = """
SELECT c.oid::int8 AS relation, p.relid::regclass::text AS partition, pg_get_partition_constraintdef(p.relid) AS bound
FROM pg_class c CROSS JOIN pg_partition_tree(c.oid) p
JOIN pg_class l ON l.oid = p.relid AND l.relkind = 'r'
WHERE c.relkind = 'p' AND NOT c.relispartition ORDER BY c.oid, p.relid::regclass::text
"""

_FOREIGN_KEYS = """
SELECT k.conrelid::int8 AS relation, k.conname::text AS name, k.confrelid::int8 AS parent,
       k.conkey::int[] AS columns, k.confkey::int[] AS parent_columns, k.condeferrable AS deferrable,
       k.confmatchtype = 'f' AS whole
FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY k.conrelid, cardinality(k.conkey) DESC, k.conname
"""

_INDEXES = f"""
SELECT i.indrelid::int8 AS relation, i.indexrelid::int8 AS oid, i.indexrelid::regclass::text AS sql,
       a.amname::text AS method, i.indisunique OR i.indisexclusion AS is_key, i.indisunique AS is_unique,
       NOT i.indimmediate AS deferrable, i.indisvalid AND i.indisready AND i.indislive AS valid,
       i.indkey::int2[]::int[] AS columns, coalesce(pg_get_expr(i.indexprs, i.indrelid), '') AS expressions,
       pg_get_indexdef(i.indexrelid) AS text
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am a ON a.oid = x.relam
WHERE c.relkind IN ('r', 'p') AND {IN_USER_SCHEMA}
ORDER BY i.indrelid, NOT i.indisprimary, i.indexrelid
"""  # noqa: S608 - a constant

_TRIGGERS = """
SELECT t.tgrelid::int8 AS relation, t.tgname::text AS name, t.tgenabled::text AS enabled
FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY t.tgname
"""

_VOLATILE = "SELECT DISTINCT proname::text AS name FROM pg_proc WHERE provolatile = 'v'"


def find_tables(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Read the tables that can be filled, and the part of each that can be read without its foreign tables."""
    rows, mixed = rows_of(connection, _TABLES), mixed_tables(connection)
    for row in rows:
        table = mixed.get(row["oid"])
        own = f"ONLY {row['sql']}" if row["inherited"] else row["sql"]  # the rows of its children are not its own
        row["source"] = own if table is None else table.source
        # ANALYZE reads a named table together with its children
        row["analyzed"] = row["sql"] if table is None else ", ".join(set(table.local) - {table.name})
    return rows


def rows_of(connection: psycopg.Connection[Any], query: str) -> list[dict[str, Any]]:
    """Run a query on the catalog and return its rows."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def _by_relation(connection: psycopg.Connection[Any], query: str) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in rows_of(connection, query):
        groups.setdefault(row.pop("relation"), []).append(row)
    return groups


def read_schema(connection: psycopg.Connection[Any], table_rows: Iterable[dict[str, Any]], texts_as: str) -> Schema:
    """Read the types, columns and constraints of the tables that `find_tables` returned."""
    types = {
        row["oid"]: Type(**row | {"labels": tuple(row["labels"]), "checks": tuple(row["checks"])})
        for row in rows_of(connection, _TYPES)
    }
    columns = {
        relation: {row["number"]: _with_domain(Column(**row), types) for row in group}
        for relation, group in _by_relation(connection, _COLUMNS).items()
    }
    parts = {
        name: _by_relation(connection, query)
        for name, query in {
            "checks": _CHECKS,
            "partitions": _PARTITIONS,
            "keys": _FOREIGN_KEYS,
            "indexes": _INDEXES,
            "triggers": _TRIGGERS,
        }.items()
    }
    tables = {
        row["oid"]: _table(
            row, columns.get(row["oid"], {}), {name: groups.get(row["oid"], []) for name, groups in parts.items()}
        )
        for row in table_rows
    }
    fields = {relation: tuple(group.values()) for relation, group in columns.items()}
    read_as = connection.execute("SELECT to_regtype(%s)::oid::int8", (texts_as or None,)).fetchone()
    return Schema(
        tables,
        types,
        fields,
        frozenset(row["name"] for row in rows_of(connection, _VOLATILE)),
        types.get(read_as[0]) if read_as else None,
    )


def _with_domain(column: Column, types: Mapping[int, Type]) -> Column:
    """Return the column, not null also where a domain under its own domain is NOT NULL."""
    kind, not_null = types[column.type], column.not_null
    while kind.kind == "d":
        not_null = not_null or kind.not_null
        kind = types[kind.base]
    return replace(column, not_null=not_null)


def _table(row: dict[str, Any], columns: Mapping[int, Column], parts: _Parts) -> Table:
    numbers = {column.name: number for number, column in columns.items()}
    keys = _keys(columns, parts["indexes"], numbers)
    return Table(
        row["oid"],
        row["sql"],
        row["name"],
        row["source"],
        row["analyzed"],
        row["partitioned"] and not parts["partitions"],
        not (row["partitioned"] or row["has_rules"] or parts["triggers"]),
        columns,
        _checks(row, columns, parts, numbers),
        tuple(
            ForeignKey(
                **key_row | {"columns": tuple(key_row["columns"]), "parent_columns": tuple(key_row["parent_columns"])}
            )
            for key_row in parts["keys"]
        ),
        tuple(tuple(dict.fromkeys(key)) for key, is_unique in keys if is_unique),
        frozenset(number for key, _ in keys for number in key),
        not row["has_rules"]
        and not any(index_row["is_key"] and index_row["deferrable"] for index_row in parts["indexes"]),
        tuple((trigger_row["name"], trigger_row["enabled"]) for trigger_row in parts["triggers"]),
        "\n".join(index_row["text"] for index_row in parts["indexes"]),
        tuple(
            _Index(index_row["oid"], index_row["sql"], index_row["method"])
            for index_row in parts["indexes"]
            if index_row["valid"] and not index_row["is_key"]
        ),
    )


def _checks(
    row: dict[str, Any], columns: Mapping[int, Column], parts: _Parts, numbers: Mapping[str, int]
) -> tuple[Check, ...]:
    """Return what each row must meet: checks, NOT NULL of generated columns, and the bounds of partitions."""
    checks = [
        ungenerated(
            Check(check_row["name"], check_row["expression"], tuple(check_row["columns"] or ())), columns, numbers
        )
        for check_row in parts["checks"]
    ]
    checks += [
        ungenerated(Check(f"NOT NULL of {column.name}", f"{column.quoted} IS NOT NULL", (number,)), columns, numbers)
        for number, column in columns.items()
        if column.generated and column.not_null and _mentioned(column.default or "", numbers)
    ]
    bounds = [partition_row["bound"] or "true" for partition_row in parts["partitions"]]
    if row["partitioned"] and bounds:
        bound = " OR ".join(f"({bound})" for bound in bounds)
        checks.append(Check(BOUNDS, bound, tuple(_mentioned(bound, numbers))))
    return tuple(checks)


def _keys(
    columns: Mapping[int, Column], indexes: list[dict[str, Any]], numbers: Mapping[str, int]
) -> list[tuple[list[int], bool]]:
    """Return the columns that each key is computed from, and whether it is unique."""
    return [
        (
            [
                origin
                for number in [number for number in index_row["columns"] if number]
                + _mentioned(index_row["expressions"], numbers)
                for origin in _origins(columns[number], numbers)
            ],
            index_row["is_unique"],
        )
        for index_row in indexes
        if index_row["is_key"]
    ]


def _origins(column: Column, numbers: Mapping[str, int]) -> list[int]:
    """Return the columns that a generated column is computed from; for any other column, the column itself."""
    return (_mentioned(column.default or "", numbers) if column.generated else []) or [column.number]


def ungenerated(check: Check, columns: Mapping[int, Column], numbers: Mapping[str, int]) -> Check:
    """Return the check with generated columns replaced by their expressions, so that it names only writable columns."""
    expression = check.expression
    for number in check.columns:
        column = columns[number]
        if column.generated and _mentioned(column.default or "", numbers):
            name = rf'"{re.escape(column.name)}"|(?<![\w"]){re.escape(column.name)}(?![\w"])'
            pieces = re.split(r"('(?:[^']|'')*')", expression)
            pieces[::2] = [re.sub(name, lambda _: f"({column.default})", piece) for piece in pieces[::2]]  # noqa: B023
            expression = "".join(pieces)
    origins = [origin for number in check.columns for origin in _origins(columns[number], numbers)]
    return Check(check.name, expression, tuple(dict.fromkeys(origins)))


def _mentioned(expression: str, numbers: Mapping[str, int]) -> list[int]:
    """Return the numbers of the columns that an expression of the catalog names."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", expression)
    words = {*re.findall(r"\w+", bare), *re.findall(r'"([^"]+)"', bare)}
    return [number for name, number in numbers.items() if name in words]
