"""Models that name the default schema themselves (`schema="public"`) are compared as those that name none.

Postgres, SQLAlchemy's reflection and Alembic say nothing where a table is in the default schema: with two names for one
place every key and type would differ for ever.
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
    """Compare copies of the models, without the default schema's name, where a model has it."""
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
    """Copy the models; tables that name another schema keep it."""
    plain = MetaData(naming_convention=metadata.naming_convention)

    def referred(_table: Table, _to: str | None, _key: ForeignKeyConstraint, schema: str | None) -> Any:
        return BLANK_SCHEMA if schema == default else RETAIN_SCHEMA

    for table in metadata.tables.values():
        schema: Any = None if table.schema == default else RETAIN_SCHEMA
        copied = table.to_metadata(plain, schema=schema, referred_schema_fn=referred)
        copied._prefixes = table._prefixes  # noqa: SLF001  # UNLOGGED, which SQLAlchemy does not copy
        for column in copied.columns:
            column.type = _plain_type(column.type, default)
        excludes = {each.name: each for each in table.constraints if isinstance(each, ExcludeConstraint)}
        for each in copied.constraints:
            if isinstance(each, ExcludeConstraint):
                # SQLAlchemy does not copy the operator classes.
                each.ops = excludes[each.name].ops
    plain.dispatch._update(metadata.dispatch)  # noqa: SLF001  # DDL events, as to_metadata does it for tables
    for key, sequence in metadata._sequences.items():  # noqa: SLF001  # SQLAlchemy has no public list
        plain._sequences.setdefault(key, sequence)  # noqa: SLF001
    return plain


def _plain_type(type_: TypeEngine[Any], default: str) -> TypeEngine[Any]:
    plain = copy.copy(type_)
    if isinstance(plain, ARRAY):
        plain.item_type = _plain_type(plain.item_type, default)
    elif getattr(plain, "schema", None) == default:
        plain.schema = None  # type: ignore[attr-defined]
    return plain


def _inner(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    return type_.item_type if isinstance(type_, ARRAY) else type_
