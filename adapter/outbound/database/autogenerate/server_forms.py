"""What the server makes of the model: the catalog of a temporary copy of a table, beside that of the table itself.

Postgres rewrites what it is given: `status IN ('a')` becomes `status = ANY (ARRAY['a'::text])`. Two texts that differ
may mean the same, and two that look the same after stripping casts may not. So the model's table is created as an
empty temporary table inside a savepoint, its catalog is read, and the savepoint is rolled back. No lock is taken on
the user's tables, and nothing is left behind.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any
from weakref import WeakKeyDictionary

from alembic.autogenerate.api import AutogenContext
from alembic.util.sqla_compat import _get_constraint_final_name
from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Connection,
    Constraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, ExecutableDDLElement
from sqlalchemy.sql.compiler import DDLCompiler

from adapter.outbound.database.autogenerate.operations import literal_text

log = logging.getLogger(f"alembic.{__name__}")


@dataclass(frozen=True)
class IndexForm:
    """An index as the catalog `pg_index` has it (manual, "System Catalogs"); equal forms are equal indexes."""

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
        """Say what differs: `opclasses public.vector_cosine_ops to public.vector_l2_ops`."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return [f"{name} {_say(before)} to {_say(after)}" for name, before, after in pairs if before != after]


@dataclass(frozen=True)
class ColumnForm:
    """What a column has beyond its type.

    Attributes:
        type: The type as SQL writes it.
        expression: The default or the generation expression.
        generated: "s" for stored, "v" for virtual, empty for a plain column.
        identity: "a" for always, "d" for by default, empty for none.
        collation: The collation when it is not the type's own.
    """

    type: str
    expression: str | None
    generated: str
    identity: str
    collation: str | None


@dataclass(frozen=True)
class TableForm:
    """A table as the server describes it.

    Attributes:
        columns: By name.
        indexes: By name, without those of constraints.
        index_definitions: What follows the table's name in CREATE INDEX, by the index's name.
        invalid_indexes: Names of indexes that a failed concurrent build left behind.
        constraints: Kind (`pg_constraint.contype`) and definition without NOT VALID, by name; no not-null constraints.
        not_valid: Names of CHECKs and foreign keys that old rows have not been held against.
    """

    columns: Mapping[str, ColumnForm]
    indexes: Mapping[str, IndexForm]
    index_definitions: Mapping[str, str]
    invalid_indexes: frozenset[str]
    constraints: Mapping[str, tuple[str, str]]
    not_valid: frozenset[str]


@dataclass(frozen=True)
class TablePair:
    """A table of the database and what the server makes of its model.

    Attributes:
        database: The table as it is.
        model: The model; None when the server refuses to create its columns, so that nothing can be compared.
        same: Names of indexes and CHECKs that read differently but mean the same: both texts, created anew on the
            model's columns, read alike. What a type change or a restored dump leaves is of this sort.
        refused: Indexes and constraints of the model that the server refuses, with its words.
    """

    database: TableForm
    model: TableForm | None
    same: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)


_pairs: WeakKeyDictionary[AutogenContext, dict[str, TablePair]] = WeakKeyDictionary()


def table_pair(context: AutogenContext, table: Table) -> TablePair:
    """Read a table and its model, once per autogenerate run.

    Args:
        context: The run.
        table: The model's table, which the database has too.
    """
    connection = context.connection
    if connection is None:
        raise TypeError("autogenerate without a connection cannot ask the server")
    pairs = _pairs.setdefault(context, {})
    if table.key not in pairs:
        pairs[table.key] = _read_pair(connection, table)
    return pairs[table.key]


def _read_pair(connection: Connection, table: Table) -> TablePair:
    database = _read(connection, connection.dialect.identifier_preparer.format_table(table))
    refused: dict[str, str] = {}
    with _rolled_back(connection):
        if not _create_columns(connection, table, refused):
            log.warning("Cannot compare table %r in depth: %s", table.name, refused[table.name])
            return TablePair(database, None, refused=refused)
        for item in _constraints_and_indexes(connection, table):
            _attempt(connection, item.element, item.name, refused)
        shadow = _shadow_name(connection, table)
        model = _read(connection, shadow)
        same = _same(connection, shadow, database, model)
    for name, reason in refused.items():
        log.warning("The server refuses %r of table %r: %s", name, table.name, reason)
    return TablePair(database, model, same, refused)


