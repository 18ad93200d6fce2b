"""Compare the storage of a table: the parameters of `postgresql_with`, and UNLOGGED."""

import logging

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority
from sqlalchemy import Table, text

from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.operations import SQLChange
from adapter.outbound.database.autogenerate.table_comparator import add_comparison

log = logging.getLogger(f"alembic.{__name__}")

_QUERY = """
SELECT c.relpersistence = 'u' AS unlogged,
       coalesce(c.reloptions, '{}')
       || ARRAY(SELECT 'toast.' || parameter FROM unnest(t.reloptions) AS parameter) AS options
  FROM pg_catalog.pg_class AS c
  LEFT JOIN pg_catalog.pg_class AS t ON t.oid = c.reltoastrelid
 WHERE c.oid = to_regclass(:name)
"""


def setup(plugin: Plugin) -> None:
    """Register the comparator."""
    add_comparison(plugin, "storage", compare, DispatchPriority.MEDIUM)


def compare(context: AutogenContext, table_ops: ModifyTableOps, _database_table: Table, model_table: Table) -> None:
    """Set the parameters that the model names; the administrator decides about all others."""
    if context.connection is None:
        return
    table = PREPARER.format_table(model_table)
    row = context.connection.execute(text(_QUERY), {"name": table}).one()
    database_options = dict(option.split("=", 1) for option in row.options)
    for name, value in (model_table.dialect_options["postgresql"].get("with") or {}).items():
        key = name.lower()
        before, after = database_options.get(key), _literal(value)
        if before != after:
            log.info("Detected storage parameter %s %s to %s on %r", key, before, after, model_table.name)
            undo = f"RESET ({key})" if before is None else f"SET ({key} = '{before}')"
            change = (f"ALTER TABLE {table} SET ({key} = '{after}')", f"ALTER TABLE {table} {undo}")
            table_ops.ops.append(SQLChange("modify_storage", f"{model_table.name}.{key}", *change))
    unlogged = any(prefix.upper() == "UNLOGGED" for prefix in model_table._prefixes)  # noqa: SLF001
    if unlogged != row.unlogged:
        words = ("UNLOGGED", "LOGGED") if unlogged else ("LOGGED", "UNLOGGED")
        log.info("Detected %s to %s on %r", words[1], words[0], model_table.name)
        table_ops.ops.append(
            SQLChange("modify_storage", model_table.name, *(f"ALTER TABLE {table} SET {word}" for word in words))
        )


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
