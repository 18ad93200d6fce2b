"""The order in which a revision's operations can run; concurrent index builds are moved out of the transaction."""

from collections.abc import Iterable, Iterator
from enum import IntEnum, auto
from typing import Any, TypeAlias

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from alembic_postgresql_enum.operations.create_enum import CreateEnumOp
from alembic_postgresql_enum.operations.drop_enum import DropEnumOp
from sqlalchemy import Column, Computed

from adapter.outbound.database.autogenerate.operations import AutocommitOps, SQLChange
from adapter.outbound.database.autogenerate.renames import Question

_CONCURRENTLY = "postgresql_concurrently"


def setup(plugin: Plugin) -> None:
    """Register the step, to run when everything has been compared; the downgrade is derived from its result."""
    plugin.add_autogenerate_comparator(arrange, "autogenerate", "ordering", priority=DispatchPriority.LAST)


class Phase(IntEnum):
    """The phases of an upgrade in their order; a downgrade runs the reversed operations from the last to the first."""

    QUESTIONS = auto()
    TRIGGERS_GO = auto()
    NEEDED = auto()
    KEYS_GO = auto()
    CONSTRAINTS_GO = auto()
    GENERATED_GO = auto()
    COLUMNS_GO = auto()
    TABLES_GO = auto()
    ENUMS_LEFT = auto()
    ENUMS_CHANGE = auto()
    CHANGES = auto()
    TABLES_COME = auto()
    COLUMNS_COME = auto()
    GENERATED_COME = auto()
    CONSTRAINTS_COME = auto()
    KEYS_COME = auto()
    TRIGGERS_COME = auto()
    NO_LONGER_NEEDED = auto()


_KINDS = {
    "remove_trigger": Phase.TRIGGERS_GO,
    "restore_constraint_comment": Phase.TRIGGERS_GO,
    "add_schema": Phase.NEEDED,
    "add_extension": Phase.NEEDED,
    "add_sequence": Phase.NEEDED,
    "add_domain": Phase.NEEDED,
    "add_function": Phase.NEEDED,
    "modify_enum": Phase.ENUMS_CHANGE,
    "remove_generated": Phase.GENERATED_GO,
    "add_generated": Phase.GENERATED_COME,
    "restore_serial": Phase.COLUMNS_GO,
    "add_serial": Phase.GENERATED_COME,
    "validate_constraint": Phase.CONSTRAINTS_COME,
    "add_function_of_table": Phase.CONSTRAINTS_COME,
    "add_trigger": Phase.TRIGGERS_COME,
    "add_constraint_comment": Phase.TRIGGERS_COME,
}