@contextmanager
def _rolled_back(connection: Connection) -> Iterator[None]:
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def _attempt(connection: Connection, statement: Any, name: str, refused: dict[str, str]) -> bool:
    savepoint = connection.begin_nested()
    try:
        connection.execute(statement)
    except DBAPIError as error:
        savepoint.rollback()
        refused[name] = str(error.orig).splitlines()[0]
        return False
    savepoint.commit()
    return True


def _create_columns(connection: Connection, table: Table, refused: dict[str, str]) -> bool:
    """Create the temporary table; where it names an enum that is not there yet, or has new values, with that enum."""
    enums = _enums(table)
    if _has_the_enums(connection, enums) and _attempt(connection, _ShadowTable(table), table.name, refused):
        return True
    quote = connection.dialect.identifier_preparer.quote
    for enum in enums:
        if enum.schema is None:
            values = ", ".join("'" + value.replace("'", "''") + "'" for value in enum.enums)
            # Data types, unlike functions, are looked up in pg_temp first (manual, search_path).
            statement = f"CREATE TYPE pg_temp.{quote(str(enum.name))} AS ENUM ({values})"
            _attempt(connection, text(literal_text(statement)), str(enum.name), {})
    refused.pop(table.name, None)
    return _attempt(connection, _ShadowTable(table), table.name, refused)


def _enums(table: Table) -> list[Enum]:
    types = (each.type.item_type if isinstance(each.type, ARRAY) else each.type for each in table.columns)
    return [each for each in types if isinstance(each, Enum) and each.native_enum and each.name]


def _has_the_enums(connection: Connection, enums: list[Enum]) -> bool:
    wanted = {(enum.name, value) for enum in enums for value in enum.enums}
    if not wanted:
        return True
    found = connection.execute(
        text("SELECT t.typname, e.enumlabel FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid")
    )
    return wanted <= {(name, value) for name, value in found}


@dataclass(frozen=True)
class _Item:
    name: str
    element: ExecutableDDLElement


def _constraints_and_indexes(connection: Connection, table: Table) -> Iterator[_Item]:
    dialect = connection.dialect
    # An element is only needed to compile it, not to ask its compiler.
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]
    for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
        # A temporary table cannot refer to a permanent one.
        if isinstance(constraint, ForeignKeyConstraint) or not _is_created(constraint, compiler):
            continue
        name = _get_constraint_final_name(constraint, dialect)
        yield _Item(name or str(constraint), _ShadowConstraint(table, constraint))
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        yield _Item(str(_get_constraint_final_name(index, dialect)), _ShadowIndex(table, index))


def _is_created(constraint: Constraint, compiler: DDLCompiler) -> bool:
    if isinstance(constraint, PrimaryKeyConstraint):
        return bool(constraint.columns)
    rule = constraint._create_rule  # noqa: SLF001  # how SQLAlchemy says that a type brings its own CHECK
    return rule is None or bool(rule(compiler))


def _same(connection: Connection, shadow: str, database: TableForm, model: TableForm) -> frozenset[str]:
    """Find what differs only in how it is written, by creating both definitions anew on the model's columns."""
    pairs = [
        (name, f"CREATE {unique}INDEX {{}} ON {shadow} {database.index_definitions[name]}", rewritten)
        for name, form in model.indexes.items()
        if database.indexes.get(name, form) != form
        for unique in ["UNIQUE " if form.unique else ""]
        for rewritten in [f"CREATE {unique}INDEX {{}} ON {shadow} {model.index_definitions[name]}"]
    ]
    add = f"ALTER TABLE {shadow} ADD CONSTRAINT {{}} "
    pairs += [
        (name, add + database.constraints[name][1], add + definition)
        for name, (kind, definition) in model.constraints.items()
        if kind == "c" and database.constraints.get(name, (kind, definition)) != (kind, definition)
    ]
    if not pairs:
        return frozenset()
    for number, (_, *statements) in enumerate(pairs):
        for side, statement in enumerate(statements):
            made = f"_{side}_{number}"
            # Braces of the definitions are no placeholders.
            _attempt(connection, text(literal_text(statement.replace("{}", made, 1))), made, {})
    form = _read(connection, shadow)
    made_anew: dict[str, object] = {**form.indexes, **form.constraints}
    return frozenset(
        name
        for number, (name, *_) in enumerate(pairs)
        if f"_0_{number}" in made_anew and made_anew[f"_0_{number}"] == made_anew.get(f"_1_{number}")
    )


