"""USING for type changes that Postgres does not cast by itself; the server is asked for each direction."""

from copy import copy
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, MigrateOperation, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import ARRAY, Boolean, Computed, Connection, Enum, Identity, String, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from adapter.outbound.database.autogenerate.expressions import PREPARER, literal_text
from adapter.outbound.database.autogenerate.operations import AlterColumnUsingOp, type_text


def setup(plugin: Plugin) -> None:
    """Register the step, to run when the columns have been compared."""
    plugin.add_autogenerate_comparator(add_using, "autogenerate", "casts", priority=DispatchPriority.LAST)


def add_using(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Write `postgresql_using` if a type change does not run without it, and drop the default during the change."""
    connection = context.connection
    if connection is None:
        return PriorityDispatchResult.CONTINUE
    for container in upgrade_ops.ops:
        if isinstance(container, ModifyTableOps):
            container.ops[:] = [step for operation in container.ops for step in _with_cast(connection, operation)]
    return PriorityDispatchResult.CONTINUE


def _with_cast(connection: Connection, operation: MigrateOperation) -> list[MigrateOperation]:
    if isinstance(operation, AlterColumnOp):
        # Only MySQL has the option; Alembic warns about it when the revision runs.
        operation.kw.pop("autoincrement", None)
        operation.kw.pop("existing_autoincrement", None)
    if not isinstance(operation, AlterColumnOp) or operation.modify_type is None or operation.existing_type is None:
        return [operation]
    column = PREPARER.quote(operation.column_name)
    operation.modify_type = _without_check(operation.modify_type)
    before, after = operation.existing_type, operation.modify_type
    operation.kw.pop("postgresql_using", None)
    using, reverse_using = _using(connection, column, before, after), _using(connection, column, after, before)
    operation.__class__ = AlterColumnUsingOp
    assert isinstance(operation, AlterColumnUsingOp)  # noqa: S101  # for the type checker
    operation.using, operation.reverse_using = using, reverse_using
    return _without_default(operation) if using or reverse_using else [operation]


def _without_check(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return a type without its CHECK, which Alembic would create with the type; it is an operation of its own."""
    if not isinstance(type_, Enum | Boolean) or not type_.create_constraint:
        return type_
    plain = copy(type_)
    plain.create_constraint = False
    return plain


def _without_default(operation: AlterColumnOp) -> list[MigrateOperation]:
    """Separate a type change from its default: Postgres would cast the default too, and USING does not apply to it."""
    before, after = operation.existing_server_default, operation.modify_server_default
    if after is False:
        after = before
    if any(isinstance(default, Computed | Identity) for default in (before, after)):
        return [operation]
    operation.existing_server_default, operation.modify_server_default = None, False

    def default_change(old: Any, new: Any, type_: TypeEngine[Any]) -> MigrateOperation:
        return AlterColumnOp(
            operation.table_name,
            operation.column_name,
            schema=operation.schema,
            existing_type=type_,
            existing_server_default=old,
            modify_server_default=new,
        )

    assert operation.existing_type is not None and operation.modify_type is not None  # noqa: S101, PT018
    drop_default = [default_change(before, None, operation.existing_type)] if before else []
    return [*drop_default, operation, *([default_change(None, after, operation.modify_type)] if after else [])]


def _using(connection: Connection, column: str, before: TypeEngine[Any], after: TypeEngine[Any]) -> str | None:
    """Return the cast for USING, or None if the server needs none or has none."""
    cast = f"{column}::{type_text(after)}"
    if _is_enum(before) or _is_enum(after):
        # The type may not exist yet. An enum can be cast to and from text, and an array of an enum likewise.
        text_type = "text[]" if isinstance(before, ARRAY) else "text"
        if not _is_enum(before):
            is_text = isinstance(before.item_type if isinstance(before, ARRAY) else before, String)
            return cast if is_text else f"{column}::{text_type}::{type_text(after)}"
        return (
            cast if isinstance(after, String) and not _is_enum(after) else f"{column}::{text_type}::{type_text(after)}"
        )
    # Where there is no cast, the text of the old value is read as the new type; that of a boolean is no number.
    bridges = ["integer", "text"] if isinstance(before, Boolean) else ["text"]
    casts = [cast, *(f"{column}::{bridge}::{type_text(after)}" for bridge in bridges)]
    alter = f"ALTER TABLE pg_temp._cast ALTER COLUMN {column} TYPE {type_text(after)}"
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(literal_text(f"CREATE TEMPORARY TABLE _cast ({column} {type_text(before)})")))
        if _runs(connection, alter):
            return None
        return next((cast for cast in casts if _runs(connection, f"{alter} USING {cast}")), None)
    except DBAPIError:
        return None
    finally:
        savepoint.rollback()


def _is_enum(type_: TypeEngine[Any]) -> bool:
    type_ = type_.item_type if isinstance(type_, ARRAY) else type_
    return isinstance(type_, Enum) and type_.native_enum


def _runs(connection: Connection, statement: str) -> bool:
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(literal_text(statement)))
    except DBAPIError:
        savepoint.rollback()
        return False
    savepoint.commit()
    return True
