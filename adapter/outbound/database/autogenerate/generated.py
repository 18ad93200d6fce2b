"""Generated columns: changed in place where Postgres can do it, otherwise dropped and added with what stands on them.

`SET EXPRESSION` exists since Postgres 17. It cannot make a stored column virtual, or change the type of a column that a
generated one reads. Such a column is dropped and added, and Postgres computes its values anew.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias, TypeVar

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, MigrateOperation, ModifyTableOps
from alembic.runtime.plugins import Plugin
from sqlalchemy import Column, Connection, Table

from adapter.outbound.database.autogenerate.catalog_forms import ColumnForm
from adapter.outbound.database.autogenerate.column_uses import Part, parts_of, readers_of
from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.operations import SQLChange, named, sql_literal
from adapter.outbound.database.autogenerate.server_forms import table_pair
from adapter.outbound.database.autogenerate.table_comparator import add_comparison

log = logging.getLogger(f"alembic.{__name__}")

_SET_EXPRESSION_SINCE = (17,)
_STORED = "s"
_Side = TypeVar("_Side")
_Both: TypeAlias = tuple[_Side, _Side]  # the column in the database, and in the model


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run when all other changes of the table are known."""
    add_comparison(plugin, "generated", compare)


def compare(context: AutogenContext, table_ops: ModifyTableOps, database_table: Table, model_table: Table) -> None:
    """Change the generated columns that differ, and those that read a column whose type changes."""
    pair, connection = table_pair(context, model_table), context.connection
    if pair.model is None or connection is None:
        return
    forms = pair.database.columns, pair.model.columns
    table = PREPARER.format_table(model_table)
    common = [name for name in forms[1] if name in forms[0]]
    beneath = set(_beneath_types(connection, table_ops, table)) & set(common)
    has_other_columns = forms[0].keys() != forms[1].keys()
    for name in common:
        before, after = forms[0][name], forms[1][name]
        if not (before.generated or after.generated) or (before == after and name not in beneath):
            continue
        log.info("Detected changed generated column %r of %r", name, model_table.name)
        is_moved = name in beneath or has_other_columns
        if not is_moved and replace(before, expression=after.expression) == after and _sets_expressions(context):
            alter = f"ALTER TABLE {table} ALTER COLUMN {PREPARER.quote(name)} SET EXPRESSION AS "
            statements = (f"{alter}({form.expression})" for form in (after, before))
            table_ops.ops.append(SQLChange("modify_computed", f"{model_table.name}.{name}", *statements))
        else:
            columns = (database_table.columns[name], model_table.columns[name])
            table_ops.ops[:] = [
                operation
                for operation in table_ops.ops
                if not (isinstance(operation, AlterColumnOp) and operation.column_name == name)
            ]
            parts = list(parts_of(connection, table, name))
            table_ops.ops += list(_replacement(table_ops, table, (before, after), columns, parts))


def _sets_expressions(context: AutogenContext) -> bool:
    version: tuple[int, ...] = getattr(context.dialect, "server_version_info", ())
    return version >= _SET_EXPRESSION_SINCE


def _beneath_types(connection: Connection, table_ops: ModifyTableOps, table: str) -> Iterator[str]:
    """Return the generated columns that read a column whose type changes."""
    for operation in table_ops.ops:
        if isinstance(operation, AlterColumnOp) and operation.modify_type is not None:
            yield from readers_of(connection, table, operation.column_name)


def _replacement(
    table_ops: ModifyTableOps, table: str, forms: _Both[ColumnForm], columns: _Both[Column[object]], parts: list[Part]
) -> Iterator[MigrateOperation]:
    """Return the changes that drop the column and what stands on it, and add both again.

    A stored column keeps its values where it becomes a plain one, so that nothing is dropped in that direction.
    """
    name, (before, after) = columns[0].name, forms
    keeps_values = (before.type, before.collation) == (after.type, after.collation)
    to_plain = keeps_values and before.generated == _STORED and not after.generated
    from_plain = keeps_values and after.generated == _STORED and not before.generated
    handled = named(table_ops.ops)
    for part in parts:
        if part.name not in handled:
            drop, add = (part.drop, part.add) if not to_plain else ("", "")
            undrop, unadd = (part.add, part.drop) if not from_plain else ("", "")
            yield SQLChange("remove_part", part.name, drop, undrop, clears_the_way=True)
            yield SQLChange("add_part", part.name, add, unadd)
    drop_column = [f"ALTER TABLE {table} DROP COLUMN {PREPARER.quote(name)}"]
    goes_up, comes_up = drop_column, list(_added(table, after, columns[1]))
    comes_down, goes_down = drop_column, list(_added(table, before, columns[0]))
    if to_plain:
        goes_up, comes_up = [], list(_made_plain(table, after, columns[1]))
    elif from_plain:
        comes_down, goes_down = list(_made_plain(table, before, columns[0])), []
    yield from (SQLChange("remove_generated", name, "", statement) for statement in reversed(goes_down))
    yield from (SQLChange("remove_generated", name, statement, "") for statement in goes_up)
    yield from (SQLChange("add_generated", name, "", statement) for statement in reversed(comes_down))
    yield from (SQLChange("add_generated", name, statement, "") for statement in comes_up)


def _added(table: str, form: ColumnForm, column: Column[object]) -> Iterator[str]:
    kind = "STORED" if form.generated == _STORED else "VIRTUAL"
    value = f"GENERATED ALWAYS AS ({form.expression}) {kind}" if form.generated else _default(form)
    words = (
        PREPARER.quote(column.name),
        form.type,
        f"COLLATE {form.collation}" if form.collation else "",
        value,
        "" if column.nullable else "NOT NULL",
    )
    yield f"ALTER TABLE {table} ADD COLUMN {' '.join(filter(None, words))}"
    if column.comment is not None:
        yield _comment(table, column)


def _made_plain(table: str, form: ColumnForm, column: Column[object]) -> Iterator[str]:
    alter = f"ALTER TABLE {table} ALTER COLUMN {PREPARER.quote(column.name)}"
    yield f"{alter} DROP EXPRESSION"
    if form.expression is not None:
        yield f"{alter} SET {_default(form)}"
    yield f"{alter} {'DROP' if column.nullable else 'SET'} NOT NULL"
    yield _comment(table, column)


def _default(form: ColumnForm) -> str:
    return f"DEFAULT {form.expression}" if form.expression is not None else ""


def _comment(table: str, column: Column[object]) -> str:
    comment = "NULL" if column.comment is None else sql_literal(column.comment)
    return f"COMMENT ON COLUMN {table}.{PREPARER.quote(column.name)} IS {comment}"
