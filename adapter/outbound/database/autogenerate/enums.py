"""Enum types, which the package alembic-postgresql-enum compares; this file excludes the types of others."""

import alembic_postgresql_enum
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, to_list
from sqlalchemy import text
from sqlalchemy.types import ARRAY

from adapter.outbound.database.autogenerate.filters import OWNER, version_table

# The package has one configuration for the whole process.
_types_of_others: set[str] = set()


def setup(plugin: Plugin) -> None:
    """Configure the package, and register the look-up, to run before anything is compared."""
    alembic_postgresql_enum.set_configuration(
        alembic_postgresql_enum.Config(include_name=lambda name: name not in _types_of_others)
    )
    plugin.add_autogenerate_comparator(look_up, "autogenerate", "types_of_others", priority=DispatchPriority.FIRST)


def look_up(context: AutogenContext, _upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Read the enum types that only the database has and that must not be dropped."""
    _types_of_others.clear()
    if context.connection is not None:
        type_names = context.connection.scalars(text(_TYPES_OF_OTHERS), {"version_table": version_table(context)})
        _types_of_others.update(set(type_names) - _declared(context))
    return PriorityDispatchResult.CONTINUE


def _declared(context: AutogenContext) -> set[str]:
    columns = (
        column for metadata in to_list(context.metadata) for table in metadata.tables.values() for column in table.c
    )
    types = (column.type.item_type if isinstance(column.type, ARRAY) else column.type for column in columns)
    return {name for name in (getattr(type_, "name", None) for type_ in types) if name}


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
