"""Compare columns: types, collations and defaults as the server writes them.

Alembic compares a default by executing both sides. This fails for types without `=` (json) and calls the functions of
the default (nextval).
"""

import logging
import re

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Computed, DefaultClause, Identity, Table

from adapter.outbound.database.autogenerate.catalog_forms import ColumnForm
from adapter.outbound.database.autogenerate.server_forms import table_pair

log = logging.getLogger(f"alembic.{__name__}")

_CAST_LITERAL = re.compile(r"('(?:[^']|'')*'|-?[\d.]+)(?:::.+)?")


def setup(plugin: Plugin) -> None:
    """Register the comparators: for defaults before Alembic's own, for the rest after them."""
    plugin.add_autogenerate_comparator(compare_default, "column", "server_default", priority=DispatchPriority.FIRST)
    plugin.add_autogenerate_comparator(compare_type, "column", "type", priority=DispatchPriority.LAST)


def compare_default(
    context: AutogenContext,
    operation: AlterColumnOp,
    _schema: str | None,
    _table_name: str,
    name: str,
    database_column: Column[object],
    model_column: Column[object],
) -> PriorityDispatchResult:
    """Compare defaults that both sides have; leave the rest to Alembic."""
    before, after = database_column.server_default, model_column.server_default
    if isinstance(before, Computed) or isinstance(after, Computed):
        is_left = _forms(context, model_column.table, name) is not None  # to the comparator of generated columns
        return PriorityDispatchResult.STOP if is_left else PriorityDispatchResult.CONTINUE
    if {type(before), type(after)} == {DefaultClause, Identity}:
        # Alembic's own comparison fails on this pair.
        operation.existing_server_default, operation.modify_server_default = before, after
        return PriorityDispatchResult.STOP
    if type(before) is not DefaultClause or type(after) is not DefaultClause:
        return PriorityDispatchResult.CONTINUE
    forms = _forms(context, model_column.table, name)
    if forms is None:
        return PriorityDispatchResult.CONTINUE
    operation.existing_server_default = before
    same_type = forms[0].type == forms[1].type
    before_value, after_value = ((_value(form.expression) if same_type else form.expression) for form in forms)
    if before_value != after_value:
        log.info("Detected default %s to %s on %s", forms[0].expression, forms[1].expression, model_column)
        operation.modify_server_default = after
    return PriorityDispatchResult.STOP


def compare_type(
    context: AutogenContext,
    operation: AlterColumnOp,
    _schema: str | None,
    _table_name: str,
    name: str,
    database_column: Column[object],
    model_column: Column[object],
) -> PriorityDispatchResult:
    """Compare types and collations as the catalog writes them, which overrules Alembic's own comparison."""
    forms = _forms(context, model_column.table, name)
    if forms is None:
        return PriorityDispatchResult.CONTINUE
    before, after = forms
    if before.generated or after.generated or (before.type, before.collation) == (after.type, after.collation):
        operation.modify_type = None
    elif operation.modify_type is None:
        types = [f"{form.type} {form.collation or ''}".strip() for form in forms]
        log.info("Detected type %s to %s on %s", *types, model_column)
        operation.modify_type, operation.existing_type = model_column.type, database_column.type
    return PriorityDispatchResult.CONTINUE


def _forms(context: AutogenContext, table: Table, name: str) -> tuple[ColumnForm, ColumnForm] | None:
    """Return the forms of a column in the database and in the model, or None if one side lacks it."""
    pair = table_pair(context, table)
    if pair.model is None or name not in pair.database.columns or name not in pair.model.columns:
        return None
    return pair.database.columns[name], pair.model.columns[name]


def _value(expression: str | None) -> str | None:
    """Return a literal without its cast.

    After a change from varchar to text the default may still read 'x'::character varying.
    """
    literal = _CAST_LITERAL.fullmatch(expression) if expression is not None else None
    return literal[1] if literal else expression
