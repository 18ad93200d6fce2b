"""USING for type changes that Postgres does not cast by itself, asked of the server for each direction."""

from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Connection, Enum, String, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from adapter.outbound.database.autogenerate.operations import AlterColumnUsingOp, literal_text, type_text


def setup(plugin: Plugin) -> None:
    """Register the step, to run when the columns have been compared."""
    plugin.add_autogenerate_comparator(add_using, "autogenerate", "casts", priority=DispatchPriority.LAST)


def add_using(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Write `postgresql_using` where a type change does not run without it."""
    connection = context.connection
    if connection is None:
        return PriorityDispatchResult.CONTINUE
    changes = (each for container in upgrade_ops.ops if isinstance(container, ModifyTableOps) for each in container.ops)
    for operation in changes:
        if not isinstance(operation, AlterColumnOp) or operation.modify_type is None or operation.existing_type is None:
            continue
        column = connection.dialect.identifier_preparer.quote(operation.column_name)
        before, after = operation.existing_type, operation.modify_type
        using = operation.kw.pop("postgresql_using", None) or _using(connection, column, before, after)
        back = _using(connection, column, after, before)
        if using or back:
            operation.__class__ = AlterColumnUsingOp
            assert isinstance(operation, AlterColumnUsingOp)  # noqa: S101  # tells the type checker
            operation.using, operation.reverse_using = using, back
    return PriorityDispatchResult.CONTINUE


def _using(connection: Connection, column: str, before: TypeEngine[Any], after: TypeEngine[Any]) -> str | None:
    """Give the cast, or None where the server needs none or knows none."""
    cast = f"{column}::{type_text(after)}"
    if isinstance(before, Enum) or isinstance(after, Enum):
        # The type may not be there yet; an enum casts to text and from text.
        if isinstance(after, Enum):
            return f"{column}::text::{type_text(after)}" if not isinstance(before, String) else cast
        return None if isinstance(after, String) else f"{column}::text::{type_text(after)}"
    alter = f"ALTER TABLE pg_temp._cast ALTER COLUMN {column} TYPE {type_text(after)}"
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(literal_text(f"CREATE TEMPORARY TABLE _cast ({column} {type_text(before)})")))
        if _runs(connection, alter):
            return None
        return cast if _runs(connection, f"{alter} USING {cast}") else None
    except DBAPIError:
        return None
    finally:
        savepoint.rollback()


def _runs(connection: Connection, statement: str) -> bool:
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(literal_text(statement)))
    except DBAPIError:
        savepoint.rollback()
        return False
    savepoint.commit()
    return True
