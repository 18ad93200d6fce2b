"""Values of an enum type: added in place if Postgres can do it, otherwise through a new type and a cast to text.

A type is renamed and created anew if its values are removed, moved or used in the same revision. Its columns are then
cast through text. Defaults, CHECKs, partial indexes and generated columns that name a value are dropped before and
created again after. If a view or the like prevents this, no revision is written, or its downgrade refuses, with the
name of the object that prevents it.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, DropColumnOp, MigrateOperation, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from alembic_postgresql_enum.operations.add_enum_values import AddEnumValuesOp, check_can_add_values
from alembic_postgresql_enum.operations.sync_enum_values import SyncEnumValuesOp
from sqlalchemy import CheckConstraint, ClauseElement, Connection, Table, text

from adapter.outbound.database.autogenerate.column_uses import generated_columns, obstacles
from adapter.outbound.database.autogenerate.equal import metadata_tables
from adapter.outbound.database.autogenerate.expressions import DIALECT, PREPARER
from adapter.outbound.database.autogenerate.operations import SQLChange, named, qualified, sql_literal
from adapter.outbound.database.autogenerate.server_forms import table_pair
from adapter.outbound.postgres.errors import DatabaseConfigurationError

log = logging.getLogger(f"alembic.{__name__}")


@dataclass(frozen=True)
class _Use:
    """A column that has the type before and after the revision.

    Attributes:
        schema: The schema of the table; None for the default one.
        table: The name of the table.
        column: The name of the column.
        is_array: Whether the column is an array of the type.
        before: The default in the database as SQL; None for none.
        after: The default in the model as SQL; None for none.
    """

    schema: str | None
    table: str
    column: str
    is_array: bool
    before: str | None
    after: str | None


def setup(plugin: Plugin) -> None:
    """Register the step, to run when everything has been compared, including the enums of the package."""
    plugin.add_autogenerate_comparator(replace, "autogenerate", "enum_values", priority=DispatchPriority.LAST)


def replace(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Replace the operations of the package on enum values by SQL statements."""
    connection = context.connection
    if connection is None:
        return PriorityDispatchResult.CONTINUE
    changes = [operation for operation in upgrade_ops.ops if isinstance(operation, AddEnumValuesOp | SyncEnumValuesOp)]
    for change in changes:
        place = upgrade_ops.ops.index(change)
        upgrade_ops.ops[place : place + 1] = list(_statements(context, connection, upgrade_ops, change))
    return PriorityDispatchResult.CONTINUE


def _statements(
    context: AutogenContext,
    connection: Connection,
    upgrade_ops: UpgradeOps,
    change: AddEnumValuesOp | SyncEnumValuesOp,
) -> Iterator[MigrateOperation]:
    name = _qualified(connection, change.schema, change.name)
    uses = list(_uses(context, connection, upgrade_ops, name))
    dependents = [*_dependents(connection, upgrade_ops, uses), *_generated(connection, upgrade_ops, uses)]
    in_the_way = _in_the_way(connection, uses)
    old, new = list(change.old_values), list(change.new_values)
    if check_can_add_values(old, new) and not _used(context, set(new) - set(old)):
        up = list(_additions(name, old, new))
        down = _recreated(connection, change, old, [(use, use.before, use.before) for use in uses])
        if in_the_way:
            down = [_refusal(name, in_the_way)]
            log.warning("The downgrade refuses to take values of %s away: %s", name, in_the_way)
        else:
            yield from _around(dependents, downgrade_only=True)
    elif in_the_way:
        raise DatabaseConfigurationError(
            f"The values of enum {name} change, and no revision can be written for it: {in_the_way}.",
            "Write it by hand (alembic revision): drop what is in the way, change the type, create that again.",
        )
    else:
        for use in uses:
            _leave_default_to_type_change(upgrade_ops, use)
        up = _recreated(connection, change, new, [(use, use.before, use.after) for use in uses])
        down = _recreated(connection, change, old, [(use, use.after, use.before) for use in uses])
        yield from _around(dependents, downgrade_only=False)
    yield from (SQLChange("modify_enum", change.name, statement, "") for statement in up)
    yield from (SQLChange("modify_enum", change.name, "", statement) for statement in reversed(down))


def _in_the_way(connection: Connection, uses: list[_Use]) -> str:
    """Return a clause that names the objects that prevent a type change of the columns; empty if none do."""
    clauses = []
    for use in uses:
        table = _qualified(connection, use.schema, use.table)
        if dependents := obstacles(connection, table, use.column):
            clauses.append(f"{table}.{use.column} is used by {', '.join(dependents)}")
    return "; ".join(clauses)