def arrange(_context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Sort the operations by their dependencies, and move concurrent builds to the end."""
    created = {
        (operation.schema, operation.table_name)
        for operation in upgrade_ops.ops
        if isinstance(operation, ops.CreateTableOp)
    }
    concurrent: list[ops.MigrateOperation] = []
    for container in upgrade_ops.ops:
        if isinstance(container, ops.ModifyTableOps):
            is_new = (container.schema, container.table_name) in created
            concurrent += _take_concurrent(container, is_new=is_new)
    changed_enums = {
        op.subject for op in _flat(upgrade_ops.ops) if isinstance(op, SQLChange) and op.kind == "modify_enum"
    }
    upgrade_ops.ops[:] = _grouped(sorted(_placed(upgrade_ops.ops, changed_enums), key=lambda entry: entry[0]))
    if concurrent:
        upgrade_ops.ops.append(AutocommitOps(concurrent))
    return PriorityDispatchResult.CONTINUE


Placed: TypeAlias = tuple[Phase, ops.ModifyTableOps | None, ops.MigrateOperation]


def _placed(operations: Iterable[ops.MigrateOperation], changed_enums: set[str]) -> Iterator[Placed]:
    for container in operations:
        if isinstance(container, ops.ModifyTableOps):
            yield from ((_phase(operation, changed_enums), container, operation) for operation in container.ops)
        else:
            yield _phase(container, changed_enums), None, container


def _flat(operations: Iterable[ops.MigrateOperation]) -> Iterator[ops.MigrateOperation]:
    return (operation for _, _, operation in _placed(operations, set()))


def _grouped(placed: Iterable[Placed]) -> list[ops.MigrateOperation]:
    """Return the operations with successive ones on the same table in one container."""
    grouped: list[ops.MigrateOperation] = []
    for _, container, operation in placed:
        last = grouped[-1] if grouped else None
        if container is None:
            grouped.append(operation)
        elif isinstance(last, ops.ModifyTableOps) and _same_table(last, container):
            last.ops.append(operation)
        else:
            grouped.append(ops.ModifyTableOps(container.table_name, [operation], schema=container.schema))
    return grouped


def _same_table(first: ops.ModifyTableOps, second: ops.ModifyTableOps) -> bool:
    return (first.schema, first.table_name) == (second.schema, second.table_name)


def _phase(operation: ops.MigrateOperation, changed_enums: set[str]) -> Phase:  # noqa: PLR0911, PLR0912, C901  # one case for each operation
    match operation:
        case SQLChange():
            return _phase_of_sql(operation)
        case Question():
            return Phase.QUESTIONS
        case CreateEnumOp():
            return Phase.NEEDED
        case DropEnumOp():
            return Phase.NO_LONGER_NEEDED
        case ops.DropIndexOp():
            return Phase.CONSTRAINTS_GO
        case ops.DropConstraintOp():
            return Phase.KEYS_GO if operation.constraint_type == "foreignkey" else Phase.CONSTRAINTS_GO
        case ops.DropColumnOp():
            return Phase.GENERATED_GO if _is_generated(operation.to_column()) else Phase.COLUMNS_GO
        case ops.DropTableOp():
            return Phase.TABLES_GO
        case ops.CreateTableOp():
            return Phase.TABLES_COME
        case ops.AddColumnOp():
            return Phase.GENERATED_COME if _is_generated(operation.column) else Phase.COLUMNS_COME
        case ops.CreateForeignKeyOp():
            return Phase.KEYS_COME
        case ops.AddConstraintOp() | ops.CreateIndexOp():
            return Phase.CONSTRAINTS_COME
        case ops.AlterColumnOp() if getattr(operation.existing_type, "name", None) in changed_enums:
            return Phase.ENUMS_LEFT if operation.modify_type is not None else Phase.CHANGES
        case _:
            return Phase.CHANGES


def _phase_of_sql(change: SQLChange) -> Phase:
    if change.kind in _KINDS:
        return _KINDS[change.kind]
    if change.clears_the_way or (change.kind.startswith("remove_") and change.kind.endswith("_constraint")):
        return Phase.CONSTRAINTS_GO
    return Phase.CONSTRAINTS_COME if change.kind.startswith("add_") else Phase.CHANGES


def _is_generated(column: Column[Any]) -> bool:
    return isinstance(column.server_default, Computed)


def _take_concurrent(container: ops.ModifyTableOps, *, is_new: bool) -> Iterator[ops.MigrateOperation]:
    concurrent_names = {str(op.index_name) for op in _indexes(container.ops) if op.kw.get(_CONCURRENTLY)}
    if is_new:
        # No session waits for a table that is not committed yet.
        for operation in _indexes(container.ops):
            operation.kw.pop(_CONCURRENTLY, None)
        return
    changes_columns = any(isinstance(op, ops.AlterColumnOp | ops.DropColumnOp) for op in container.ops)
    for operation in list(_indexes(container.ops)):
        if str(operation.index_name) not in concurrent_names:
            continue
        if isinstance(operation, ops.DropIndexOp) and changes_columns:
            # The index must be dropped before its column changes, in the same transaction.
            operation.kw.pop(_CONCURRENTLY, None)
            continue
        operation.kw[_CONCURRENTLY] = True
        container.ops.remove(operation)
        yield operation


def _indexes(operations: Iterable[ops.MigrateOperation]) -> Iterator[ops.CreateIndexOp | ops.DropIndexOp]:
    return (op for op in operations if isinstance(op, ops.CreateIndexOp | ops.DropIndexOp))
