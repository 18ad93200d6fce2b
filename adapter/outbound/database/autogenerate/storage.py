"""Compare the storage of a table: the parameters of `postgresql_with`, and UNLOGGED."""

import logging

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from sqlalchemy import Table, text

from adapter.outbound.database.autogenerate.operations import SQLChange

log = logging.getLogger(f"alembic.{__name__}")

_QUERY = """
SELECT relpersistence = 'u' AS unlogged, coalesce(reloptions, '{}') AS options
  FROM pg_catalog.pg_class WHERE oid = to_regclass(:name)
"""


def setup(plugin: Plugin) -> None:
    """Register the comparator."""
    plugin.add_autogenerate_comparator(compare, "table", "storage")


def compare(
    context: AutogenContext,
    table_ops: ModifyTableOps,
    _schema: str | None,
    _name: str,
    database_table: Table | None,
    model_table: Table | None,
) -> PriorityDispatchResult:
    """Set the parameters that the model names; the administrator decides about all others."""
    if database_table is None or model_table is None or context.connection is None:
        return PriorityDispatchResult.CONTINUE
    table = context.migration_context.dialect.identifier_preparer.format_table(model_table)
    row = context.connection.execute(text(_QUERY), {"name": table}).one()
    database_options = dict(option.split("=", 1) for option in row.options)
    for key, value in (model_table.dialect_options["postgresql"].get("with") or {}).items():
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
    return PriorityDispatchResult.CONTINUE


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
