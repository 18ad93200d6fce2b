"""Compare properties of indexes that Alembic does not compare.

These are method, operator class, WITH, WHERE, INCLUDE, and casts inside expressions. Both sides are compared as the
server's catalog has them.
"""

import logging

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateIndexOp, DropIndexOp, ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util.sqla_compat import _get_constraint_final_name
from sqlalchemy import Index, Table

from adapter.outbound.database.autogenerate.operations import named
from adapter.outbound.database.autogenerate.server_forms import table_pair
from adapter.outbound.database.autogenerate.table_comparator import add_comparison

log = logging.getLogger(f"alembic.{__name__}")


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run after Alembic's own."""
    add_comparison(plugin, "index_options", compare)


def compare(context: AutogenContext, table_ops: ModifyTableOps, database_table: Table, model_table: Table) -> None:
    """Drop and create each index that differs, or that a failed concurrent build left invalid."""
    if not model_table.indexes:
        return
    pair = table_pair(context, model_table)
    handled_names = named(table_ops.ops)
    reflected = {str(index.name): index for index in database_table.indexes}
    dialect = context.migration_context.dialect
    for index in sorted(model_table.indexes, key=lambda item: str(item.name)):
        # The database shortens a name that is longer than 63 bytes.
        name = str(_get_constraint_final_name(index, dialect))
        if name in handled_names or name not in pair.database.indexes or name not in reflected:
            continue
        reasons = []
        if name in pair.database.invalid_indexes:
            reasons.append("it is invalid: a concurrent build of it failed")
        if pair.model is not None and name in pair.model.indexes and name not in pair.same:
            reasons += pair.database.indexes[name].differences(pair.model.indexes[name])
        if reasons and _included(context, index, name, reflected[name]):
            log.info("Detected changed index %r on %r: %s", name, model_table.name, "; ".join(reasons))
            table_ops.ops += [DropIndexOp.from_index(reflected[name]), CreateIndexOp.from_index(index)]


def _included(context: AutogenContext, index: Index, name: str, reflected: Index) -> bool:
    return context.run_object_filters(index, name, "index", False, reflected)
