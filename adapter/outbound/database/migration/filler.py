"""Fill every table of a database with made-up rows that its constraints accept.

The rows are made by Postgres itself: one `INSERT … SELECT … FROM generate_series` a table, with an expression a column
that depends on the row's number only, so that the same schema always gets the same rows. Columns with a default are
left to it. What a CHECK or a partition bound asks for is found by trying: values made for the type and from the
literals of the definition are put through the expression on the server, and the first that pass are taken. Foreign keys
pick existing rows in turn. Nothing is bypassed: every constraint is checked by Postgres as the rows go in; only user
triggers that refuse the rows are switched off meanwhile.
"""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import itertools
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg.rows import dict_row

_INDEX = "%i%"  # stands in an expression for the number that the value is made from
_SAMPLE = 48  # rows on which an expression is tried
_BATCH = 100
_SINGLES = 300  # rows that are tried one by one, when everything else failed
_COMBINATIONS = 600
_PARENTS = 10_000
_NULL_EVERY = 7
_MAX_LENGTH = 4_000
_BOUNDS = "the partitions' bounds"
_NO_ROOM = "a unique key, an exclusion constraint or a trigger leaves no room for more"
_WRONG = "cannot be inserted: "  # fewer rows would not help


@dataclass(frozen=True)
class FillProblem:
    """A table that has fewer rows than asked for.

    Attributes:
        table: Its qualified name.
        reason: Why, in one line.
    """

    table: str
    reason: str


@dataclass(frozen=True)
class Filled:
    """What was filled.

    Attributes:
        tables: Rows added to each table that had too few, by qualified name.
        problems: Tables that still have too few.
    """

    tables: Mapping[str, int]
    problems: tuple[FillProblem, ...]


def fill(connection: psycopg.Connection[Any], rows: int = 2000, only: Collection[str] | None = None) -> Filled:
    """Fill each table of the user's schemas up to so many rows, parents first, and analyze them.

    Tables of extensions and Alembic's version table stay as they are. What cannot be filled is reported, not raised.

    Args:
        connection: A connection that is idle or in a transaction that has not failed; its role may insert.
        rows: Rows that each table has afterwards, where its constraints leave room for them.
        only: Qualified names of the tables to fill, with those that they refer to; None for all tables.

    Raises:
        psycopg.Error: The catalog cannot be read, or the connection is lost.
    """
    with connection.transaction():
        schema = _read_schema(connection)
    session = _Session(connection, schema, rows)
    _fill_all(session, _needed(schema, only))
    _analyze(session)
    return Filled(session.added, tuple(FillProblem(table, reason) for table, reason in session.problems.items()))


# --- what the catalog says ---


@dataclass(frozen=True)
class _Type:
    oid: int
    name: str
    sql: str
    kind: str
    category: str
    element: int
    base: int
    modifier: int
    relation: int
    subtype: int  # of a range; of a multirange its range
    labels: tuple[str, ...]
    checks: tuple[str, ...]
    not_null: bool


@dataclass(frozen=True)
class _Column:
    number: int
    name: str
    type: int
    modifier: int
    type_sql: str
    not_null: bool
    default: str | None
    generated: bool
    identity: bool

    @property
    def quoted(self) -> str:
        return _quote(self.name)


@dataclass(frozen=True)
class _Check:
    name: str
    expression: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class _ForeignKey:
    name: str
    parent: int
    columns: tuple[int, ...]
    parent_columns: tuple[int, ...]
    deferrable: bool
    unclaimed: bool = False  # the parent's values are promises that rows of this table keep


@dataclass(frozen=True)
class _Table:
    oid: int
    sql: str
    name: str
    partitioned: bool
    columns: Mapping[int, _Column]
    checks: tuple[_Check, ...]
    foreign_keys: tuple[_ForeignKey, ...]
    unique: tuple[tuple[int, ...], ...]
    distinct: frozenset[int]  # columns of unique and exclusion constraints
    arbitrable: bool  # whether ON CONFLICT works here
    triggers: tuple[tuple[str, str], ...]
    texts: str  # definitions of indexes

    def optional(self, key: _ForeignKey) -> bool:
        return any(not self.columns[number].not_null for number in key.columns)


@dataclass(frozen=True)
class _Schema:
    tables: Mapping[int, _Table]
    types: Mapping[int, _Type]
    fields: Mapping[int, tuple[_Column, ...]]  # of composite types
    volatile: frozenset[str]  # names of volatile functions

    def base(self, oid: int, modifier: int = -1) -> tuple[_Type, int]:
        """Follow domains down to the type they are made of, with its modifier."""
        kind = self.types[oid]
        while kind.kind == "d":
            modifier = kind.modifier if modifier == -1 else modifier
            kind = self.types[kind.base]
        return kind, modifier

    def domain_checks(self, oid: int) -> tuple[str, ...]:
        kind = self.types[oid]
        found: tuple[str, ...] = ()
        while kind.kind == "d":
            found += kind.checks
            kind = self.types[kind.base]
        return found

    def own_values(self, column: _Column) -> bool:
        """Tell whether Postgres gives each row its own value, as sequences and random identifiers do."""
        names = re.findall(r"(\w+)\(", column.default or "")
        return column.identity or any(name in self.volatile for name in names)


_TABLES = """
SELECT c.oid::int8 AS oid, c.oid::regclass::text AS sql, n.nspname || '.' || c.relname AS name,
       c.relkind = 'p' AS partitioned,
       EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid) AS has_rules,
       coalesce((SELECT string_agg(pg_get_indexdef(i.indexrelid), E'\\n') FROM pg_index i WHERE i.indrelid = c.oid), '')
           AS texts
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relname <> 'alembic_version'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  -- a version table under another name
  AND (SELECT array_agg(a.attname::text) FROM pg_attribute a
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) IS DISTINCT FROM ARRAY['version_num']
ORDER BY n.nspname, c.relname
"""

_COLUMNS = """
SELECT a.attrelid::int8 AS relation, a.attnum::int AS number, a.attname::text AS name, a.atttypid::int8 AS type,
       a.atttypmod AS modifier, format_type(a.atttypid, a.atttypmod) AS type_sql,
       a.attnotnull OR t.typnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default,
       a.attgenerated <> '' AS generated, a.attidentity <> '' AS identity
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'c')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY a.attrelid, a.attnum
"""

_TYPES = """
SELECT t.oid::int8 AS oid, t.typname::text AS name, format_type(t.oid, NULL) AS sql, t.typtype::text AS kind,
       t.typcategory::text AS category, CASE WHEN t.typcategory = 'A' THEN t.typelem::int8 ELSE 0 END AS element,
       t.typbasetype::int8 AS base, t.typtypmod AS modifier, t.typrelid::int8 AS relation,
       coalesce(r.rngsubtype::int8, m.rngtypid::int8, 0) AS subtype,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       ARRAY(SELECT pg_get_expr(k.conbin, 0) FROM pg_constraint k
             WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname) AS checks,
       t.typnotnull AS not_null
FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid LEFT JOIN pg_range m ON m.rngmultitypid = t.oid
"""

_CHECKS = """
SELECT k.conrelid::int8 AS relation, k.conname::text AS name, pg_get_expr(k.conbin, k.conrelid) AS expression,
       k.conkey::int[] AS columns
FROM pg_constraint k WHERE k.contype = 'c' AND k.conrelid <> 0 ORDER BY k.conrelid, k.conname
"""

_PARTITIONS = """
SELECT c.oid::int8 AS relation, p.relid::regclass::text AS partition, pg_get_partition_constraintdef(p.relid) AS bound
FROM pg_class c CROSS JOIN pg_partition_tree(c.oid) p
WHERE c.relkind = 'p' AND NOT c.relispartition AND p.isleaf AND p.relid <> c.oid ORDER BY c.oid, p.relid::regclass::text
"""

