"""Objects that autogenerate leaves alone: those of other owners, and those that must not be dropped."""

from dataclasses import dataclass, field
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, MetaData, Table, text
from sqlalchemy.schema import SchemaItem

from adapter.outbound.database.autogenerate.expressions import PREPARER

OPTION = "name_filters"


@dataclass
class Filters:
    """The two filters of one autogenerate run.

    Attributes:
        metadata: The models.
        tables_of_others: Schema (None for the default one) and name of the tables that only the database has and that
            must not be dropped: partitions and other children, members of extensions, tables of another owner. The set
            is filled when the run begins.
        inherited_columns: Schema and name of the table and name of the column, of the columns that a table only has
            because its parent has them; the set is filled in the same way.
    """

    metadata: MetaData
    tables_of_others: set[tuple[str | None, str]] = field(default_factory=set)
    inherited_columns: set[tuple[str | None, str, str]] = field(default_factory=set)

    def include_name(self, name: str | None, type_: str, _parents: Any) -> bool:
        """Return whether a schema is one of the models; tables of other applications are so never dropped."""
        return type_ != "schema" or name is None or name in {table.schema for table in self.metadata.tables.values()}

    def include_object(
        self, item: SchemaItem, name: str | None, type_: str, reflected: bool, compare_to: SchemaItem | None
    ) -> bool:
        """Return whether an object is compared: not a view, no name that begins with `_`, no table of another owner.

        Except for views, everything that the models declare is compared. A view is a `Table` that is marked in its
        `info`: `Table(..., info={"is_view": True})`.
        """
        if isinstance(item, Table) and item.info.get("is_view"):
            return False
        if not reflected or compare_to is not None:
            return True
        if name is not None and name.startswith("_"):
            return False
        if isinstance(item, Column):
            return (item.table.schema, item.table.name, item.name) not in self.inherited_columns
        return not (isinstance(item, Table) and type_ == "table" and (item.schema, item.name) in self.tables_of_others)


def setup(plugin: Plugin) -> None:
    """Register the look-up, to run before anything is compared."""
    plugin.add_autogenerate_comparator(look_up, "autogenerate", "tables_of_others", priority=DispatchPriority.FIRST)


def look_up(context: AutogenContext, _upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Read the tables that belong to others, and the columns that belong to parents."""
    filters: Filters | None = context.opts.get(OPTION)
    if filters is None or context.connection is None or context.dialect is None:
        return PriorityDispatchResult.CONTINUE
    default_schema = context.dialect.default_schema_name
    rows = context.connection.execute(text(TABLES_OF_OTHERS), {"version_table": version_table(context)})
    filters.tables_of_others.clear()
    filters.tables_of_others.update((None if schema == default_schema else schema, name) for schema, name in rows)
    filters.inherited_columns.clear()
    filters.inherited_columns.update(
        (None if schema == default_schema else schema, table, column)
        for schema, table, column in context.connection.execute(text(_INHERITED_COLUMNS))
    )
    return PriorityDispatchResult.CONTINUE


def version_table(context: AutogenContext) -> str:
    """Return the quoted, qualified name of the version table; its owner is the role that migrates."""
    migration = context.migration_context
    quote = PREPARER.quote
    schema = migration.version_table_schema
    return (f"{quote(schema)}." if schema else "") + quote(migration.version_table)


OWNER = """
coalesce((SELECT relowner FROM pg_catalog.pg_class WHERE oid = to_regclass(:version_table)),
         (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
"""

_INHERITED_COLUMNS = """
SELECT CAST(n.nspname AS text), CAST(c.relname AS text), CAST(a.attname AS text)
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE a.attinhcount > 0 AND NOT a.attislocal AND NOT a.attisdropped
"""

TABLES_OF_OTHERS = f"""
SELECT CAST(n.nspname AS text), CAST(c.relname AS text)
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p')
   AND (c.relowner <> {OWNER}
        OR EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = c.oid)
        OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
"""  # noqa: S608  # built from constants
