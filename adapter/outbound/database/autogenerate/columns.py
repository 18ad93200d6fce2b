"""Columns: types, defaults and generation expressions as the server writes them, collations.

Alembic compares a default by executing both sides, which fails for types without `=` (json) and calls what a default
calls (nextval). It cannot change a generation expression at all; Postgres can since version 17.
"""

import logging
import re

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Computed, DefaultClause, Table

from adapter.outbound.database.autogenerate.catalog_forms import ColumnForm
from adapter.outbound.database.autogenerate.operations import SQLChange
from adapter.outbound.database.autogenerate.server_forms import table_pair

log = logging.getLogger(f"alembic.{__name__}")

_SET_EXPRESSION_SINCE = (17,)
_CAST_LITERAL = re.compile(r"('(?:[^']|'')*'|-?[\d.]+)(?:::.+)?")


def setup(plugin: Plugin) -> None:
    """Register the comparators, before Alembic's for defaults and after them for the rest."""
    plugin.add_autogenerate_comparator(compare_default, "column", "server_default", priority=DispatchPriority.FIRST)
    plugin.add_autogenerate_comparator(compare_type, "column", "type", priority=DispatchPriority.LAST)
    plugin.add_autogenerate_comparator(compare_computed, "table", "computed", priority=DispatchPriority.LAST)


def compare_default(
    context: AutogenContext,
    operation: AlterColumnOp,
    _schema: str | None,
    _table_name: str,
    name: str,
    database_column: Column[object],
    model_column: Column[object],
) -> PriorityDispatchResult:
    """Decide about defaults and generation expressions that both sides have; leave the rest to Alembic."""
    before, after = database_column.server_default, model_column.server_default
    if isinstance(before, Computed) and isinstance(after, Computed):
        forms = _forms(context, model_column.table, name)
        same = forms is not None and forms[0].expression == forms[1].expression
        changed_here = forms is not None and _can_set_expression(context, *forms)
        return PriorityDispatchResult.STOP if same or changed_here else PriorityDispatchResult.CONTINUE
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
    """Compare types as `format_type` writes them, with their collation: whatever Alembic's comparison says."""
    forms = _forms(context, model_column.table, name)
    if forms is None:
        return PriorityDispatchResult.CONTINUE
    before, after = forms
    if (before.type, before.collation) == (after.type, after.collation):
        operation.modify_type = None
    elif operation.modify_type is None:
        shown = [f"{form.type} {form.collation or ''}".strip() for form in forms]
        log.info("Detected type %s to %s on %s", *shown, model_column)
        operation.modify_type, operation.existing_type = model_column.type, database_column.type
    return PriorityDispatchResult.CONTINUE


def compare_computed(
    context: AutogenContext,
    table_ops: ModifyTableOps,
    _schema: str | None,
    _name: str,
    database_table: Table | None,
    model_table: Table | None,
) -> PriorityDispatchResult:
    """Change generation expressions in place where the server can."""
    if database_table is None or model_table is None:
        return PriorityDispatchResult.CONTINUE
    preparer = context.migration_context.dialect.identifier_preparer
    for column in model_table.columns:
        forms = _forms(context, model_table, column.name) if isinstance(column.server_default, Computed) else None
        if forms is None or forms[0].expression == forms[1].expression or not _can_set_expression(context, *forms):
            continue
        log.info("Detected expression %s to %s on %s", forms[0].expression, forms[1].expression, column)
        alter = f"ALTER TABLE {preparer.format_table(model_table)} ALTER COLUMN {preparer.quote(column.name)}"
        statements = [f"{alter} SET EXPRESSION AS ({form.expression})" for form in reversed(forms)]
        table_ops.ops.append(SQLChange("modify_computed", f"{model_table.name}.{column.name}", *statements))
    return PriorityDispatchResult.CONTINUE


def _forms(context: AutogenContext, table: Table, name: str) -> tuple[ColumnForm, ColumnForm] | None:
    """Return a column of the database and of the model; None when one side is not there."""
    pair = table_pair(context, table)
    if pair.model is None or name not in pair.database.columns or name not in pair.model.columns:
        return None
    return pair.database.columns[name], pair.model.columns[name]


def _can_set_expression(context: AutogenContext, before: ColumnForm, after: ColumnForm) -> bool:
    version: tuple[int, ...] = getattr(context.dialect, "server_version_info", ())
    return bool(before.generated) and before.generated == after.generated and version >= _SET_EXPRESSION_SINCE


def _value(expression: str | None) -> str | None:
    """Take the cast off a literal: where varchar became text, its default may still read 'x'::character varying."""
    found = _CAST_LITERAL.fullmatch(expression) if expression is not None else None
    return found[1] if found else expression
