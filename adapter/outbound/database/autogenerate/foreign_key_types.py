"""Foreign keys and the types of their columns.

A key whose columns Postgres cannot compare is refused before a revision is written that would fail. A key between two
columns whose types change goes before the changes and comes after them, if Postgres cannot compare the types between.
"""

import logging

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AddConstraintOp, AlterColumnOp, DropConstraintOp, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Connection, ForeignKey, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from adapter.outbound.database.autogenerate.equal import final_name, metadata_tables
from adapter.outbound.database.autogenerate.operations import named, type_text
from adapter.outbound.database.autogenerate.server_forms import rolled_back
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.explain import sqlstate

log = logging.getLogger(f"alembic.{__name__}")

_TYPES = "42804"  # SQLSTATE: datatype_mismatch


def setup(plugin: Plugin) -> None:
    """Register the step, to run when everything has been compared."""
    plugin.add_autogenerate_comparator(set_aside, "autogenerate", "keys_across_types", priority=DispatchPriority.LAST)
    plugin.add_autogenerate_comparator(refuse, "autogenerate", "foreign_key_types", priority=DispatchPriority.LAST)


def refuse(context: AutogenContext, _upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Refuse foreign keys across types that Postgres cannot compare.

    Raises:
        DatabaseConfigurationError: A foreign key has columns that Postgres cannot compare.
    """
    comparable: dict[tuple[str, str], bool] = {}
    for table in metadata_tables(context).values() if context.connection is not None else ():
        for key in table.foreign_keys:
            if isinstance(key.parent.type, NullType):  # it takes the type of the referenced column
                continue
            types = (type_text(key.parent.type), type_text(key.column.type))
            if types[0] == types[1] or context.connection is None:
                continue
            if types not in comparable:
                comparable[types] = _are_comparable(context.connection, *types)
            if not comparable[types]:
                raise DatabaseConfigurationError(
                    f"The foreign key of {table.fullname}.{key.parent.name} refers to {key.column.table.fullname}."
                    f"{key.column.name}, and Postgres cannot compare their types: {types[0]} and {types[1]}.",
                    "Give both columns of the models the same type.",
                )
    return PriorityDispatchResult.CONTINUE


def set_aside(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Drop and add the keys that stay between columns whose types change one after the other."""
    connection = context.connection
    changes = {
        (operation.schema, operation.table_name, operation.column_name): operation
        for container in upgrade_ops.ops
        if isinstance(container, ModifyTableOps)
        for operation in container.ops
        if isinstance(operation, AlterColumnOp) and operation.modify_type is not None
    }
    if connection is None or not changes:
        return PriorityDispatchResult.CONTINUE
    for (schema, name), table in metadata_tables(context).items():
        container = ModifyTableOps(name, [], schema=schema)
        handled = {
            key
            for other in upgrade_ops.ops
            if isinstance(other, ModifyTableOps) and (other.schema, other.table_name) == (schema, name)
            for key in named(other.ops)
        }
        for key in sorted(table.foreign_key_constraints, key=lambda item: str(item.name)):
            key_name = final_name(context, key)
            if (
                key.name
                and key_name not in handled
                and any(_is_broken_between(connection, changes, element) for element in key.elements)
            ):
                log.info("Set aside foreign key %r on %r while types change", key_name, name)
                container.ops += [DropConstraintOp.from_constraint(key), AddConstraintOp.from_constraint(key)]
        if container.ops:
            upgrade_ops.ops.append(container)
    return PriorityDispatchResult.CONTINUE


def _is_broken_between(
    connection: Connection, changes: dict[tuple[str | None, str, str], AlterColumnOp], element: ForeignKey
) -> bool:
    """Return whether Postgres cannot compare the two columns of a key when the type of only one of them has changed."""
    own, referenced = (
        changes.get((column.table.schema, column.table.name, column.name))
        for column in (element.parent, element.column)
    )
    if own is None or referenced is None or own.modify_type is None or referenced.modify_type is None:
        return False
    if own.existing_type is None or referenced.existing_type is None:
        return False
    between = [(own.existing_type, referenced.modify_type), (own.modify_type, referenced.existing_type)]
    return not all(_are_comparable(connection, *map(type_text, types)) for types in between)


def _are_comparable(connection: Connection, own_type: str, referenced_type: str) -> bool:
    """Return whether the server accepts the foreign key between two empty temporary tables."""
    with rolled_back(connection):
        try:
            connection.execute(text(f"CREATE TEMPORARY TABLE _hexalembic_other (x {referenced_type} PRIMARY KEY)"))
            connection.execute(
                text(f"CREATE TEMPORARY TABLE _hexalembic_own (x {own_type} REFERENCES _hexalembic_other)")
            )
        except DBAPIError as error:
            return sqlstate(error) != _TYPES
    return True