def _refusal(name: str, in_the_way: str) -> str:
    message = (
        f"values of enum {name} cannot be taken away: {in_the_way}; drop that first, and create it again afterwards"
    )
    return f"DO $refusal$ BEGIN RAISE EXCEPTION {sql_literal(message.replace('%', '%%'))}; END $refusal$"


def _generated(connection: Connection, upgrade_ops: UpgradeOps, uses: list[_Use]) -> "Iterator[_Dependent]":
    """Return the generated columns that read columns of the enum, without those that the revision drops."""
    containers = [operation for operation in upgrade_ops.ops if isinstance(operation, ModifyTableOps)]
    dropped_columns = {
        (container.schema, container.table_name, operation.column_name)
        for container in containers
        for operation in container.ops
        if isinstance(operation, DropColumnOp)
    }
    for use in uses:
        table = _qualified(connection, use.schema, use.table)
        for generated in generated_columns(connection, table, use.column):
            if (use.schema, use.table, generated.name) not in dropped_columns:
                yield _Dependent(use, generated.name, "generated_column", generated.drop, generated.add)


def _qualified(connection: Connection, schema: str | None, name: str) -> str:
    dialect = connection.dialect
    return qualified(None if schema == dialect.default_schema_name else schema, name)


def _additions(name: str, old: list[str], new: list[str]) -> Iterator[str]:
    """Return a statement for each new value, which adds it before the old value that follows it, or at the end."""
    for place, value in enumerate(new):
        if value in old:
            continue
        following = next((later for later in new[place + 1 :] if later in old), None)
        before = f" BEFORE {sql_literal(following)}" if following is not None else ""
        yield f"ALTER TYPE {name} ADD VALUE {sql_literal(value)}{before}"


def _recreated(
    connection: Connection,
    change: AddEnumValuesOp | SyncEnumValuesOp,
    values: list[str],
    uses: list[tuple[_Use, str | None, str | None]],
) -> list[str]:
    """Return the statements that create the type anew with these values.

    Args:
        connection: A connection to the database.
        change: The operation of the package.
        values: The values of the new type, in their order.
        uses: The columns of the type, each with its default before and after the statements.
    """
    name = _qualified(connection, change.schema, change.name)
    former = _qualified(connection, change.schema, f"{change.name}__old")
    quote = PREPARER.quote
    statements = [
        f"ALTER TYPE {name} RENAME TO {quote(change.name + '__old')}",
        f"CREATE TYPE {name} AS ENUM ({', '.join(map(sql_literal, values))})",
    ]
    for use, before, after in uses:
        column, array = quote(use.column), "[]" if use.is_array else ""
        alter = f"ALTER TABLE {_qualified(connection, use.schema, use.table)} ALTER COLUMN {column}"
        statements += [f"{alter} DROP DEFAULT"] if before is not None else []
        statements.append(f"{alter} TYPE {name}{array} USING {column}::text{array}::{name}{array}")
        statements += [f"{alter} SET DEFAULT {after}"] if after is not None else []
    return [*statements, f"DROP TYPE {former}"]


def _used(context: AutogenContext, values: set[str]) -> bool:
    """Return whether the models name one of the values; Postgres refuses that in the transaction that adds it."""
    texts = [text_ for table in metadata_tables(context).values() for text_ in _texts(table)]
    return any(value in text_ for value in values for text_ in texts)


def _texts(table: Table) -> Iterator[str]:
    for column in table.columns:
        yield _written(getattr(column.server_default, "arg", getattr(column.server_default, "sqltext", "")))
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield _written(constraint.sqltext)
    for index in table.indexes:
        yield _written(index.dialect_options["postgresql"].get("where"))
        yield from (_written(expression) for expression in index.expressions)


