"""The order of a revision's operations, so that it runs; concurrent index builds leave the transaction."""

from collections.abc import Iterable, Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult

from adapter.outbound.database.autogenerate.operations import AutocommitOps, SQLChange

_CONCURRENTLY = "postgresql_concurrently"


def setup(plugin: Plugin) -> None:
    """Register the step, to run when everything has been compared; the downgrade is derived from its result."""
    plugin.add_autogenerate_comparator(arrange, "autogenerate", "ordering", priority=DispatchPriority.LAST)


def arrange(_context: AutogenContext, upgrade_ops: ops.UpgradeOps) -> PriorityDispatchResult:
    """Put drops before the column changes they would hinder, and concurrent builds at the end."""
    created = {(op.schema, op.table_name) for op in upgrade_ops.ops if isinstance(op, ops.CreateTableOp)}
    concurrent: list[ops.MigrateOperation] = []
    for container in list(upgrade_ops.ops):
        if isinstance(container, ops.ModifyTableOps):
            container.ops[:] = sorted(container.ops, key=_clears_the_way, reverse=True)
            is_new = (container.schema, container.table_name) in created
            concurrent += _take_concurrent(container, is_new=is_new)
            if container.is_empty():
                upgrade_ops.ops.remove(container)
    if concurrent:
        upgrade_ops.ops.append(AutocommitOps(concurrent))
    return PriorityDispatchResult.CONTINUE


def _clears_the_way(operation: ops.MigrateOperation) -> bool:
    """Tell whether an operation goes first: an index may not fit the column's new type."""
    return isinstance(operation, ops.DropIndexOp) or (isinstance(operation, SQLChange) and operation.clears_the_way)


def _take_concurrent(container: ops.ModifyTableOps, *, is_new: bool) -> Iterator[ops.MigrateOperation]:
    wanted = {str(op.index_name) for op in _indexes(container.ops) if op.kw.get(_CONCURRENTLY)}
    if is_new:
        # Nobody waits for a table that nobody knows yet.
        for operation in _indexes(container.ops):
            operation.kw.pop(_CONCURRENTLY, None)
        return
    changes_columns = any(isinstance(op, ops.AlterColumnOp | ops.DropColumnOp) for op in container.ops)
    for operation in list(_indexes(container.ops)):
        if str(operation.index_name) not in wanted:
            continue
        if isinstance(operation, ops.DropIndexOp) and changes_columns:
            # It has to be gone before its column changes, within the same transaction.
            operation.kw.pop(_CONCURRENTLY, None)
            continue
        operation.kw[_CONCURRENTLY] = True
        container.ops.remove(operation)
        yield operation


def _indexes(operations: Iterable[ops.MigrateOperation]) -> Iterator[ops.CreateIndexOp | ops.DropIndexOp]:
    return (op for op in operations if isinstance(op, ops.CreateIndexOp | ops.DropIndexOp))