def _shadow_name(connection: Connection, table: Table) -> str:
    return f"pg_temp.{connection.dialect.identifier_preparer.quote(table.name)}"


class _ShadowTable(ExecutableDDLElement):
    """CREATE TEMPORARY TABLE with the model's columns and nothing else."""

    def __init__(self, table: Table) -> None:
        self.table = table


class _ShadowConstraint(ExecutableDDLElement):
    """One constraint of the model, on its temporary table."""

    def __init__(self, table: Table, constraint: Constraint) -> None:
        self.table = table
        self.constraint = constraint


class _ShadowIndex(ExecutableDDLElement):
    """One index of the model, on its temporary table."""

    def __init__(self, table: Table, index: Index) -> None:
        self.table = table
        self.index = index


@compiles(_ShadowTable)
def _compile_table(element: _ShadowTable, compiler: DDLCompiler, **_: Any) -> str:
    columns = ", ".join(
        compiler.get_column_specification(column) + _column_checks(column, compiler) for column in element.table.columns
    )
    return f"CREATE TEMPORARY TABLE {compiler.preparer.quote(element.table.name)} ({columns})"


def _column_checks(column: Any, compiler: DDLCompiler) -> str:
    checks = (each for each in column.constraints if isinstance(each, CheckConstraint))
    return "".join(" " + compiler.process(check) for check in checks)


@compiles(_ShadowConstraint)
def _compile_constraint(element: _ShadowConstraint, compiler: DDLCompiler, **_: Any) -> str:
    table = compiler.preparer.quote(element.table.name)
    return f"ALTER TABLE pg_temp.{table} ADD {compiler.process(element.constraint)}"


@compiles(_ShadowIndex)
def _compile_index(element: _ShadowIndex, compiler: DDLCompiler, **_: Any) -> str:
    sql: str = compiler.process(CreateIndex(element.index))
    full, quoted = compiler.preparer.format_table(element.table), compiler.preparer.quote(element.table.name)
    # The temporary table is empty and nobody's: CONCURRENTLY would only be refused.
    sql = re.sub(r"^(\s*CREATE (?:UNIQUE )?INDEX) CONCURRENTLY", r"\1", sql)
    return sql.replace(f" ON {full} ", f" ON pg_temp.{quoted} ", 1)


def _read(connection: Connection, name: str) -> TableForm:
    relation = connection.scalar(text("SELECT CAST(to_regclass(:name) AS oid)"), {"name": name})
    bound = {"relation": relation}
    columns = {
        row.name: ColumnForm(row.type, row.expression, row.generated, row.identity, row.collation)
        for row in connection.execute(text(_COLUMNS), bound)
    }
    indexes, definitions, invalid = {}, {}, set()
    for row in connection.execute(text(_INDEXES), bound):
        values = {field.name: getattr(row, field.name) for field in fields(IndexForm)}
        indexes[row.name] = IndexForm(**{key: _tuple(value) for key, value in values.items()})
        definitions[row.name] = row.definition
        if not row.valid:
            invalid.add(row.name)
    constraints, not_valid = {}, set()
    for row in connection.execute(text(_CONSTRAINTS), bound):
        constraints[row.name] = (row.kind, row.definition.removesuffix(" NOT VALID"))
        if not row.valid:
            not_valid.add(row.name)
    return TableForm(columns, indexes, definitions, frozenset(invalid), constraints, frozenset(not_valid))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _say(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


_COLUMNS = """
SELECT CAST(a.attname AS text) AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       pg_get_expr(d.adbin, d.adrelid) AS expression,
       CAST(a.attgenerated AS text) AS generated,
       CAST(a.attidentity AS text) AS identity,
       CASE WHEN a.attcollation <> t.typcollation
            THEN CAST(CAST(a.attcollation AS regcollation) AS text) END AS collation
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = :relation AND a.attnum > 0 AND NOT a.attisdropped
"""

# pg_get_indexdef puts the schema before the table's name, whatever the search path.
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

# Not-null constraints are rows of their own since Postgres 18; the column says it too.
_CONSTRAINTS = """
SELECT CAST(conname AS text) AS name, CAST(contype AS text) AS kind, pg_get_constraintdef(oid) AS definition,
       convalidated AS valid
  FROM pg_catalog.pg_constraint
 WHERE conrelid = :relation AND contype IN ('c', 'p', 'u', 'x', 'f')
"""