def _written(value: Any) -> str:
    if isinstance(value, ClauseElement):
        return str(value.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
    return str(value)


def _leave_default_to_type_change(upgrade_ops: UpgradeOps, use: _Use) -> None:
    """Remove the change of a default from its own operation, because the statements of the type set the default."""
    for container, operation in _altered(upgrade_ops):
        if (operation.schema, operation.table_name, operation.column_name) == (use.schema, use.table, use.column):
            operation.modify_server_default, operation.existing_server_default = False, None
            if not operation.has_changes():
                container.ops.remove(operation)


def _altered(upgrade_ops: UpgradeOps) -> list[tuple[ModifyTableOps, AlterColumnOp]]:
    containers = [operation for operation in upgrade_ops.ops if isinstance(operation, ModifyTableOps)]
    return [
        (container, operation)
        for container in containers
        for operation in container.ops
        if isinstance(operation, AlterColumnOp)
    ]


def _uses(context: AutogenContext, connection: Connection, upgrade_ops: UpgradeOps, type_name: str) -> Iterator[_Use]:
    """Return the columns that have the type before and after the revision."""
    default_schema, tables = connection.dialect.default_schema_name, metadata_tables(context)
    retyped = {
        (operation.schema, operation.table_name, operation.column_name)
        for _, operation in _altered(upgrade_ops)
        if operation.modify_type is not None
    }
    for row in connection.execute(text(_USES), {"type": type_name}):
        schema = None if row.schema == default_schema else row.schema
        table = tables.get((schema, row.table))
        if table is None or row.column not in table.columns or (schema, row.table, row.column) in retyped:
            continue
        model = table_pair(context, table).model
        after = model.columns[row.column].expression if model is not None else row.expression
        yield _Use(schema, row.table, row.column, row.is_array, row.expression, after)


@dataclass(frozen=True)
class _Dependent:
    """A CHECK, an index or a generated column that depends on a column of the type.

    Attributes:
        use: The column of the type.
        name: The name of the object.
        kind: "check_constraint", "index" or "generated_column".
        drop: The statement that drops the object.
        add: The statement that creates it again.
    """

    use: _Use
    name: str
    kind: str
    drop: str
    add: str


def _dependents(connection: Connection, upgrade_ops: UpgradeOps, uses: Iterable[_Use]) -> Iterator[_Dependent]:
    """Return CHECKs, expression indexes and partial indexes on the columns, without those that the revision drops."""
    containers = [operation for operation in upgrade_ops.ops if isinstance(operation, ModifyTableOps)]
    handled = {
        (container.schema, container.table_name, name) for container in containers for name in named(container.ops)
    }
    quote = PREPARER.quote
    for use in uses:
        table = _qualified(connection, use.schema, use.table)
        for row in connection.execute(text(_DEPENDENTS), {"table": table, "column": use.column}):
            if (use.schema, use.table, row.name) in handled:
                continue
            handled.add((use.schema, use.table, row.name))
            name = quote(row.name)
            if row.kind == "index":
                drop, add = f"DROP INDEX {_qualified(connection, use.schema, row.name)}", row.definition
            else:
                drop = f"ALTER TABLE {table} DROP CONSTRAINT {name}"
                add = f"ALTER TABLE {table} ADD CONSTRAINT {name} {row.definition}"
            yield _Dependent(use, row.name, row.kind, drop, add)


def _around(dependents: list[_Dependent], *, downgrade_only: bool) -> Iterator[MigrateOperation]:
    for dependent in dependents:
        up_drop, up_add = ("", "") if downgrade_only else (dependent.drop, dependent.add)
        removal = SQLChange(f"remove_{dependent.kind}", dependent.name, up_drop, dependent.add, clears_the_way=True)
        addition = SQLChange(f"add_{dependent.kind}", dependent.name, up_add, dependent.drop)
        yield ModifyTableOps(dependent.use.table, [removal, addition], schema=dependent.use.schema)


_USES = """
SELECT CAST(n.nspname AS text) AS schema, CAST(c.relname AS text) AS "table", CAST(a.attname AS text) AS "column",
       a.atttypid = t.typarray AS is_array,
       CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) END AS expression
  FROM pg_catalog.pg_type AS t
  JOIN pg_catalog.pg_attribute AS a ON a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped
  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE t.oid = to_regtype(:type) AND a.attislocal
 ORDER BY 1, 2, 3
"""

_DEPENDENTS = """
WITH target AS (
    SELECT attrelid, attnum FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass(:table) AND attname = :column
)
SELECT CAST(k.conname AS text) AS name, 'check_constraint' AS kind, pg_get_constraintdef(k.oid) AS definition
  FROM target
  JOIN pg_catalog.pg_constraint AS k ON k.conrelid = attrelid AND k.contype = 'c' AND attnum = ANY (k.conkey)
 UNION ALL
SELECT CAST(c.relname AS text), 'index', pg_get_indexdef(i.indexrelid)
  FROM target
  JOIN pg_catalog.pg_index AS i ON i.indrelid = attrelid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid)
   AND EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                  AND d.refobjid = attrelid AND d.refobjsubid = attnum)
 ORDER BY name
"""