_FOREIGN_KEYS = """
SELECT k.conrelid::int8 AS relation, k.conname::text AS name, k.confrelid::int8 AS parent,
       k.conkey::int[] AS columns, k.confkey::int[] AS parent_columns, k.condeferrable AS deferrable
FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY k.conrelid, cardinality(k.conkey) DESC, k.conname
"""

_INDEXES = """
SELECT i.indrelid::int8 AS relation, i.indisunique AS is_unique, NOT i.indimmediate AS deferrable,
       i.indkey::int2[]::int[] AS columns, coalesce(pg_get_expr(i.indexprs, i.indrelid), '') AS expressions
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (i.indisunique OR i.indisexclusion) AND n.nspname !~ '^pg_' ORDER BY i.indrelid, NOT i.indisprimary, i.indexrelid
"""

_TRIGGERS = """
SELECT t.tgrelid::int8 AS relation, t.tgname::text AS name, t.tgenabled::text AS enabled
FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' ORDER BY t.tgname
"""

_VOLATILE = "SELECT DISTINCT proname::text AS name FROM pg_proc WHERE provolatile = 'v'"


def _rows(connection: psycopg.Connection[Any], query: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def _by_relation(connection: psycopg.Connection[Any], query: str) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in _rows(connection, query):
        groups.setdefault(row.pop("relation"), []).append(row)
    return groups


def _read_schema(connection: psycopg.Connection[Any]) -> _Schema:
    types = {
        row["oid"]: _Type(**row | {"labels": tuple(row["labels"]), "checks": tuple(row["checks"])})
        for row in _rows(connection, _TYPES)
    }
    columns = {
        relation: {row["number"]: _with_domain(_Column(**row), types) for row in group}
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
        for row in _rows(connection, _TABLES)
    }
    fields = {relation: tuple(group.values()) for relation, group in columns.items()}
    return _Schema(tables, types, fields, frozenset(row["name"] for row in _rows(connection, _VOLATILE)))


def _with_domain(column: _Column, types: Mapping[int, _Type]) -> _Column:
    """Let a column take no NULL where a domain that its own domain is made from takes none."""
    kind, not_null = types[column.type], column.not_null
    while kind.kind == "d":
        not_null = not_null or kind.not_null
        kind = types[kind.base]
    return replace(column, not_null=not_null)


def _table(row: dict[str, Any], columns: Mapping[int, _Column], parts: Mapping[str, list[dict[str, Any]]]) -> _Table:
    numbers = {column.name: number for number, column in columns.items()}
    checks = [_Check(each["name"], each["expression"], tuple(each["columns"] or ())) for each in parts["checks"]]
    bounds = [each["bound"] or "true" for each in parts["partitions"]]
    if row["partitioned"] and bounds:
        bound = " OR ".join(f"({each})" for each in bounds)
        checks.append(_Check(_BOUNDS, bound, tuple(_mentioned(bound, numbers))))
    keys = [
        ([number for number in each["columns"] if number] + _mentioned(each["expressions"], numbers), each["is_unique"])
        for each in parts["indexes"]
    ]
    return _Table(
        row["oid"],
        row["sql"],
        row["name"],
        row["partitioned"] and not bounds,
        columns,
        tuple(checks),
        tuple(
            _ForeignKey(**each | {"columns": tuple(each["columns"]), "parent_columns": tuple(each["parent_columns"])})
            for each in parts["keys"]
        ),
        tuple(tuple(dict.fromkeys(key)) for key, is_unique in keys if is_unique),
        frozenset(number for key, _ in keys for number in key),
        not row["has_rules"] and not any(each["deferrable"] for each in parts["indexes"]),
        tuple((each["name"], each["enabled"]) for each in parts["triggers"]),
        row["texts"],
    )


def _mentioned(expression: str, numbers: Mapping[str, int]) -> list[int]:
    """Find the columns that an expression of the catalog names."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", expression)
    words = {*re.findall(r"\w+", bare), *re.findall(r'"([^"]+)"', bare)}
    return [number for name, number in numbers.items() if name in words]


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str) -> str:
    escaped = value.replace("'", "''")
    # standard_conforming_strings may be off in a foreign database
    return "E'" + escaped.replace("\\", "\\\\") + "'" if "\\" in value else f"'{escaped}'"


# --- values of a type ---


@dataclass(frozen=True)
class _Values:
    """An expression of the row's number.

    Attributes:
        expression: SQL with `_INDEX` in the place of the number, which begins at 1.
        count: How many different values it gives; 0 when each number has its own.
    """

    expression: str
    count: int = 0

    def at(self, index: str) -> str:
        return self.expression.replace(_INDEX, f"({index})")


_NULL = _Values("NULL", 1)

_I = _INDEX
_SIMPLE: dict[str, tuple[str, int]] = {
    "bool": (f"({_I} % 2 = 0)", 2),
    "int2": (f"(1 + ({_I} - 1) % 32767)", 32_767),
    "int4": (_I, 0),
    "int8": (_I, 0),
    "oid": (_I, 0),
    "float4": (f"{_I} * 0.5", 0),
    "float8": (f"{_I} * 0.5", 0),
    "money": (f"{_I}::numeric", 0),
    "char": (f"chr((97 + {_I} % 26)::int)", 26),
    "name": (f"'value-' || {_I}", 0),
    "uuid": (f"md5({_I}::text)", 0),
    "date": (f"date '2024-01-01' + ({_I} % 36500)::int", 36_500),
    "timestamp": (f"timestamp '2024-01-01' + {_I} * interval '1 minute'", 0),
    "timestamptz": (f"timestamptz '2024-01-01 00:00+00' + {_I} * interval '1 minute'", 0),
    "time": (f"time '00:00' + {_I} * interval '1 second'", 86_400),
    "timetz": (f"(time '00:00' + {_I} * interval '1 second')::text || '+00'", 86_400),
    "interval": (f"{_I} * interval '1 minute'", 0),
    "json": (f"json_build_object('n', {_I}, 'name', 'value-' || {_I})", 0),
    "jsonb": (f"jsonb_build_object('n', {_I}, 'name', 'value-' || {_I})", 0),
    "jsonpath": (f"'$.n' || {_I}", 0),
    "inet": (f"inet '10.0.0.0' + {_I}", 0),
    "cidr": (f"inet '10.0.0.0' + {_I}", 0),
    "macaddr": (f"lpad(to_hex({_I}), 12, '0')", 0),
    "macaddr8": (f"lpad(to_hex({_I}), 16, '0')", 0),
    "bytea": (f"decode(md5({_I}::text), 'hex')", 0),
    "xml": (f"'<row n=\"' || {_I} || '\"/>'", 0),
    "tsvector": (f"to_tsvector('simple', 'word' || {_I} || ' of a text')", 0),
    "tsquery": (f"'word' || {_I}", 0),
    "point": (f"point({_I}, -{_I})", 0),
    "line": (f"line(point({_I}, 0), point(0, {_I} + 1))", 0),
    "lseg": (f"lseg(point({_I}, 0), point({_I}, 1))", 0),
    "box": (f"box(point(2 * {_I}, 0), point(2 * {_I} + 1, 1))", 0),
    "path": (f"'((' || {_I} || ',0),(' || {_I} || ',1))'", 0),
    "polygon": (f"polygon(box(point(2 * {_I}, 0), point(2 * {_I} + 1, 1)))", 0),
    "circle": (f"circle(point(3 * {_I}, 0), 1)", 0),
    "pg_lsn": (f"'0/' || to_hex({_I})", 0),
    "xid8": (f"{_I}::text", 0),
    "hstore": (f"'n=>' || {_I}", 0),
    "ltree": (f"'root.n' || {_I}", 0),
    "cube": (f"'(' || {_I} || ')'", 0),
    "seg": (f"{_I}::text", 0),
    "geometry": (f"'POINT(' || {_I} % 180 || ' ' || ({_I} / 180) % 90 || ')'", 16_200),
    "geography": (f"'POINT(' || {_I} % 180 || ' ' || ({_I} / 180) % 90 || ')'", 16_200),
}
_TEXTS = {"text", "varchar", "bpchar", "citext"}
_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric", "money"}
_TIMES = {"date", "timestamp", "timestamptz"}
# a server may be built without XML, and an extension may be of another version
_KNOWN = (_SIMPLE.keys() | _TEXTS | {"numeric", "bit", "varbit", "vector", "halfvec", "sparsevec"}) - {
    "xml",
    "seg",
    "cube",
}
_LONG = 12  # characters that leave room for a word and a number


def _default_values(schema: _Schema, oid: int, modifier: int, texts: str) -> _Values:
    """Give the expression for a type, before anybody asked for more."""
    kind, modifier = schema.base(oid, modifier)
    maker = {"e": _enum, "r": _range, "m": _multirange, "c": _composite}.get(kind.kind)
    if maker:
        return maker(schema, kind, texts)
    if kind.category == "A" and kind.element:
        return _array(schema, kind, modifier, texts)
    return _scalar(kind.name, modifier, texts)


def _scalar(name: str, modifier: int, texts: str) -> _Values:
    if name in _TEXTS:
        return _text(modifier - 4 if modifier >= 4 else 0)  # noqa: PLR2004 - the length word before the characters
    if name == "numeric":
        return _numeric(modifier)
    if name in {"bit", "varbit"}:
        return _bits(name, modifier)
    if name in {"vector", "halfvec", "sparsevec"}:
        return _vector(name, modifier, texts)
    expression, count = _SIMPLE.get(name, (f"{_I}::text", 0))
    return _Values(expression, count)


def _enum(_schema: _Schema, kind: _Type, _texts: str) -> _Values:
    return _pool(list(kind.labels), kind.sql) if kind.labels else _NULL


def _pool(literals: Sequence[str], type_sql: str) -> _Values:
    items = ", ".join(f"{_literal(each)}::{type_sql}" for each in literals)
    if len(literals) == 1:
        return _Values(items, 1)
    # not an array of the type: not every type has one, and arrays of arrays are matrices
    cases = " ".join(f"WHEN {number} THEN {_literal(each)}" for number, each in enumerate(literals))
    return _Values(f"(CASE {_I} % {len(literals)} {cases} END)", len(literals))


def _range(schema: _Schema, kind: _Type, texts: str) -> _Values:
    values = _default_values(schema, kind.subtype, -1, texts)
    subtype = schema.types[kind.subtype].sql
    low, high = (f"({values.at(f'2 * {_I} + {step}')})::{subtype}" for step in (0, 1))
    return _Values(f"{kind.sql}(least({low}, {high}), greatest({low}, {high}))", values.count // 2)


def _multirange(schema: _Schema, kind: _Type, texts: str) -> _Values:
    values = _range(schema, schema.types[kind.subtype], texts)
    return _Values(f"{kind.sql}({values.expression})", values.count)


def _composite(schema: _Schema, kind: _Type, texts: str) -> _Values:
    parts = [
        f"({_default_values(schema, each.type, each.modifier, texts).expression})::{each.type_sql}"
        for each in schema.fields.get(kind.relation, ())
    ]
    return _Values(f"ROW({', '.join(parts)})")


def _array(schema: _Schema, kind: _Type, modifier: int, texts: str) -> _Values:
    values = _default_values(schema, kind.element, modifier, texts)
    return _Values(f"ARRAY[{values.at(_I)}, {values.at(f'{_I} + 1')}]", values.count)


def _text(length: int) -> _Values:
    if length == 0 or length >= _LONG:
        return _Values(f"'value-' || {_I}")
    return _letters(length, "a")


def _letters(length: int, first: str) -> _Values:
    """Write the number with letters, or digits when the first is `0`, in so many characters."""
    base = 10 if first == "0" else 26
    places = min(length, 8)
    digits = " || ".join(
        f"chr(({ord(first)} + ({_I} / {base**place}) % {base})::int)" for place in reversed(range(places))
    )
    padding = f"repeat('{first}', {length - places}) || " if length > places else ""
    return _Values(f"({padding}{digits})", base**places)


def _numeric(modifier: int) -> _Values:
    if modifier < 0:
        return _Values(f"{_I}::numeric")
    precision = ((modifier - 4) >> 16) & 0xFFFF
    scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024  # signed, as numeric_typmod_scale() reads it
    most = 10 ** min(precision, 18) - 1
    factor = f"/ 1{'0' * scale}.0" if scale >= 0 else f"* 1{'0' * -scale}"
    return _Values(f"((1 + ({_I} - 1) % {most})::numeric {factor})", most)


def _bits(name: str, modifier: int) -> _Values:
    length = max(modifier, 1) if name == "bit" or modifier > 0 else 32
    return _Values(f"{_I}::bit({length})", 2 ** min(length, 62))


def _vector(name: str, modifier: int, texts: str) -> _Values:
    # a column without a dimension may have an index on a cast that asks for one
    hint = re.search(rf"{name}\((\d+)\)", texts)
    dimension = modifier if modifier > 0 else int(hint[1]) if hint else 3
    if name == "sparsevec":
        return _Values(f"'{{' || 1 + {_I} % {dimension} || ':' || {_I} || '}}/{dimension}'")
    # Windows on one sequence of sines that is made once: sines for each row would take longer than the insert.
    sines = f"(SELECT array_agg(sin(k * k * 0.1234567)::real ORDER BY k) FROM generate_series(1, {dimension + 5000}) k)"
    return _Values(f"({sines})[{_I} % 5000 + 1 : {_I} % 5000 + {dimension}]", 5000)


# --- values that checks may ask for ---


def _candidates(schema: _Schema, column: _Column, definitions: str, texts: str) -> Iterator[_Values]:
    """Give expressions for a column under checks, those with most different values first."""
    kind, modifier = schema.base(column.type, column.modifier)
    strings, numbers = _literals(definitions)
    yield _default_values(schema, column.type, column.modifier, texts)
    if kind.name in _TEXTS:
        yield from _text_candidates(modifier - 4 if modifier > 0 else 0, numbers)
    elif kind.name in _NUMBERS:
        yield from _number_candidates(kind.name, numbers + [float(each) for each in strings if _is_number(each)])
    elif kind.name in _TIMES:
        yield from _time_candidates(kind.name, strings)
    elif kind.category == "A":
        yield from _array_candidates(schema, kind, numbers, texts)
    else:
        yield from (_Values(expression, count) for expression, count in _OTHERS.get(kind.name, ()))
        if kind.name == "bytea":
            yield from (
                _Values(f"decode(lpad(md5({_I}::text), {2 * int(each)}, '0'), 'hex')")
                for each in numbers
                if 0 < each < _MAX_LENGTH
            )


_OTHERS: dict[str, tuple[tuple[str, int], ...]] = {
    "json": (("'{}'", 1), (f"json_build_array({_I})", 0), (f"to_json({_I})", 0), (f"to_json('v' || {_I})", 0)),
    "jsonb": (("'{}'", 1), (f"jsonb_build_array({_I})", 0), (f"to_jsonb({_I})", 0), (f"to_jsonb('v' || {_I})", 0)),
    "bool": (("true", 1), ("false", 1)),
    "uuid": ((f"overlay(overlay(md5({_I}::text) placing '4' from 13) placing '8' from 17)", 0),),
    "interval": ((f"{_I} * interval '1 second'", 0), (f"{_I} * interval '1 day'", 0), ("interval '0'", 1)),
}


def _literals(definitions: str) -> tuple[list[str], list[float]]:
    """Take the strings and the numbers out of definitions."""
    strings = [each.replace("''", "'") for each in re.findall(r"'((?:[^']|'')*)'", definitions)]
    # a list may stand in one string: '{a,b}'::text[]
    strings += [item.strip('" ') for each in strings if re.fullmatch(r"\{.*\}", each) for item in each[1:-1].split(",")]
    bare = re.sub(r"'(?:[^']|'')*'", " ", definitions)
    numbers = [float(each) for each in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])", bare)]
    # {2,5} of a regular expression
    numbers += [float(each) for string in strings for each in re.findall(r"\d+", string)[:8] if len(each) < _LONG]
    return list(dict.fromkeys(strings)), list(dict.fromkeys(numbers))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def _text_candidates(length: int, numbers: Sequence[float]) -> Iterator[_Values]:
    for expression in (
        f"'user' || {_I} || '@example.com'",
        f"'https://example.com/' || {_I}",
        f"'Value ' || {_I}",
        f"'value_' || {_I}",
        f"'VALUE' || {_I}",
        f"'VALUE-' || {_I}",
        f"'/value/' || {_I}",
        f"'+1555' || lpad(({_I} % 10000000)::text, 7, '0')",
        f"'#' || lpad(to_hex({_I} % 16777216), 6, '0')",
        f"'1.0.' || {_I}",
        f"'10.0.' || ({_I} / 250) % 250 || '.' || {_I} % 250",
        f"(date '2024-01-01' + ({_I} % 36500)::int)::text",
        f"md5({_I}::text)::uuid::text",
        f"md5({_I}::text)",
        f"encode(sha256({_I}::text::bytea), 'hex')",
        f"{_I}::text",
        f"'{{\"n\": ' || {_I} || '}}'",
    ):
        yield _Values(expression)
    lengths = [int(each) for each in numbers if 0 < each <= _MAX_LENGTH]
    for size in dict.fromkeys([*([length] if length else []), 8, *lengths, *(each + 1 for each in lengths), 2, 3, 1]):
        for first in "aA0":
            yield _letters(size, first)
    locale = f"chr((97 + {_I} % 26)::int) || chr((97 + ({_I} / 26) % 26)::int)"
    yield _Values(locale + f" || '-' || upper({locale})", 676)
    yield _Values("''", 1)


def _number_candidates(name: str, numbers: Sequence[float]) -> Iterator[_Values]:
    whole = name.startswith("int")
    ordered = sorted(set(numbers))
    pairs = list(itertools.pairwise(ordered))
    if len(ordered) > 2:  # noqa: PLR2004 - the widest range, which two numbers have in common with their only pair
        pairs.insert(0, (ordered[0], ordered[-1]))
    for low, high in pairs:
        if whole:
            yield _whole(low, high)
        yield _between(low, high, whole=whole)
    for each in ordered:
        number = _number(each)
        yield from (_Values(f"({number} + {_I})"), _Values(f"({number} - {_I})"), _Values(number, 1))
        yield _Values(f"({number} * {_I})")
        yield _between(0, each, whole=whole) if each > 0 else _between(each, 0, whole=whole)
    yield from (
        _Values(f"(-{_I})"),
        _between(0, 1, whole=False),
        _between(0, 9, whole=True),
        _between(0, 99, whole=True),
    )
    yield from (_Values("0", 1), _Values("1", 1), _Values(f"(2 * {_I})"), _Values(f"(2 * {_I} + 1)"))


def _whole(low: float, high: float) -> _Values:
    """Give all whole numbers from one bound to the other."""
    first, last = math.ceil(low), math.floor(high)
    return _Values(f"({first} + {_I} % {max(last - first, 0) + 1})", max(last - first, 0) + 1)


def _between(low: float, high: float, *, whole: bool) -> _Values:
    """Give values between two bounds, and stay off the bounds where there is room."""
    if not whole or high - low < 1:
        return _Values(
            f"({_number(low)} + ({_number(high)} - ({_number(low)}))::numeric * (1 + {_I} % 997) / 1000)", 997
        )
    first, last = math.ceil(low), math.floor(high)
    if last - first >= 2:  # noqa: PLR2004 - something lies strictly between
        first, last = first + 1, last - 1
    return _Values(f"({first} + {_I} % {last - first + 1})", last - first + 1)


def _number(value: float) -> str:
    return f"({int(value)})" if value == int(value) else f"({value!r})"


def _time_candidates(name: str, strings: Sequence[str]) -> Iterator[_Values]:
    dates = sorted(each for each in strings if re.match(r"\d{4}-\d\d-\d\d", each))
    pairs = list(itertools.pairwise(dates))
    if len(dates) > 2:  # noqa: PLR2004 - see _number_candidates
        pairs.insert(0, (dates[0], dates[-1]))
    for low, high in pairs:
        start, end = f"timestamptz {_literal(low)}", f"timestamptz {_literal(high)}"
        yield _Values(f"({start} + ({end} - {start}) * ((1 + {_I} % 9973) / 9975.0))", 9973)
    step = "1 day" if name == "date" else "1 minute"
    for each in dates:
        for sign in "+-":
            yield _Values(f"(timestamptz {_literal(each)} {sign} {_I} * interval '{step}')")
    yield _Values(f"(current_date + {_I}::int * interval '{step}' + interval '1 day')")
    yield _Values(f"(current_date - {_I}::int * interval '{step}')")


def _array_candidates(schema: _Schema, kind: _Type, numbers: Sequence[float], texts: str) -> Iterator[_Values]:
    values = _default_values(schema, kind.element, -1, texts)
    for size in dict.fromkeys([1, *(int(each) for each in numbers if 0 < each <= _BATCH)]):
        yield _Values(f"ARRAY[{', '.join(values.at(f'{_I} + {place}') for place in range(size))}]", values.count)
    yield _Values("'{}'", 1)


# --- one table ---


@dataclass
class _Session:
    connection: psycopg.Connection[Any]
    schema: _Schema
    rows: int
    added: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    filled: set[int] = field(default_factory=set)
    deferred: bool = False

    def one(self, query: str) -> Any:
        row = self.connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def attempt(self, query: str) -> Any:
        """Run a query that may fail; None when it did."""
        try:
            with self.connection.transaction():
                return self.one(query)
        except psycopg.Error:
            return None

    def name(self, oid: int) -> str:
        table = self.schema.tables.get(oid)
        return table.name if table else str(self.one(f"SELECT {oid}::regclass::text"))


@dataclass(frozen=True)
class _Source:
    """Rows of a parent that a foreign key picks from."""

    alias: str
    key: _ForeignKey
    query: str
    shared: Mapping[int, str]  # columns that another source has chosen, and its expression for them
    count: int
    optional: bool

    def column(self, number: int) -> str:
        return f"{self.alias}.k{self.key.columns.index(number)}"

    def join(self, index: str) -> str:
        # with a constant, the planner can hash
        conditions = [f"{self.alias}.n = ({index}) % {f'{self.alias}.c' if self.shared else self.count}"]
        conditions += [f"{self.column(number)} = {other}" for number, other in self.shared.items()]
        if self.optional:
            conditions.append(f"(g + {self.key.columns[0]}) % {_NULL_EVERY} <> 0")
        return f"LEFT JOIN ({self.query}) {self.alias} ON {' AND '.join(conditions)}"


@dataclass
class _Plan:
    """How a table's rows are made.

    Attributes:
        values: The expression of each column that is not left to its default.
        sources: The parents that are picked from.
        fixed: Columns with expressions that depend on no number, such as those of a source.
        indexes: The number that a column's or source's value is made from, where it is not the row's own.
        filters: Conditions that some rows do not meet.
        yields: The share of rows that meet them.
    """

    table: _Table
    values: dict[int, _Values] = field(default_factory=dict)
    sources: list[_Source] = field(default_factory=list)
    fixed: dict[int, str] = field(default_factory=dict)
    indexes: dict[int | str, str] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    extra: str = ""
    yields: float = 1.0

    def expression(self, number: int, values: _Values | None = None) -> str:
        column = self.table.columns[number]
        if number in self.fixed:
            return self.fixed[number]
        return f"({(values or self.values[number]).at(self.indexes.get(number, 'g'))})::{column.type_sql}"

    def rows(self, first: int, last: int, changes: Mapping[int, str] | None = None) -> str:
        """Give the query that makes the rows with these numbers."""
        parts = [
            "g AS fill_row",
            *(f"{text} AS {self.table.columns[each].quoted}" for each, text in (changes or {}).items()),
        ]
        own = sorted({*self.values, *self.fixed} - set(changes or {}))
        parts += [f"{self.sprinkled(number)} AS {self.table.columns[number].quoted}" for number in own]
        joins = " ".join(source.join(self.indexes.get(source.alias, "g")) for source in self.sources)
        return f"SELECT {', '.join(parts)} FROM generate_series({first}::int8, {last}::int8) g {self.extra} {joins}"

    def sprinkled(self, number: int) -> str:
        """Give the expression of a column, with a NULL now and then where nothing speaks against one."""
        column, text = self.table.columns[number], self.expression(number)
        constrained = number in self.table.distinct or any(number in check.columns for check in self.table.checks)
        if column.not_null or constrained or number in self.fixed or column.default is not None:
            return text
        return f"CASE WHEN (g + {number}) % {_NULL_EVERY} = 0 THEN NULL ELSE {text} END"


class _CannotFillError(Exception):
    """The table cannot be filled; the message says why."""


def _needed(schema: _Schema, only: Collection[str] | None) -> dict[int, _Table]:
    """Choose tables by name, and those that their foreign keys lead to."""
    if only is None:
        return dict(schema.tables)
    waiting = [oid for oid, table in schema.tables.items() if table.name in only]
    needed: dict[int, _Table] = {}
    while waiting:
        oid = waiting.pop()
        if oid in schema.tables and oid not in needed:
            needed[oid] = schema.tables[oid]
            waiting += [key.parent for key in needed[oid].foreign_keys]
    return needed


def _fill_all(session: _Session, waiting: dict[int, _Table]) -> None:
    while waiting:
        table = _next(session, waiting)
        if table is None:
            _fill_deferred(session, waiting)
            return
        del waiting[table.oid]
        _fill_table(session, table, ())


def _next(session: _Session, waiting: Mapping[int, _Table]) -> _Table | None:
    """Choose a table whose parents are filled; else one that can do without those that are not."""
    for every in (True, False):
        for table in waiting.values():
            if all(
                key.parent not in waiting or key.parent == table.oid or (not every and table.optional(key))
                for key in table.foreign_keys
            ):
                return table
    promising = any(key.deferrable for table in waiting.values() for key in table.foreign_keys)
    return None if promising and not session.deferred else next(iter(waiting.values()))


def _fill_deferred(session: _Session, waiting: dict[int, _Table]) -> None:
    """Fill tables that need each other: one promises the other's keys, which a deferred constraint allows."""
    before = dict(session.added)
    names = [table.name for table in waiting.values()]
    try:
        with session.connection.transaction():
            session.deferred = True
            session.connection.execute("SET CONSTRAINTS ALL DEFERRED")
            _fill_promising(session, waiting)
            session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        session.added = before | dict.fromkeys(names, 0)
        session.problems |= dict.fromkeys(names, _reason(error))
    finally:
        session.deferred = False


def _fill_promising(session: _Session, waiting: dict[int, _Table]) -> None:
    promises: dict[int, list[_ForeignKey]] = {}
    while waiting:
        table = _next(session, waiting) or next(iter(waiting.values()))
        promised = [
            key
            for key in table.foreign_keys
            if key.parent in waiting and key.parent != table.oid and key.deferrable and not table.optional(key)
        ]
        del waiting[table.oid]
        _fill_table(session, table, promised, promises.get(table.oid, []))
        for key in promised:
            kept = _ForeignKey(key.name, table.oid, key.parent_columns, key.columns, deferrable=True, unclaimed=True)
            promises.setdefault(key.parent, []).append(kept)


def _fill_table(
    session: _Session, table: _Table, promised: Sequence[_ForeignKey], kept: Sequence[_ForeignKey] = ()
) -> None:
    """Fill one table up, and note what came of it."""
    before = 0
    try:
        before = _count(session, table)
        if before < session.rows:
            with session.connection.transaction():
                session.connection.execute("SET LOCAL jit = off")
                reason = _fill_up(session, table, promised, kept, before)
            if reason:
                session.problems[table.name] = reason
    except _CannotFillError as error:
        session.problems[table.name] = str(error)
    except psycopg.OperationalError:
        if session.connection.closed:
            raise
        session.problems[table.name] = "the server gave up"
    except psycopg.Error as error:
        session.problems[table.name] = _reason(error)
    session.filled.add(table.oid)
    if before < session.rows:
        session.added[table.name] = _count(session, table) - before


def _count(session: _Session, table: _Table) -> int:
    return int(session.one(f"SELECT count(*) FROM (SELECT FROM {table.sql} LIMIT {session.rows}) t"))


def _fill_up(
    session: _Session, table: _Table, promised: Sequence[_ForeignKey], kept: Sequence[_ForeignKey], before: int
) -> str | None:
    """Insert what is missing; give the reason when something still is."""
    if table.partitioned:
        raise _CannotFillError("it has no partitions")
    own = [key for key in table.foreign_keys if key.parent == table.oid]
    others = [*kept, *(key for key in table.foreign_keys if key.parent != table.oid and key not in promised)]
    reason = None
    have = before
    if own and before < session.rows:
        first = max(1, session.rows // 8) if all(table.optional(key) for key in own) else 1
        plan = _plan(session, table, others, promised, own)
        reason = _insert(session, plan, have, have + first)
        have = _count(session, table)
    if have < session.rows:
        reason = _insert(session, _plan(session, table, [*others, *own], promised, []), have, session.rows)
        have = _count(session, table)
    _move_sequences(session, table, kept)
    return None if have >= session.rows else f"{have} of {session.rows} rows: {reason or 'no more values'}"


# --- how a table's rows are made ---


def _plan(
    session: _Session,
    table: _Table,
    keys: Sequence[_ForeignKey],
    promised: Sequence[_ForeignKey],
    roots: Sequence[_ForeignKey],
) -> _Plan:
    """Decide on the expression of each column.

    Args:
        session: The database.
        table: The table.
        keys: Foreign keys that pick a parent, wide ones first.
        promised: Foreign keys whose parents come later.
        roots: Self references that no row can satisfy yet.

    Raises:
        _CannotFillError: A column has to have a value and none was found.
    """
    plan = _Plan(table)
    absent: set[int] = set()
    for key in keys:
        _pick_parents(session, plan, key, keys, absent)
    for key in roots:
        _make_roots(plan, key, absent)
    invented = {number for key in promised for number in key.columns}
    _choose_values(session, plan, absent, invented)
    _spread(session, plan)
    _satisfy(session, plan)
    return plan


def _pick_parents(
    session: _Session, plan: _Plan, key: _ForeignKey, keys: Sequence[_ForeignKey], absent: set[int]
) -> None:
    """Let a foreign key choose existing rows, unless its columns are chosen already."""
    table = plan.table
    chosen = {number: plan.fixed[number] for number in key.columns if number in plan.fixed}
    if len(chosen) == len(key.columns):
        return
    source = _source(session, plan, key, keys, chosen)
    if source.count == 0:
        missing = [number for number in key.columns if not table.columns[number].not_null and number not in chosen]
        if not missing:
            raise _CannotFillError(f"foreign key {key.name}: {session.name(key.parent)} has no rows to refer to")
        absent.update(missing)
        return
    plan.sources.append(source)
    for number in key.columns:
        plan.fixed.setdefault(number, source.column(number))
    needed = [number for number in key.columns if table.columns[number].not_null and number not in chosen]
    if chosen and needed:
        plan.filters += [f"r.{table.columns[number].quoted} IS NOT NULL" for number in needed]


def _source(
    session: _Session, plan: _Plan, key: _ForeignKey, keys: Sequence[_ForeignKey], chosen: Mapping[int, str]
) -> _Source:
    table, parent = plan.table, f"({key.parent}::regclass)"
    parent = str(session.one(f"SELECT {parent}::text"))
    names = _names(session, key.parent, key.parent_columns)
    columns = [f"p.{name}" for name in names]
    conditions = [f"{column} IS NOT NULL" for column in columns]
    if key.unclaimed:
        same = " AND ".join(
            f"o.{table.columns[number].quoted} = {column}" for number, column in zip(key.columns, columns, strict=True)
        )
        conditions.append(f"NOT EXISTS (SELECT FROM {table.sql} o WHERE {same})")
    narrower = [other for other in keys if other != key and set(other.columns) <= set(key.columns)]
    conditions += [_also_in(session, key, other, columns) for other in narrower]
    picked = ", ".join(f"{column} AS k{place}" for place, column in enumerate(columns))
    inner = f"SELECT DISTINCT {picked} FROM {parent} p WHERE {' AND '.join(conditions)}"
    order = ", ".join(f"k{place}" for place in range(len(columns)))
    inner = f"SELECT * FROM ({inner}) d ORDER BY {order} LIMIT {_PARENTS}"
    count = int(session.one(f"SELECT count(*) FROM ({inner}) c"))
    groups = ", ".join(f"k{key.columns.index(number)}" for number in chosen)
    if groups:
        numbered = f"row_number() OVER (PARTITION BY {groups} ORDER BY {order}) - 1 AS n"
        query = f"SELECT *, {numbered}, count(*) OVER (PARTITION BY {groups}) AS c FROM ({inner}) i"
    else:
        query = f"SELECT *, row_number() OVER (ORDER BY {order}) - 1 AS n, {count}::int8 AS c FROM ({inner}) i"
    optional = not key.unclaimed and not any(
        table.columns[number].not_null
        or number in table.distinct
        or number in chosen
        or any(number in check.columns for check in table.checks)
        for number in key.columns
    )
    return _Source(f"f{len(plan.sources)}", key, query, chosen, count, optional)


def _names(session: _Session, relation: int, numbers: Iterable[int]) -> list[str]:
    """Give the quoted names of columns, of partitions too."""
    query = "SELECT attname FROM pg_attribute WHERE attrelid = {} AND attnum = {}"
    return [_quote(str(session.one(query.format(relation, number)))) for number in numbers]


def _also_in(session: _Session, key: _ForeignKey, other: _ForeignKey, columns: Sequence[str]) -> str:
    """Give the condition that a parent's key is one of another foreign key's parents as well."""
    names = _names(session, other.parent, other.parent_columns)
    same = " AND ".join(
        f"q.{name} = {columns[key.columns.index(number)]}" for name, number in zip(names, other.columns, strict=True)
    )
    return f"EXISTS (SELECT FROM {session.one(f'SELECT {other.parent}::regclass::text')} q WHERE {same})"


def _make_roots(plan: _Plan, key: _ForeignKey, absent: set[int]) -> None:
    """Let the first rows refer to nothing, or to themselves where they have to refer to something."""
    table = plan.table
    missing = [number for number in key.columns if not table.columns[number].not_null and number not in plan.fixed]
    if missing:
        absent.update(missing)
        return
    for number, target in zip(key.columns, key.parent_columns, strict=True):
        column = table.columns[target]
        if target not in plan.fixed:
            value = _own_default(table, column)
            plan.extra += f" CROSS JOIN LATERAL (SELECT ({value})::{column.type_sql} AS v, g AS of) d{target}"
            plan.fixed[target] = f"d{target}.v"
        plan.fixed[number] = plan.fixed[target]


def _own_default(table: _Table, column: _Column) -> str:
    if column.identity:
        return f"nextval(pg_get_serial_sequence({_literal(table.sql)}, {_literal(column.name)}))"
    return column.default if column.default is not None else "g"


def _choose_values(session: _Session, plan: _Plan, absent: set[int], invented: set[int]) -> None:
    """Choose the expressions of the columns that no foreign key decides."""
    table, schema = plan.table, session.schema
    partition_keys = {number for check in table.checks if check.name == _BOUNDS for number in check.columns}
    for number, column in table.columns.items():
        if column.generated or number in plan.fixed:
            continue
        if number in absent:
            plan.values[number] = _NULL
            continue
        wanted = number in invented or number in partition_keys
        in_key = any(number in key for key in table.unique)
        has_default = column.identity or column.default is not None
        if has_default and not wanted and (schema.own_values(column) or not in_key):
            continue
        plan.values[number] = _chosen(session, plan, column)


def _chosen(session: _Session, plan: _Plan, column: _Column) -> _Values:
    """Choose the expression of a column by its own checks alone."""
    checks = _own_checks(session.schema, plan.table, column)
    if not checks:
        return _supported(session, plan, column)
    best, share = _best(session, plan.table, column, checks)
    if best is None:
        if column.not_null:
            raise _CannotFillError(f"no value found for column {column.name} under {_names_of(plan.table, column)}")
        return _NULL
    if share < 1:
        plan.filters += [f"({check.expression}) IS NOT FALSE" for check in _table_checks(plan.table, column)]
        plan.yields *= share
    return best


def _best(session: _Session, table: _Table, column: _Column, checks: Sequence[str]) -> tuple[_Values | None, float]:
    """Give the expression that most rows can have, and the share of numbers for which it passes."""
    if column.number not in table.distinct:
        first = next(_passing(session, table, column, checks, full=True), None)
        if first is not None:
            return first

    def worth(found: tuple[_Values, float]) -> tuple[float, float]:
        values, share = found
        room = min(values.count * share or math.inf, session.rows)
        return (room if column.number in table.distinct else 0), share

    return max(_passing(session, table, column, checks, full=False), key=worth, default=(None, 0.0))


def _supported(session: _Session, plan: _Plan, column: _Column) -> _Values:
    """Give the type's values, or NULL where the server cannot make any."""
    values = _default_values(session.schema, column.type, column.modifier, plan.table.texts)
    kind, _ = session.schema.base(column.type)
    known = kind.kind != "b" or kind.name in _KNOWN or (kind.category == "A" and kind.element > 0)
    if values != _NULL and (known or session.attempt(_probe(values, column.type_sql)) is not None):
        return values
    for text in ("", "1", "a", "0", "{}", "[]", "()"):
        constant = _Values(f"{_literal(text)}::{column.type_sql}", 1)
        if values != _NULL and session.attempt(_probe(constant, column.type_sql)) is not None:
            return constant
    if column.not_null:
        raise _CannotFillError(f"no value is known for column {column.name} of type {column.type_sql}")
    return _NULL


def _probe(values: _Values, type_sql: str) -> str:
    return f"SELECT (({values.at('g')})::{type_sql}) IS NOT NULL FROM generate_series(1, 2) g"


def _table_checks(table: _Table, column: _Column) -> list[_Check]:
    return [check for check in table.checks if check.columns == (column.number,)]


def _own_checks(schema: _Schema, table: _Table, column: _Column) -> list[str]:
    """Give the conditions on one column, those of its domain included, which say VALUE."""
    kind, _ = schema.base(column.type)
    inner = schema.domain_checks(kind.element) if kind.element else ()
    return [
        *(check.expression for check in _table_checks(table, column)),
        *schema.domain_checks(column.type),
        # an array of a domain: its elements are looked at one by one
        *(f"NOT EXISTS (SELECT FROM unnest(value) e(value) WHERE NOT ({check}))" for check in inner),
    ]


def _names_of(table: _Table, column: _Column) -> str:
    names = [check.name for check in _table_checks(table, column)]
    return f"check {', '.join(names)}" if names else f"the checks of type {column.type_sql}"


def _passing(
    session: _Session, table: _Table, column: _Column, checks: Sequence[str], *, full: bool
) -> Iterator[tuple[_Values, float]]:
    """Give the expressions that pass a column's checks, with the share of numbers for which they do."""
    definitions = " ".join([*checks, *(check.expression for check in table.checks if column.number in check.columns)])
    kind, modifier = session.schema.base(column.type, column.modifier)
    base_sql = kind.sql if modifier == -1 else str(session.one(f"SELECT format_type({kind.oid}, {modifier})"))
    if kind.category == "A" and kind.element:
        base_sql = session.schema.base(kind.element)[0].sql + "[]"
    pool = _passing_literals(session, column, base_sql, checks, definitions)
    made = list(_candidates(session.schema, column, definitions, table.texts))
    several = [] if pool is None else [pool]
    # a list of words is what the column may hold; a list of numbers rather the bounds of it
    ranges = kind.name in _NUMBERS | _TIMES
    bounded = any(check.name == _BOUNDS and column.number in check.columns for check in table.checks)
    first = 0 if bounded else len(made) if ranges else 1
    for values in [*made[:first], *several, *made[first:]]:
        share = _share(session, column, base_sql, checks, values)
        if share == 1 if full else share > 0:
            yield values, share


def _conditions(checks: Iterable[str]) -> str:
    return " AND ".join(f"({check}) IS NOT FALSE" for check in checks) or "true"


def _aliases(column: _Column) -> list[str]:
    return list(dict.fromkeys([column.quoted, '"value"']))


def _share(session: _Session, column: _Column, base_sql: str, checks: Sequence[str], values: _Values) -> float:
    made = ", ".join(f"v AS {alias}" for alias in _aliases(column))
    rows = f"SELECT ({values.at('g * 13')})::{base_sql} AS v FROM generate_series(1, {_SAMPLE}) g"
    rows += f" UNION ALL SELECT ({values.at('g')})::{base_sql} FROM generate_series(1, {_SAMPLE}) g"
    query = f"SELECT avg(({_conditions(checks)})::int)::float8 FROM (SELECT {made} FROM ({rows}) s) r"
    return float(session.attempt(query) or 0)


def _passing_literals(
    session: _Session, column: _Column, base_sql: str, checks: Sequence[str], definitions: str
) -> _Values | None:
    """Make a pool of the literals that stand in the definitions and pass them."""
    strings, numbers = _literals(definitions)
    # another word, for a default partition
    texts = [*(each for each in strings if "::" not in each), "value"] + [_number(each).strip("()") for each in numbers]
    if len(texts) == 1:
        return None
    made = ", ".join(f"v::{base_sql} AS {alias}" for alias in _aliases(column))
    # pg_input_is_valid (Postgres 16) keeps literals of another type out
    listed = ", ".join(f"({place}, {_literal(each)})" for place, each in enumerate(dict.fromkeys(texts)))
    valid = f"SELECT o, v FROM (VALUES {listed}) l(o, v) WHERE pg_input_is_valid(v, {_literal(base_sql)}) OFFSET 0"
    query = (
        f"SELECT array_agg(v ORDER BY o) FROM (SELECT o, v, {made} FROM ({valid}) i OFFSET 0) r"
        f" WHERE {_conditions(checks)}"
    )
    found = session.attempt(query)
    return _pool(found, base_sql) if found else None


def _spread(session: _Session, plan: _Plan) -> None:
    """Number the values of composite unique keys so that their combinations differ for as long as possible."""
    table = plan.table
    groups = [*table.unique, *(check.columns for check in table.checks if len(check.columns) > 1)]
    for key in groups:
        parts = _parts(plan, key)
        counts = {part: count for part, (_, count) in parts.items()}
        left_out = [n for n in key if n not in plan.values and n not in plan.fixed]
        own = any(session.schema.own_values(table.columns[number]) for number in left_out)
        if (
            own
            or len(parts) < 2  # noqa: PLR2004 - a single part needs no partner
            or any(count == 0 or (count >= session.rows and part not in plan.indexes) for part, count in counts.items())
        ):
            continue
        _number_parts(plan, sorted(counts.items(), key=lambda item: -item[1]))


def _parts(plan: _Plan, key: Sequence[int]) -> dict[int | str, tuple[int, int]]:
    """Give the columns and sources that decide on the columns of a key, with their numbers of values."""
    parts: dict[int | str, tuple[int, int]] = {}
    for number in key:
        source = next((each for each in plan.sources if number in each.key.columns), None)
        if number in plan.values:
            parts[number] = (number, plan.values[number].count)
        elif source is not None:
            parts[source.alias] = (number, source.count)
    return parts


def _number_parts(plan: _Plan, parts: Sequence[tuple[int | str, int]]) -> None:
    """Count like a clock: a part moves on when those before it have been through, and is shifted by them."""
    before, product = "g", 1
    for place, (part, count) in enumerate(parts):
        index = "g" if place == 0 else f"g / {product} + {before}"
        plan.indexes.setdefault(part, index)
        before = f"({plan.indexes[part]}) % {count}" if place == 0 else f"{before} + ({plan.indexes[part]}) % {count}"
        product *= count


# --- checks on several columns ---


def _satisfy(session: _Session, plan: _Plan) -> None:
    """Change the choice of values until the checks on several columns pass, as far as that can be found."""
    table = plan.table
    several = [check for check in table.checks if len(check.columns) != 1 or check.columns[0] not in plan.values]
    settled: list[_Check] = []
    for check in several:
        settled.append(check)
        if _share_of_rows(session, plan, settled, {}) < 1:
            share = _search(session, plan, settled, check)
            if share == 0:
                raise _CannotFillError(f"no values found that pass check {check.name}")
    share = _share_of_rows(session, plan, settled, {}) if settled else 1.0
    if share < 1:
        plan.filters += [f"({check.expression}) IS NOT FALSE" for check in several]
        plan.yields = min(plan.yields, share)


def _share_of_rows(
    session: _Session, plan: _Plan, checks: Sequence[_Check], changes: Mapping[int, _Values | str]
) -> float:
    table = plan.table
    texts = {
        number: value if isinstance(value, str) else plan.expression(number, value) for number, value in changes.items()
    }
    names = {number for check in checks for number in check.columns}
    for number in names - set(texts) - set(plan.values) - set(plan.fixed):
        texts[number] = _seen_default(session, table.columns[number])
    rows = plan.rows(1, 4 * _SAMPLE, texts)
    query = f"SELECT avg(({_conditions(check.expression for check in checks)})::int)::float8 FROM ({rows}) r"
    return float(session.attempt(query) or 0)


def _seen_default(session: _Session, column: _Column) -> str:
    """Give what a column that is left out will hold, without moving its sequence."""
    if column.identity or "nextval(" in (column.default or ""):
        return f"g::{column.type_sql}"
    if column.generated:
        # computed by Postgres from the other columns, so any value of the type stands for it
        values = _default_values(session.schema, column.type, column.modifier, "")
        return f"({values.at('g')})::{column.type_sql}"
    return f"({column.default or 'NULL'})::{column.type_sql}"


def _search(session: _Session, plan: _Plan, checks: Sequence[_Check], check: _Check) -> float:
    """Try combinations of values for the columns of a check; keep the best and give its share."""
    table = plan.table
    free = [table.columns[n] for n in check.columns if n not in plan.fixed and not table.columns[n].generated]
    options = [_options(session, plan, check, column) for column in free]
    best: tuple[float, Mapping[int, _Values | str]] = (_share_of_rows(session, plan, checks, {}), {})
    combinations = sorted(
        itertools.islice(itertools.product(*(range(len(each)) for each in options)), 20 * _COMBINATIONS), key=sum
    )
    for combination in combinations[:_COMBINATIONS]:
        changes = {
            column.number: options[place][choice]
            for place, (column, choice) in enumerate(zip(free, combination, strict=True))
        }
        share = _share_of_rows(session, plan, checks, changes)
        if share > best[0]:
            best = (share, changes)
        if share == 1:
            break
    for number, value in best[1].items():
        if isinstance(value, str):
            plan.values.pop(number, None)
            plan.fixed[number] = value
        else:
            plan.values[number] = value
    return best[0]


def _options(session: _Session, plan: _Plan, check: _Check, column: _Column) -> list[_Values | str]:
    """Give what a column under a check on several columns may hold: its values, others, or another column's."""
    options: list[_Values | str] = []
    if column.number in plan.values:
        options.append(plan.values[column.number])
    elif column.default is not None or column.identity:
        options.append(_seen_default(session, column))
    for number in check.columns:
        other = plan.table.columns[number]
        if number != column.number and number in plan.values and other.type == column.type:
            options += _after(session, plan, column, number)
    own = _own_checks(session.schema, plan.table, column)
    if not column.not_null:
        options.append(_NULL)
    for values, _ in itertools.islice(_passing(session, plan.table, column, own, full=True), 10):
        if values not in options:
            options.append(values)
    return options


def _after(session: _Session, plan: _Plan, column: _Column, number: int) -> list[_Values | str]:
    """Give another column's value, and a greater and a smaller one."""
    kind, _ = session.schema.base(column.type)
    other = plan.expression(number)
    step = "1" if kind.name in _NUMBERS - {"money"} or kind.name == "date" else "interval '1 day'"
    if kind.name in _NUMBERS | _TIMES | {"interval"} and kind.name != "money":
        return [f"({other} + {step})::{column.type_sql}", f"({other} - {step})::{column.type_sql}", other]
    return [other]


# --- inserting ---


def _insert(session: _Session, plan: _Plan, have: int, want: int) -> str | None:
    """Insert rows until there are so many: all at once, in batches, one by one, whichever works first."""
    full, want = want, int(min(want, _room(plan)))
    if want <= have:
        return _NO_ROOM
    reason = None
    size = 1 if plan.yields == 1 else min(50, math.ceil(1.2 / plan.yields))
    first = have + 1
    for _ in range(4):
        missing = want - have
        last = first + missing * size - 1
        inserted, reason = _insert_somehow(session, plan, first, last, missing)
        have, first = have + inserted, last + 1
        if have >= want:
            return None if want == full else _NO_ROOM
        if inserted == 0 or reason is not None:
            break
    return reason or _NO_ROOM


def _room(plan: _Plan) -> float:
    """Give the rows that a table has room for, where the server cannot pass over those that are too many."""
    keys = [plan.values[key[0]].count for key in plan.table.unique if len(key) == 1 and key[0] in plan.values]
    return math.inf if plan.table.arbitrable else min((count for count in keys if count), default=math.inf)


def _insert_somehow(session: _Session, plan: _Plan, first: int, last: int, limit: int) -> tuple[int, str | None]:
    inserted, reason = _try_insert(session, plan, first, last, limit)
    if reason is None:
        return inserted, None
    if plan.table.triggers:
        with _triggers_off(session, plan.table) as switched:
            inserted, without = _try_insert(session, plan, first, last, limit) if switched else (0, reason)
        if without is None:
            return inserted, None
    if reason.startswith(_WRONG):
        return 0, reason
    total = _insert_pieces(session, plan, first, last, limit, size=_BATCH)
    if total == 0:
        total = _insert_pieces(session, plan, first, min(last, first + _SINGLES - 1), limit, size=1)
    return total, reason


def _insert_pieces(session: _Session, plan: _Plan, first: int, last: int, limit: int, *, size: int) -> int:
    total = 0
    for start in range(first, last + 1, size):
        if total >= limit:
            break
        total += _try_insert(session, plan, start, min(start + size - 1, last), limit - total)[0]
    return total


def _try_insert(session: _Session, plan: _Plan, first: int, last: int, limit: int) -> tuple[int, str | None]:
    try:
        with session.connection.transaction():
            count = session.connection.execute(_statement(plan, first, last, limit).encode()).rowcount
            if not session.deferred:
                # what waits for the commit shall fail here
                session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            return max(count, 0), None
    except psycopg.Error as error:
        if session.connection.closed:
            raise
        wrong = (error.sqlstate or "").startswith("42") and not plan.table.triggers
        return 0, (_WRONG if wrong else "") + _reason(error)


def _statement(plan: _Plan, first: int, last: int, limit: int) -> str:
    table = plan.table
    numbers = sorted({*plan.values, *plan.fixed})
    conflict = "ON CONFLICT DO NOTHING" if table.arbitrable else ""
    if not numbers:
        # every column has a default; a SELECT without columns makes rows too
        return f"INSERT INTO {table.sql} SELECT FROM generate_series(1, {limit}) {conflict}"
    names = ", ".join(table.columns[number].quoted for number in numbers)
    picked = ", ".join(f"r.{table.columns[number].quoted}" for number in numbers)
    where = f"WHERE {' AND '.join(plan.filters)}" if plan.filters else ""
    return (
        f"INSERT INTO {table.sql} ({names}) OVERRIDING SYSTEM VALUE SELECT {picked}"
        f" FROM ({plan.rows(first, last)} OFFSET 0) r {where} ORDER BY r.fill_row LIMIT {limit} {conflict}"
    )


@contextmanager
def _triggers_off(session: _Session, table: _Table) -> Iterator[bool]:
    """Switch user triggers off meanwhile, and each back on as it was; False when that is refused."""
    modes = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
    try:
        with session.connection.transaction():
            for name, _ in table.triggers:
                session.connection.execute(f"ALTER TABLE {table.sql} DISABLE TRIGGER {_quote(name)}".encode())
    except psycopg.Error:
        yield False
        return
    yield True
    for name, mode in table.triggers:
        session.connection.execute(f"ALTER TABLE {table.sql} {modes[mode]} TRIGGER {_quote(name)}".encode())


def _move_sequences(session: _Session, table: _Table, kept: Sequence[_ForeignKey]) -> None:
    """Move sequences past the keys that were given instead of drawn."""
    for number in {number for key in kept for number in key.columns}:
        column = table.columns[number]
        if column.identity or "nextval(" in (column.default or ""):
            sequence = f"pg_get_serial_sequence({_literal(table.sql)}, {_literal(column.name)})"
            session.attempt(f"SELECT setval({sequence}, max({column.quoted})) FROM {table.sql}")


def _reason(error: psycopg.Error) -> str:
    """Give the server's message in one line."""
    return error.diag.message_primary or str(error).partition("\n")[0] or type(error).__name__


def _analyze(session: _Session) -> None:
    """Let the planner know the new rows."""
    names = [table.sql for table in session.schema.tables.values() if session.added.get(table.name)]
    if names:
        session.connection.execute(f"ANALYZE {', '.join(names)}".encode())
