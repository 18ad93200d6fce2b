"""The model as the server stores it: the catalog of a temporary copy of a table, beside that of the table itself.

Postgres rewrites expressions: `status IN ('a')` becomes `status = ANY (ARRAY['a'::text])`. Two texts that differ may
mean the same, and two texts that are equal after stripping casts may not. So the model's table is created as an empty
temporary table inside a savepoint, its catalog is read, and the savepoint is rolled back. The user's tables are not
locked, and nothing is left behind.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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

from adapter.outbound.database.autogenerate.catalog_forms import TableForm, read_table
from adapter.outbound.database.autogenerate.expressions import PREPARER, literal_text

log = logging.getLogger(f"alembic.{__name__}")


@dataclass(frozen=True)
class TablePair:
    """A table of the database and its model, both as the server describes them.

    Attributes:
        database: The table in the database.
        model: The temporary copy of the model; None if the server refuses its columns, so that nothing can be compared.
        same: Names of indexes and CHECKs whose texts differ and whose meaning is the same: created anew on the model's
            columns, both have the same text. Type changes and restored dumps leave such differences.
        refused: The server's reason by the name of the index or constraint that it refuses.
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
    database = read_table(connection, PREPARER.format_table(table))
    refused: dict[str, str] = {}
    with rolled_back(connection):
        if not _create_columns(connection, table, refused):
            log.warning("Cannot compare table %r in depth: %s", table.name, refused[table.name])
            return TablePair(database, None, refused=refused)
        for item in _constraints_and_indexes(connection, table):
            _attempt(connection, item.element, item.name, refused)
        shadow = _shadow_name(table)
        model = read_table(connection, shadow)
        same = _same(connection, shadow, database, model)
    for name, reason in refused.items():
        log.warning("The server refuses %r of table %r: %s", name, table.name, reason)
    return TablePair(database, model, same, refused)


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """Run the block inside a savepoint that is rolled back at its end."""
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def shadow_of(connection: Connection, table: Table) -> bool:
    """Create the temporary copy of a model's table inside `rolled_back`, and return whether the server accepted it."""
    return _create_columns(connection, table, {})


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
    """Create the temporary table, with those enums that the database lacks or that have new values."""
    enums = _enums(table)
    if _has_the_enums(connection, enums) and _attempt(connection, _ShadowTable(table), table.name, refused):
        return True
    quote = PREPARER.quote
    for enum in enums:
        if enum.schema is None:
            values = ", ".join("'" + value.replace("'", "''") + "'" for value in enum.enums)
            # Data types, unlike functions, are looked up in pg_temp first (manual, search_path).
            statement = f"CREATE TYPE pg_temp.{quote(str(enum.name))} AS ENUM ({values})"
            _attempt(connection, text(literal_text(statement)), str(enum.name), {})
    refused.pop(table.name, None)
    return _attempt(connection, _ShadowTable(table), table.name, refused)


def _enums(table: Table) -> list[Enum]:
    types = (column.type.item_type if isinstance(column.type, ARRAY) else column.type for column in table.columns)
    return [type_ for type_ in types if isinstance(type_, Enum) and type_.native_enum and type_.name]


def _has_the_enums(connection: Connection, enums: list[Enum]) -> bool:
    model_values = {(enum.name, value) for enum in enums for value in enum.enums}
    if not model_values:
        return True
    rows = connection.execute(
        text("SELECT t.typname, e.enumlabel FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid")
    )
    return model_values <= {(name, value) for name, value in rows}


@dataclass(frozen=True)
class _Item:
    """A constraint or index of the model, with the element that creates it."""

    name: str
    element: ExecutableDDLElement


def _constraints_and_indexes(connection: Connection, table: Table) -> Iterator[_Item]:
    dialect = connection.dialect
    # The compiler needs a statement only to compile it, not to answer questions.
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]
    for constraint in sorted(table.constraints, key=lambda item: str(item.name)):
        # A temporary table cannot reference a permanent one.
        if isinstance(constraint, ForeignKeyConstraint) or not _is_created(constraint, compiler):
            continue
        name = _get_constraint_final_name(constraint, dialect)
        yield _Item(name or str(constraint), _ShadowConstraint(table, constraint))
    for index in sorted(table.indexes, key=lambda item: str(item.name)):
        yield _Item(str(_get_constraint_final_name(index, dialect)), _ShadowIndex(table, index))


def _is_created(constraint: Constraint, compiler: DDLCompiler) -> bool:
    if isinstance(constraint, PrimaryKeyConstraint):
        return bool(constraint.columns)
    rule = constraint._create_rule  # noqa: SLF001  # SQLAlchemy sets it on the CHECK of a type
    return rule is None or bool(rule(compiler))


def _same(connection: Connection, shadow: str, database: TableForm, model: TableForm) -> frozenset[str]:
    """Return the names of indexes and CHECKs whose two definitions are equal if created on the model's columns."""
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
            temporary_name = f"_{side}_{number}"
            # The definition may contain braces itself, so only the first pair is replaced.
            _attempt(connection, text(literal_text(statement.replace("{}", temporary_name, 1))), temporary_name, {})
    form = read_table(connection, shadow)
    recreated: dict[str, object] = {**form.indexes, **form.constraints}
    return frozenset(
        name
        for number, (name, *_) in enumerate(pairs)
        if f"_0_{number}" in recreated and recreated[f"_0_{number}"] == recreated.get(f"_1_{number}")
    )


def _shadow_name(table: Table) -> str:
    return f"pg_temp.{PREPARER.quote(table.name)}"


class _ShadowTable(ExecutableDDLElement):
    """CREATE TEMPORARY TABLE with the model's columns and nothing else."""

    def __init__(self, table: Table) -> None:
        self.table = table


class _ShadowConstraint(ExecutableDDLElement):
    """ALTER TABLE that adds a constraint of the model to its temporary table."""

    def __init__(self, table: Table, constraint: Constraint) -> None:
        self.table = table
        self.constraint = constraint


class _ShadowIndex(ExecutableDDLElement):
    """CREATE INDEX for an index of the model on its temporary table."""

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
    checks = (constraint for constraint in column.constraints if isinstance(constraint, CheckConstraint))
    return "".join(" " + compiler.process(check) for check in checks)


@compiles(_ShadowConstraint)
def _compile_constraint(element: _ShadowConstraint, compiler: DDLCompiler, **_: Any) -> str:
    table = compiler.preparer.quote(element.table.name)
    return f"ALTER TABLE pg_temp.{table} ADD {compiler.process(element.constraint)}"


@compiles(_ShadowIndex)
def _compile_index(element: _ShadowIndex, compiler: DDLCompiler, **_: Any) -> str:
    sql: str = compiler.process(CreateIndex(element.index))
    permanent_name, temporary_name = (
        compiler.preparer.format_table(element.table),
        compiler.preparer.quote(element.table.name),
    )
    # Postgres refuses CONCURRENTLY inside a transaction, and the empty temporary table does not need it.
    sql = re.sub(r"^(\s*CREATE (?:UNIQUE )?INDEX) CONCURRENTLY", r"\1", sql)
    return sql.replace(f" ON {permanent_name} ", f" ON pg_temp.{temporary_name} ", 1)
