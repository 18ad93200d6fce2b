"""Dropped indexes, which the downgrade creates as they were: SQLAlchemy does not reflect all of an index.

It loses the collation of a column and the options of an operator class. The reflected index is therefore created on a
temporary copy of the table. If the catalog then differs, the downgrade has the server's own definition instead.
"""

from collections.abc import Iterable, Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateIndexOp, DropIndexOp, MigrateOperation, OpContainer, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex
from sqlalchemy.types import NullType

from adapter.outbound.database.autogenerate.catalog_forms import IndexForm, TableForm, read_table
from adapter.outbound.database.autogenerate.expressions import PREPARER, literal_text
from adapter.outbound.database.autogenerate.in_lists import lists_as_in
from adapter.outbound.database.autogenerate.operations import DropDefinedIndexOp, ddl_text, qualified
from adapter.outbound.database.autogenerate.server_forms import rolled_back

_COPY = "_hexalembic_indexed"


def setup(plugin: Plugin) -> None:
    """Register the step, to run when everything has been compared."""
    plugin.add_autogenerate_comparator(define, "autogenerate", "dropped_indexes", priority=DispatchPriority.LAST)


def define(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Give a dropped index the server's definition if SQLAlchemy's reflection would not restore it."""
    if context.connection is not None:
        forms: dict[str, TableForm] = {}
        for operation in _drops(upgrade_ops.ops):
            table = qualified(operation.schema, str(operation.table_name))
            if table not in forms:
                forms[table] = read_table(context.connection, table)
            _define(context.connection, operation, table, forms[table])
    return PriorityDispatchResult.CONTINUE


def _drops(operations: Iterable[MigrateOperation]) -> Iterator[DropIndexOp]:
    for operation in operations:
        if isinstance(operation, OpContainer):
            yield from _drops(operation.ops)
        elif isinstance(operation, DropIndexOp) and operation._reverse is not None:  # noqa: SLF001  # the index
            yield operation


def _define(connection: Connection, operation: DropIndexOp, table: str, form: TableForm) -> None:
    name = str(operation.index_name)
    expected = form.indexes.get(name)
    reverse = operation.reverse()
    if expected is None or not isinstance(reverse, CreateIndexOp):
        return
    head = f"CREATE {'UNIQUE ' if expected.unique else ''}INDEX {PREPARER.quote(name)} ON "
    tail = form.index_definitions[name]
    index = reverse.to_index()
    for column in reverse.kw.get("postgresql_include") or ():
        if (
            index.table is not None and column not in index.table.columns
        ):  # as Alembic itself does when it runs the operation
            index.table.append_column(Column(column, NullType))
    reflected = ddl_text(CreateIndex(index)).replace(" CONCURRENTLY ", " ", 1)
    with rolled_back(connection):
        connection.execute(text(literal_text(f"CREATE TEMPORARY TABLE {_COPY} (LIKE {table})")))
        onto_copy = reflected.replace(f" ON {table} ", f" ON pg_temp.{_COPY} ", 1)
        if _creates(connection, onto_copy, name, expected):
            return
        tails = dict.fromkeys((lists_as_in(tail), tail))
        exact = next((t for t in tails if _creates(connection, f"{head}pg_temp.{_COPY} {t}", name, expected)), tail)
    operation.__class__ = DropDefinedIndexOp
    assert isinstance(operation, DropDefinedIndexOp)  # noqa: S101  # for the type checker
    operation.definition = f"{head}{table} {exact}"


def _creates(connection: Connection, statement: str, name: str, expected: IndexForm) -> bool:
    """Return whether a statement creates the index as it is expected on the copy."""
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(literal_text(statement)))
        return read_table(connection, f"pg_temp.{_COPY}").indexes.get(name) == expected
    except DBAPIError:
        return False
    finally:
        savepoint.rollback()
