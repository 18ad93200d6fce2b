"""Compare models that name the default schema (`schema="public"`) like models that name no schema.

Postgres, SQLAlchemy's reflection and Alembic omit the schema of a table in the default schema. If the models name it,
every foreign key and type would differ in each comparison.
"""

import copy
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, to_list
from sqlalchemy import ARRAY, ForeignKeyConstraint, MetaData, Table
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import BLANK_SCHEMA
from sqlalchemy.sql.schema import RETAIN_SCHEMA
from sqlalchemy.types import TypeEngine


def setup(plugin: Plugin) -> None:
    """Register the step, to run before anything is compared."""
    plugin.add_autogenerate_comparator(leave_out, "autogenerate", "default_schema", priority=DispatchPriority.FIRST)


def leave_out(context: AutogenContext, _upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Replace the models in the context by copies that do not name the default schema, if a model names it."""
    default = getattr(context.dialect, "default_schema_name", None)
    declared: list[MetaData] = list(to_list(context.metadata))
    if default is not None and any(_names(metadata, default) for metadata in declared):
        context.metadata = [_without(metadata, default) for metadata in declared]
    return PriorityDispatchResult.CONTINUE


def _names(metadata: MetaData, default: str) -> bool:
    return any(
        table.schema == default or any(getattr(_inner(column.type), "schema", None) == default for column in table.c)
        for table in metadata.tables.values()
    )


def _without(metadata: MetaData, default: str) -> MetaData:
    """Return a copy of the models without the name of the default schema; other schemas are kept."""
    copied_metadata = MetaData(naming_convention=metadata.naming_convention)

    def schema_of_target(_table: Table, _to: str | None, _key: ForeignKeyConstraint, schema: str | None) -> Any:
        return BLANK_SCHEMA if schema == default else RETAIN_SCHEMA

    for table in metadata.tables.values():
        schema: Any = None if table.schema == default else RETAIN_SCHEMA
        copied_table = table.to_metadata(copied_metadata, schema=schema, referred_schema_fn=schema_of_target)
        copied_table._prefixes = table._prefixes  # noqa: SLF001  # holds UNLOGGED, which SQLAlchemy does not copy
        for column in copied_table.columns:
            column.type = _plain_type(column.type, default)
        excludes = {
            constraint.name: constraint for constraint in table.constraints if isinstance(constraint, ExcludeConstraint)
        }
        for constraint in copied_table.constraints:
            if isinstance(constraint, ExcludeConstraint):
                # SQLAlchemy does not copy the operator classes.
                constraint.ops = excludes[constraint.name].ops
    copied_metadata.dispatch._update(metadata.dispatch)  # noqa: SLF001  # copies DDL events, as to_metadata does for tables
    for key, sequence in metadata._sequences.items():  # noqa: SLF001  # SQLAlchemy has no public list
        copied_metadata._sequences.setdefault(key, sequence)  # noqa: SLF001
    return copied_metadata


def _plain_type(type_: TypeEngine[Any], default: str) -> TypeEngine[Any]:
    copied_type = copy.copy(type_)
    if isinstance(copied_type, ARRAY):
        copied_type.item_type = _plain_type(copied_type.item_type, default)
    elif getattr(copied_type, "schema", None) == default:
        copied_type.schema = None  # type: ignore[attr-defined]
    return copied_type


def _inner(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    return type_.item_type if isinstance(type_, ARRAY) else type_
