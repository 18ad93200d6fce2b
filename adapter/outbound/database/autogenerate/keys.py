"""Compare foreign keys by name, as the catalog has them; Alembic compares their columns and misses a new name."""

import logging
from collections.abc import Mapping

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AddConstraintOp,
    CreateForeignKeyOp,
    DropConstraintOp,
    MigrateOperation,
    ModifyTableOps,
)
from alembic.runtime.plugins import Plugin
from sqlalchemy import ForeignKeyConstraint, Table

from adapter.outbound.database.autogenerate.catalog_forms import KeyForm, key_of_model
from adapter.outbound.database.autogenerate.equal import final_name
from adapter.outbound.database.autogenerate.server_forms import table_pair
from adapter.outbound.database.autogenerate.table_comparator import add_comparison

log = logging.getLogger(f"alembic.{__name__}")


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run after Alembic's own."""
    add_comparison(plugin, "keys", compare)


def compare(context: AutogenContext, table_ops: ModifyTableOps, database_table: Table, model_table: Table) -> None:
    """Replace Alembic's operations on foreign keys by those that follow from the catalog."""
    default_schema = str(context.dialect.default_schema_name)
    present = table_pair(context, model_table).database.keys
    reflected = {str(key.name): key for key in database_table.foreign_key_constraints}
    named, unnamed = _of_model(context, model_table)
    declared = {name: key_of_model(key, default_schema) for name, key in named.items()}
    claimed = _claimed(present, declared, [key_of_model(key, default_schema) for key in unnamed])
    changes: list[MigrateOperation] = []
    for name, form in present.items():
        is_removed = declared.get(name) != form and name not in claimed and name in reflected
        counterpart = named.get(name)
        if is_removed and context.run_object_filters(
            reflected[name], name, "foreign_key_constraint", True, counterpart
        ):
            log.info("Detected removed or changed foreign key %r on %r", name, model_table.name)
            changes.append(DropConstraintOp.from_constraint(reflected[name]))
    for name, key in named.items():
        is_added = present.get(name) != declared[name]
        if is_added and context.run_object_filters(key, name, "foreign_key_constraint", False, reflected.get(name)):
            log.info("Detected added or changed foreign key %r on %r", name, model_table.name)
            changes.append(AddConstraintOp.from_constraint(key))
    forms = [present[name] for name in claimed]
    changes += [
        AddConstraintOp.from_constraint(key) for key in unnamed if key_of_model(key, default_schema) not in forms
    ]
    table_ops.ops[:] = [operation for operation in table_ops.ops if not _is_about_keys(operation)] + changes


def _is_about_keys(operation: MigrateOperation) -> bool:
    if isinstance(operation, DropConstraintOp):
        return operation.constraint_type == "foreignkey"
    return isinstance(operation, CreateForeignKeyOp)


def _of_model(
    context: AutogenContext, table: Table
) -> tuple[dict[str, ForeignKeyConstraint], list[ForeignKeyConstraint]]:
    named, unnamed = {}, []
    for key in sorted(table.foreign_key_constraints, key=lambda constraint: str(constraint.name)):
        if (name := final_name(context, key)) == "None":
            unnamed.append(key)
        else:
            named[name] = key
    return named, unnamed


def _claimed(present: Mapping[str, KeyForm], declared: Mapping[str, KeyForm], unnamed: list[KeyForm]) -> set[str]:
    """Return the names of the database's keys that match a key without a name in the model."""
    return {name for name, form in present.items() if name not in declared and form in unnamed}
