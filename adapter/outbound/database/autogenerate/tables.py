"""Tables that come or go: what Alembic's `create_table` leaves out, and keys that cannot stand in it."""

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
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.elements import conv

from adapter.outbound.database.autogenerate.catalog_forms import read_table
from adapter.outbound.database.autogenerate.equal import final_name
from adapter.outbound.database.autogenerate.operations import SQLChange, constraint_text, qualified

Name: TypeAlias = tuple[str | None, str]


def setup(plugin: Plugin) -> None:
    """Register the step, to run when the tables have been compared."""
    plugin.add_autogenerate_comparator(complete, "autogenerate", "tables", priority=DispatchPriority.LAST)


def complete(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Complete the tables that are created or dropped, and put them into an order in which they refer to each other."""
    created = {_name(each): each for each in upgrade_ops.ops if isinstance(each, CreateTableOp)}
    dropped = {_name(each): each for each in upgrade_ops.ops if isinstance(each, DropTableOp)}
    more: list[MigrateOperation] = []
    for name, creation in created.items():
        more += _completed_creation(context, creation, _cut(name, created))
    for name, drop in dropped.items():
        if drop._reverse is not None:  # noqa: SLF001  # Alembic keeps what a downgrade creates there
            more += _completed_drop(context, drop, _cut(name, dropped))
    rest = [each for each in upgrade_ops.ops if not isinstance(each, CreateTableOp | DropTableOp)]
    drops = reversed(_sorted(dropped))
    upgrade_ops.ops[:] = [*drops, *_sorted(created), *rest, *more]
    return PriorityDispatchResult.CONTINUE


def _name(operation: CreateTableOp | DropTableOp) -> Name:
    return operation.schema, operation.table_name


def _items(operation: CreateTableOp | DropTableOp) -> list[SchemaItem]:
    reverse = operation if isinstance(operation, CreateTableOp) else operation._reverse  # noqa: SLF001
    return list(reverse.columns) if reverse is not None else []


def _refers_to(key: ForeignKeyConstraint) -> Name:
    """Return the table that a key refers to; it need not be resolved for that."""
    *schema, table, _column = key.elements[0].target_fullname.rsplit(".", 2)
    return (schema[0] if schema else None), table


def _sorted(operations: dict[Name, CreateTableOp] | dict[Name, DropTableOp]) -> list[MigrateOperation]:
    """Return the tables, those that are referred to first."""
    done: dict[Name, MigrateOperation] = {}

    def visit(name: Name, path: tuple[Name, ...]) -> None:
        if name in done or name in path or name not in operations:
            return
        for key in _keys(_items(operations[name])):
            visit(_refers_to(key), (*path, name))
        done[name] = operations[name]

    for name in sorted(operations, key=str):
        visit(name, ())
    return list(done.values())


def _keys(items: Iterable[SchemaItem]) -> list[ForeignKeyConstraint]:
    return sorted((each for each in items if isinstance(each, ForeignKeyConstraint)), key=lambda key: str(key.name))


def _cut(name: Name, operations: dict[Name, CreateTableOp] | dict[Name, DropTableOp]) -> list[ForeignKeyConstraint]:
    """Find the keys that close a circle of tables, or that ask for it by `use_alter`."""

    def reaches(start: Name, seen: set[Name]) -> bool:
        if start == name:
            return True
        if start in seen or start not in operations:
            return False
        seen.add(start)
        return any(reaches(_refers_to(key), seen) for key in _keys(_items(operations[start])))

    return [
        key
        for key in _keys(_items(operations[name]))
        if key.use_alter or ((target := _refers_to(key)) != name and reaches(target, set()))
    ]


def _completed_creation(
    context: AutogenContext, creation: CreateTableOp, cut: list[ForeignKeyConstraint]
) -> Iterator[MigrateOperation]:
    excludes = [each for each in creation.columns if isinstance(each, ExcludeConstraint)]
    checks = [
        CheckConstraint(check.sqltext, name=conv(final_name(context, check)) if check.name else None)
        for column in creation.columns
        if isinstance(column, Column)
        for check in column.constraints
        if isinstance(check, CheckConstraint)
    ]
    table = _formatted(context, creation.schema, creation.table_name)
    changes: list[MigrateOperation] = []
    for exclude in excludes:
        name = final_name(context, exclude)
        quoted = context.migration_context.dialect.identifier_preparer.quote(name)
        add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted} {constraint_text(exclude)}"
        changes.append(SQLChange("add_exclude_constraint", name, add, ""))
    changes += [AddConstraintOp.from_constraint(key) for key in cut]
    left_out = [*excludes, *cut]
    creation.columns = [*(each for each in creation.columns if not any(each is out for out in left_out)), *checks]
    if changes:
        yield ModifyTableOps(creation.table_name, changes, schema=creation.schema)


def _completed_drop(
    context: AutogenContext, drop: DropTableOp, cut: list[ForeignKeyConstraint]
) -> Iterator[MigrateOperation]:
    """Restore EXCLUDE constraints, which SQLAlchemy does not reflect, in the downgrade."""
    table = _formatted(context, drop.schema, drop.table_name)
    quote = context.migration_context.dialect.identifier_preparer.quote
    changes: list[MigrateOperation] = [DropConstraintOp.from_constraint(key) for key in cut]
    if context.connection is not None:
        for name, (kind, definition) in read_table(context.connection, table).constraints.items():
            if kind == "x":
                add = f"ALTER TABLE {table} ADD CONSTRAINT {quote(name)} {definition}"
                changes.append(SQLChange("remove_exclude_constraint", name, "", add))
    reverse = drop._reverse  # noqa: SLF001
    if reverse is not None:
        reverse.columns = [each for each in reverse.columns if not any(each is key for key in cut)]
    if changes:
        yield ModifyTableOps(drop.table_name, changes, schema=drop.schema)


def _formatted(context: AutogenContext, schema: str | None, name: str) -> str:
    return qualified(context.migration_context.dialect.identifier_preparer, schema, name)
