"""Registers comparators of tables that both the database and the models have."""

from collections.abc import Callable
from typing import TypeAlias

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Table

# It changes the operations on a table, which is passed as reflected from the database and as the models have it.
Comparison: TypeAlias = Callable[[AutogenContext, ModifyTableOps, Table, Table], None]


def add_comparison(
    plugin: Plugin, name: str, compare: Comparison, priority: DispatchPriority = DispatchPriority.LAST
) -> None:
    """Register a comparator of tables; by default it runs after Alembic's own, when dropped columns are known.

    Args:
        plugin: The plugin of the comparator's module.
        name: What is compared.
        compare: The comparison; tables that only one side has are left to Alembic.
        priority: When it runs.
    """

    def run(
        context: AutogenContext,
        table_ops: ModifyTableOps,
        _schema: str | None,
        _name: str,
        database_table: Table | None,
        model_table: Table | None,
    ) -> PriorityDispatchResult:
        if database_table is not None and model_table is not None:
            compare(context, table_ops, database_table, model_table)
        return PriorityDispatchResult.CONTINUE

    plugin.add_autogenerate_comparator(run, "table", name, priority=priority)
