"""Comments of constraints, which `create_all` writes and Alembic does not see; it does see those of tables and columns.

A constraint that is dropped and added again loses its comment, so that the comment comes last, both ways.
"""

import logging
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    CreateTableOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Connection, Table, text

from adapter.outbound.database.autogenerate.equal import final_name, metadata_tables
from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.operations import SQLChange, named, qualified, sql_literal

log = logging.getLogger(f"alembic.{__name__}")


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run when all changes of constraints are known."""
    plugin.add_autogenerate_comparator(compare, "autogenerate", "comments", priority=DispatchPriority.LAST)


def compare(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Write comments of constraints that differ, or that are lost when their constraint is added again."""
    if context.connection is not None:
        present = _read(context.connection)
        tables = {name: table for name, table in metadata_tables(context).items() if not table.info.get("is_view")}
        for name in sorted(tables.keys() | present.keys(), key=str):
            if changes := list(_changes(context, upgrade_ops, name, tables.get(name), present.get(name, {}))):
                upgrade_ops.ops.append(ModifyTableOps(name[1], changes, schema=name[0]))
    return PriorityDispatchResult.CONTINUE


def _changes(
    context: AutogenContext,
    upgrade_ops: UpgradeOps,
    table_name: tuple[str | None, str],
    model: Table | None,
    present: dict[str, str],
) -> Iterator[MigrateOperation]:
    operations = list(_operations_on(upgrade_ops, table_name))
    is_new = any(isinstance(operation, CreateTableOp) for operation in operations)
    is_dropped = any(isinstance(operation, DropTableOp) for operation in operations)
    if model is None and not is_dropped:
        return
    constraints = model.constraints if model is not None else ()
    declared = {final_name(context, constraint): constraint.comment for constraint in constraints}
    recreated = named(operations)
    for name in sorted(declared.keys() | (present.keys() if is_dropped else set())):
        before, after = present.get(name), declared.get(name)
        is_lost = is_new or is_dropped or name in recreated
        if before == after and not is_lost:
            continue
        comment = f"COMMENT ON CONSTRAINT {PREPARER.quote(name)} ON {qualified(*table_name)} IS "
        if after is not None or not is_lost:
            log.info("Detected comment of constraint %r on %r", name, table_name[1])
            yield SQLChange("add_constraint_comment", name, comment + _literal(after), "")
        if before is not None or not is_lost:
            yield SQLChange("restore_constraint_comment", name, "", comment + _literal(before))


def _operations_on(upgrade_ops: UpgradeOps, table: tuple[str | None, str]) -> Iterator[MigrateOperation]:
    for operation in upgrade_ops.ops:
        if (
            isinstance(operation, ModifyTableOps | CreateTableOp | DropTableOp)
            and (operation.schema, operation.table_name) == table
        ):
            yield from operation.ops if isinstance(operation, ModifyTableOps) else [operation]


def _literal(comment: str | None) -> str:
    return "NULL" if comment is None else sql_literal(comment)


def _read(connection: Connection) -> dict[tuple[str | None, str], dict[str, str]]:
    """Return the comments by schema and name of the table and name of the constraint."""
    comments: dict[tuple[str | None, str], dict[str, str]] = {}
    default: Any = connection.dialect.default_schema_name
    for schema, table, name, comment in connection.execute(text(_COMMENTS)):
        comments.setdefault((None if schema == default else schema, table), {})[name] = comment
    return comments


_COMMENTS = """
SELECT CAST(n.nspname AS text), CAST(c.relname AS text), CAST(k.conname AS text), d.description
  FROM pg_catalog.pg_description AS d
  JOIN pg_catalog.pg_constraint AS k ON k.oid = d.objoid
  JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE d.classoid = CAST('pg_constraint' AS regclass)
"""
