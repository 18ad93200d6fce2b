"""The catalog's description of a table as plain values: equal descriptions are equal objects."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, ForeignKeyConstraint, text


@dataclass(frozen=True)
class IndexForm:
    """An index as the catalog `pg_index` describes it (manual, "System Catalogs"); equal forms are equal indexes."""

    unique: bool
    method: str
    key_columns: int
    columns: tuple[str, ...]
    opclasses: tuple[str, ...]
    opclass_options: tuple[str, ...]
    collations: tuple[str, ...]
    sorting: tuple[int, ...]
    nulls_not_distinct: bool
    options: tuple[str, ...]
    predicate: str | None

    def differences(self, other: "IndexForm") -> list[str]:
        """Return each difference as text: `opclasses public.vector_cosine_ops to public.vector_l2_ops`."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return [f"{name} {_as_text(before)} to {_as_text(after)}" for name, before, after in pairs if before != after]


@dataclass(frozen=True)
class ColumnForm:
    """A column as the catalog describes it.

    Attributes:
        type: The type as SQL writes it, with its arguments.
        expression: The default or the generation expression.
        generated: "s" for stored, "v" for virtual, empty for a plain column.
        identity: "a" for always, "d" for by default, empty for none.
        collation: The collation if it is not the default of the type.
        sequence: The quoted name of the sequence that the column owns and its default reads; None for none.
        sequence_type: The data type of that sequence; None for none.
    """

    type: str
    expression: str | None
    generated: str
    identity: str
    collation: str | None
    sequence: str | None
    sequence_type: str | None


@dataclass(frozen=True)
class KeyForm:
    """A foreign key without its name."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]
    match: str
    on_update: str
    on_delete: str
    deferrable: bool
    deferred: bool


def key_of_model(key: ForeignKeyConstraint, default_schema: str) -> KeyForm:
    """Return the form that a model's foreign key would have in the catalog."""
    referred = key.referred_table
    return KeyForm(
        tuple(element.parent.name for element in key.elements),
        f"{referred.schema or default_schema}.{referred.name}",
        tuple(element.column.name for element in key.elements),
        "FULL" if (key.match or "").upper() == "FULL" else "SIMPLE",
        _action(key.onupdate),
        _action(key.ondelete),
        bool(key.deferrable) or (key.initially or "").upper() == "DEFERRED",
        (key.initially or "").upper() == "DEFERRED",
    )


def _action(clause: str | None) -> str:
    """Return an action as `_KEYS` writes it: `SET NULL (a, b)`."""
    action, _, columns = (clause or "NO ACTION").partition("(")
    column_names = ", ".join(column.strip().strip('"') for column in columns.rstrip(") ").split(",")) if columns else ""
    return " ".join(action.upper().split()) + (f" ({column_names})" if column_names else "")


@dataclass(frozen=True)
class TableForm:
    """A table as the server describes it.

    Attributes:
        columns: Columns by name.
        indexes: Indexes by name, without those of constraints.
        index_definitions: The text after the table's name in CREATE INDEX, by the index's name.
        invalid_indexes: Names of invalid indexes, which a failed concurrent build leaves behind.
        constraints: Kind (`pg_constraint.contype`) and definition without NOT VALID, by name; no not-null constraints.
        not_valid: Names of CHECKs and foreign keys that Postgres has not checked against old rows.
        keys: Foreign keys by name.
    """

    columns: Mapping[str, ColumnForm]
    indexes: Mapping[str, IndexForm]
    index_definitions: Mapping[str, str]
    invalid_indexes: frozenset[str]
    constraints: Mapping[str, tuple[str, str]]
    not_valid: frozenset[str]
    keys: Mapping[str, KeyForm]


def read_table(connection: Connection, name: str) -> TableForm:
    """Read the form of a table from the catalog.

    Args:
        connection: A connection to the database.
        name: The quoted name of the table, with its schema where one is needed.
    """
    table_oid = connection.scalar(text("SELECT CAST(to_regclass(:name) AS oid)"), {"name": name})
    parameters = {"relation": table_oid}
    columns = {row.name: ColumnForm(*row[1:]) for row in connection.execute(text(_COLUMNS), parameters)}
    indexes, definitions, invalid = {}, {}, set()
    for row in connection.execute(text(_INDEXES), parameters):
        values = {field.name: getattr(row, field.name) for field in fields(IndexForm)}
        indexes[row.name] = IndexForm(**{key: _tuple(value) for key, value in values.items()})
        definitions[row.name] = row.definition
        if not row.valid:
            invalid.add(row.name)
    constraints, not_valid = {}, set()
    for row in connection.execute(text(_CONSTRAINTS), parameters):
        constraints[row.name] = (row.kind, row.definition.removesuffix(" NOT VALID"))
        if not row.valid:
            not_valid.add(row.name)
    keys = {
        row.name: KeyForm(*(_tuple(value) for value in row[1:])) for row in connection.execute(text(_KEYS), parameters)
    }
    return TableForm(columns, indexes, definitions, frozenset(invalid), constraints, frozenset(not_valid), keys)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


