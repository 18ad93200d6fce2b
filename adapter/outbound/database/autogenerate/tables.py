"""Created and dropped tables: parts that Alembic's `create_table` omits, and keys that it cannot contain."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AddConstraintOp,
    CreateTableOp,
    DropConstraintOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, to_list
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.elements import conv

from adapter.outbound.database.autogenerate.catalog_forms import read_table
from adapter.outbound.database.autogenerate.equal import final_name
from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.operations import SQLChange, constraint_text, qualified

Name: TypeAlias = tuple[str | None, str]


def setup(plugin: Plugin) -> None:
    """Register the step, to run when the tables have been compared."""
    plugin.add_autogenerate_comparator(complete, "autogenerate", "tables", priority=DispatchPriority.LAST)


def complete(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Complete the created and dropped tables, and sort them so that referenced tables exist when needed."""
    created = {_name(operation): operation for operation in upgrade_ops.ops if isinstance(operation, CreateTableOp)}
    dropped = {_name(operation): operation for operation in upgrade_ops.ops if isinstance(operation, DropTableOp)}
    additions: list[MigrateOperation] = []
    for name, creation in created.items():
        additions += _completed_creation(context, creation, _separate_keys(name, created))
    for name, drop in dropped.items():
        if drop._reverse is not None:  # noqa: SLF001  # holds the operation of the downgrade
            additions += _completed_drop(context, drop, _separate_keys(name, dropped))
    other_operations = [
        operation for operation in upgrade_ops.ops if not isinstance(operation, CreateTableOp | DropTableOp)
    ]
    drops = reversed(_sorted(dropped))
    upgrade_ops.ops[:] = [*drops, *_sorted(created), *other_operations, *additions]
    return PriorityDispatchResult.CONTINUE


def _name(operation: CreateTableOp | DropTableOp) -> Name:
    return operation.schema, operation.table_name


def _items(operation: CreateTableOp | DropTableOp) -> list[SchemaItem]:
    reverse = operation if isinstance(operation, CreateTableOp) else operation._reverse  # noqa: SLF001
    return list(reverse.columns) if reverse is not None else []


def _referenced_table(key: ForeignKeyConstraint) -> Name:
    """Return the table that a key references, without resolving the key."""
    *schema, table, _column = key.elements[0].target_fullname.rsplit(".", 2)
    return (schema[0] if schema else None), table


def _sorted(operations: dict[Name, CreateTableOp] | dict[Name, DropTableOp]) -> list[MigrateOperation]:
    """Return the operations so that a referenced table comes before the table that references it."""
    ordered: dict[Name, MigrateOperation] = {}

    def visit(name: Name, path: tuple[Name, ...]) -> None:
        if name in ordered or name in path or name not in operations:
            return
        for key in _keys(_items(operations[name])):
            visit(_referenced_table(key), (*path, name))
        for parent in _parents(operations[name]):
            visit(parent, (*path, name))
        ordered[name] = operations[name]

    for name in sorted(operations, key=str):
        visit(name, ())
    return list(ordered.values())


def _parents(operation: CreateTableOp | DropTableOp) -> list[Name]:
    """Return the tables whose columns a table inherits."""
    reverse = operation if isinstance(operation, CreateTableOp) else operation._reverse  # noqa: SLF001
    names = to_list((reverse.kw if reverse is not None else {}).get("postgresql_inherits"), [])
    return [(schema or operation.schema, name) for schema, _, name in (str(part).rpartition(".") for part in names)]


def _keys(items: Iterable[SchemaItem]) -> list[ForeignKeyConstraint]:
    return sorted((item for item in items if isinstance(item, ForeignKeyConstraint)), key=lambda key: str(key.name))


def _separate_keys(
    name: Name, operations: dict[Name, CreateTableOp] | dict[Name, DropTableOp]
) -> list[ForeignKeyConstraint]:
    """Return the keys that must be added separately: those of a cycle of tables, and those with `use_alter`."""

    def reaches(start: Name, visited: set[Name]) -> bool:
        if start == name:
            return True
        if start in visited or start not in operations:
            return False
        visited.add(start)
        return any(reaches(_referenced_table(key), visited) for key in _keys(_items(operations[start])))

    return [
        key
        for key in _keys(_items(operations[name]))
        if key.use_alter or ((target := _referenced_table(key)) != name and reaches(target, set()))
    ]


def _completed_creation(
    context: AutogenContext, creation: CreateTableOp, separate_keys: list[ForeignKeyConstraint]
) -> Iterator[MigrateOperation]:
    excludes = [item for item in creation.columns if isinstance(item, ExcludeConstraint)]
    checks = [
        CheckConstraint(check.sqltext, name=conv(final_name(context, check)) if check.name else None)
        for column in creation.columns
        if isinstance(column, Column)
        for check in column.constraints
        if isinstance(check, CheckConstraint)
    ]
    table = qualified(creation.schema, creation.table_name)
    changes: list[MigrateOperation] = []
    for exclude in excludes:
        name = final_name(context, exclude)
        quoted = PREPARER.quote(name)
        add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted} {constraint_text(exclude)}"
        changes.append(SQLChange("add_exclude_constraint", name, add, ""))
    changes += [AddConstraintOp.from_constraint(key) for key in separate_keys]
    separate_items = [*excludes, *separate_keys]
    creation.columns = [
        *(item for item in creation.columns if not any(item is part for part in separate_items)),
        *checks,
    ]
    if changes:
        yield ModifyTableOps(creation.table_name, changes, schema=creation.schema)


def _completed_drop(
    context: AutogenContext, drop: DropTableOp, separate_keys: list[ForeignKeyConstraint]
) -> Iterator[MigrateOperation]:
    """Return operations with which the downgrade restores EXCLUDE constraints, which SQLAlchemy does not reflect."""
    table = qualified(drop.schema, drop.table_name)
    quote = PREPARER.quote
    changes: list[MigrateOperation] = [DropConstraintOp.from_constraint(key) for key in separate_keys]
    if context.connection is not None:
        for name, (kind, definition) in read_table(context.connection, table).constraints.items():
            if kind == "x":
                add = f"ALTER TABLE {table} ADD CONSTRAINT {quote(name)} {definition}"
                changes.append(SQLChange("remove_exclude_constraint", name, "", add))
    reverse = drop._reverse  # noqa: SLF001
    if reverse is not None:
        if context.connection is not None:
            row = context.connection.execute(text(_STORAGE), {"table": table}).one()
            drop.table_kw = {
                **drop.table_kw,
                **({"postgresql_partition_by": row.partition_by} if row.partition_by else {}),
            }
            drop.prefixes = ["UNLOGGED"] if row.unlogged else []
        reverse.columns = [item for item in reverse.columns if not any(item is key for key in separate_keys)]
    if changes:
        yield ModifyTableOps(drop.table_name, changes, schema=drop.schema)


_STORAGE = """
SELECT relpersistence = 'u' AS unlogged, pg_get_partkeydef(oid) AS partition_by
  FROM pg_catalog.pg_class WHERE oid = to_regclass(:table)
"""
