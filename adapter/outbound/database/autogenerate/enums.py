"""Enum types, which the package alembic-postgresql-enum compares.

This file excludes the types of others, and compares those that the models declare without a column
(`Enum(..., metadata=Base.metadata)`), which `create_all` creates and the package would drop.
"""

import logging
from collections.abc import Iterator

import alembic_postgresql_enum
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, to_list
from alembic_postgresql_enum.operations.create_enum import CreateEnumOp
from alembic_postgresql_enum.operations.drop_enum import DropEnumOp
from alembic_postgresql_enum.operations.sync_enum_values import SyncEnumValuesOp
from sqlalchemy import Connection, Enum, text
from sqlalchemy.types import ARRAY

from adapter.outbound.database.autogenerate.filters import OWNER, version_table
from adapter.outbound.database.autogenerate.operations import qualified

log = logging.getLogger(f"alembic.{__name__}")

# The package has one configuration for the whole process.
_types_of_others: set[str] = set()


def setup(plugin: Plugin) -> None:
    """Configure the package, and register the look-up, to run first, and the comparison, to run after the package."""
    alembic_postgresql_enum.set_configuration(
        alembic_postgresql_enum.Config(include_name=lambda name: name not in _types_of_others)
    )
    plugin.add_autogenerate_comparator(look_up, "autogenerate", "types_of_others", priority=DispatchPriority.FIRST)
    plugin.add_autogenerate_comparator(
        compare_without_column, "autogenerate", "enums_without_column", priority=DispatchPriority.LAST
    )


def look_up(context: AutogenContext, _upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Read the enum types that only the database has and that must not be dropped."""
    _types_of_others.clear()
    if context.connection is not None:
        type_names = context.connection.scalars(text(_TYPES_OF_OTHERS), {"version_table": version_table(context)})
        _types_of_others.update(set(type_names) - _declared(context))
    return PriorityDispatchResult.CONTINUE


def compare_without_column(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Keep, create and change the enum types that the models declare without a column."""
    connection = context.connection
    if connection is None:
        return PriorityDispatchResult.CONTINUE
    used_names = set(_names_in_columns(context))
    for enum in _in_metadata(context):
        schema, name = enum.schema or str(connection.dialect.default_schema_name), str(enum.name)
        if (schema, name) in used_names:
            continue
        upgrade_ops.ops[:] = [
            operation
            for operation in upgrade_ops.ops
            if not (isinstance(operation, DropEnumOp) and (operation.schema, operation.name) == (schema, name))
        ]
        before, after = _values(connection, qualified(schema, name)), list(enum.enums)
        if before == after or not getattr(enum, "create_type", True):
            continue
        log.info("Detected added or changed enum %r without a column", name)
        if before:
            upgrade_ops.ops.append(SyncEnumValuesOp(schema, name, before, after, [], []))
        else:
            upgrade_ops.ops.insert(0, CreateEnumOp(name=name, schema=schema, enum_values=after))
    return PriorityDispatchResult.CONTINUE


def _values(connection: Connection, name: str) -> list[str]:
    """Return the values of an enum type in their order; empty if there is no such type."""
    return list(connection.scalars(text(_VALUES), {"name": name}))


def _declared(context: AutogenContext) -> set[str]:
    return {name for _, name in _names_in_columns(context)} | {str(enum.name) for enum in _in_metadata(context)}


def _names_in_columns(context: AutogenContext) -> Iterator[tuple[str, str]]:
    """Return schema and name of the named types of all columns."""
    default_schema = str(context.dialect.default_schema_name) if context.dialect is not None else ""
    columns = (
        column for metadata in to_list(context.metadata) for table in metadata.tables.values() for column in table.c
    )
    types = (column.type.item_type if isinstance(column.type, ARRAY) else column.type for column in columns)
    for type_ in types:
        if name := getattr(type_, "name", None):
            yield getattr(type_, "schema", None) or default_schema, str(name)


def _in_metadata(context: AutogenContext) -> Iterator[Enum]:
    """Return the enum types that `create_all` creates, with and without a column, one of each name."""
    types = {
        (type_.schema, str(type_.name)): type_
        for metadata in to_list(context.metadata)
        for type_ in metadata._objects  # noqa: SLF001  # the public list wants the schema
        if isinstance(type_, Enum) and type_.native_enum and type_.name
    }
    yield from (types[key] for key in sorted(types, key=str))


_VALUES = """
SELECT CAST(enumlabel AS text) FROM pg_catalog.pg_enum WHERE enumtypid = to_regtype(:name) ORDER BY enumsortorder
"""

# Members of extensions, types of another owner, names that begin with _, and types that skipped tables use.
_TYPES_OF_OTHERS = rf"""
WITH others AS (
    SELECT c.oid
      FROM pg_catalog.pg_class AS c
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
       AND (c.relname LIKE '\_%' OR c.relkind NOT IN ('r', 'p') OR c.relowner <> {OWNER}
            OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
)
SELECT DISTINCT CAST(t.typname AS text)
  FROM pg_catalog.pg_type AS t
 WHERE t.typtype = 'e'
   AND (t.typowner <> {OWNER}
        OR t.typname LIKE '\_%'
        OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid IN (TABLE others) AND a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped))
"""  # noqa: S608  # built from constants