_COLUMNS = """
SELECT CAST(a.attname AS text) AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       pg_get_expr(d.adbin, d.adrelid) AS expression,
       CAST(a.attgenerated AS text) AS generated,
       CAST(a.attidentity AS text) AS identity,
       CASE WHEN a.attcollation <> t.typcollation
            THEN CAST(CAST(a.attcollation AS regcollation) AS text) END AS collation,
       CAST(CAST(s.seqrelid AS regclass) AS text) AS sequence,
       format_type(s.seqtypid, NULL) AS sequence_type
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  -- What SERIAL makes; the sequence of an identity column depends on it in another way ('i').
  LEFT JOIN LATERAL (
        SELECT q.seqrelid, q.seqtypid
          FROM pg_catalog.pg_depend AS o
          JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = o.objid
          JOIN pg_catalog.pg_depend AS r
            ON r.classid = 'pg_attrdef'::regclass AND r.objid = d.oid AND r.refobjid = q.seqrelid
         WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
           AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype = 'a'
         LIMIT 1) AS s ON true
 WHERE a.attrelid = :relation AND a.attnum > 0 AND NOT a.attisdropped
"""

# pg_get_indexdef writes the schema before the table's name, whatever the search path is.
_INDEXES = """
SELECT CAST(c.relname AS text) AS name,
       i.indisunique AS "unique",
       CAST(m.amname AS text) AS method,
       i.indnkeyatts AS key_columns,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, CAST(k AS int), false)
               FROM generate_series(1, i.indnatts) AS k ORDER BY k) AS columns,
       ARRAY(SELECT quote_ident(n.nspname) || '.' || quote_ident(o.opcname)
               FROM unnest(CAST(i.indclass AS oid[])) WITH ORDINALITY AS u (oid, place)
               JOIN pg_catalog.pg_opclass AS o ON o.oid = u.oid
               JOIN pg_catalog.pg_namespace AS n ON n.oid = o.opcnamespace ORDER BY u.place) AS opclasses,
       ARRAY(SELECT coalesce(array_to_string(a.attoptions, ','), '')
               FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = i.indexrelid ORDER BY a.attnum) AS opclass_options,
       ARRAY(SELECT CAST(CAST(u.oid AS regcollation) AS text)
               FROM unnest(CAST(i.indcollation AS oid[])) WITH ORDINALITY AS u (oid, place)
              ORDER BY u.place) AS collations,
       CAST(i.indoption AS int2[]) AS sorting,
       coalesce(CAST(to_jsonb(i) ->> 'indnullsnotdistinct' AS boolean), false) AS nulls_not_distinct,
       ARRAY(SELECT o FROM unnest(c.reloptions) AS o ORDER BY o) AS options,
       pg_get_expr(i.indpred, i.indrelid) AS predicate,
       i.indisvalid AND i.indisready AS valid,
       substr(pg_get_indexdef(i.indexrelid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I ',
              CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname, CASE WHEN c.relkind = 'I' THEN 'ONLY ' END,
              tn.nspname, t.relname))) AS definition
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
  JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
 WHERE i.indrelid = :relation
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                    WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') AND k.conrelid = i.indrelid)
"""

# Since Postgres 18 not-null constraints have rows here. They are left out, because `pg_attribute` has them too.
_CONSTRAINTS = """
SELECT CAST(conname AS text) AS name, CAST(contype AS text) AS kind, pg_get_constraintdef(oid) AS definition,
       convalidated AS valid
  FROM pg_catalog.pg_constraint
 WHERE conrelid = :relation AND contype IN ('c', 'p', 'u', 'x', 'f')
"""

_KEYS = """
WITH action (code, words) AS (
    VALUES ('a', 'NO ACTION'), ('r', 'RESTRICT'), ('c', 'CASCADE'), ('n', 'SET NULL'), ('d', 'SET DEFAULT')
)
SELECT CAST(k.conname AS text) AS name,
       ARRAY(SELECT CAST(a.attname AS text)
               FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
              ORDER BY u.place) AS columns,
       n.nspname || '.' || r.relname AS "table",
       ARRAY(SELECT CAST(a.attname AS text)
               FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.number
              ORDER BY u.place) AS referred,
       CASE k.confmatchtype WHEN 'f' THEN 'FULL' ELSE 'SIMPLE' END AS match,
       (SELECT words FROM action WHERE code = k.confupdtype) AS on_update,
       (SELECT words FROM action WHERE code = k.confdeltype)
       || coalesce(' (' || (SELECT string_agg(CAST(a.attname AS text), ', ' ORDER BY u.place)
                              FROM jsonb_array_elements_text(CASE jsonb_typeof(to_jsonb(k) -> 'confdelsetcols')
                                   WHEN 'array' THEN to_jsonb(k) -> 'confdelsetcols' END)
                                   WITH ORDINALITY AS u (number, place)
                              JOIN pg_catalog.pg_attribute AS a
                                ON a.attrelid = k.conrelid AND a.attnum = CAST(u.number AS int2)) || ')', '')
       AS on_delete,
       k.condeferrable AS deferrable,
       k.condeferred AS deferred
  FROM pg_catalog.pg_constraint AS k
  JOIN pg_catalog.pg_class AS r ON r.oid = k.confrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
 WHERE k.conrelid = :relation AND k.contype = 'f'
"""
