"""Foreign keys whose columns Postgres cannot compare: refused before a revision is written that would fail."""

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from adapter.outbound.database.autogenerate.equal import metadata_tables
from adapter.outbound.database.autogenerate.operations import type_text
from adapter.outbound.database.autogenerate.server_forms import rolled_back
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.explain import sqlstate

_TYPES = "42804"  # SQLSTATE: datatype_mismatch


def setup(plugin: Plugin) -> None:
    """Register the step, to run when everything has been compared."""
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
