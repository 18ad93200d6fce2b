"""Functions and triggers that models create by DDL events (`event.listen(table, "after_create", DDL(...))`).

`create_all` runs DDL events, and Alembic does not see them. Here they run inside a savepoint against temporary copies
of the tables, and the catalog is read before and after. Functions and triggers that only the database has are left
alone.
"""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateTableOp, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, to_list
from sqlalchemy import DDL, Connection, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import SchemaItem

from adapter.outbound.database.autogenerate.expressions import PREPARER, literal_text
from adapter.outbound.database.autogenerate.operations import SQLChange
from adapter.outbound.database.autogenerate.server_forms import rolled_back, shadow_of
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA

log = logging.getLogger(f"alembic.{__name__}")

_CREATE = re.compile(r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?=(?:FUNCTION|PROCEDURE)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class _Programs:
    """The functions and triggers that the DDL events of the models create.

    Attributes:
        functions: Definitions by signature, of the functions that the database lacks or defines differently.
        triggers: Definitions by schema of the table, name of the table and name of the trigger.
    """

    functions: dict[str, str]
    triggers: dict[tuple[str | None, str, str], str]


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run when the tables have been compared."""
    plugin.add_autogenerate_comparator(compare, "autogenerate", "programs", priority=DispatchPriority.LAST)


def compare(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Create or replace functions and triggers of the models that the database lacks or defines differently."""
    connection = context.connection
    declared: list[MetaData] = list(to_list(context.metadata))
    if connection is None or not any(_events(metadata) for metadata in declared):
        return PriorityDispatchResult.CONTINUE
    programs = _declared_programs(connection, declared)
    present = _functions(connection)
    for signature, definition in sorted(programs.functions.items()):
        log.info("Detected added or changed function %s", signature)
        undo = present.get(signature, f"DROP FUNCTION {signature}")
        upgrade_ops.ops.append(SQLChange("add_function", signature, definition.strip(), undo.strip()))
    new_tables = {
        (operation.schema, operation.table_name)
        for operation in upgrade_ops.ops
        if isinstance(operation, CreateTableOp)
    }
    for (schema, table, name), definition in sorted(programs.triggers.items(), key=str):
        quote = PREPARER.quote
        table_name = f"{quote(schema)}.{quote(table)}" if schema else quote(table)
        old_definition = connection.scalar(text(_TRIGGER), {"table": table_name, "name": name})
        if old_definition == definition:
            continue
        log.info("Detected added or changed trigger %r on %r", name, table)
        drop = f"DROP TRIGGER {quote(name)} ON {table_name}"
        container = ModifyTableOps(table, [], schema=schema)
        if old_definition is not None:
            container.ops.append(SQLChange("remove_trigger", f"{table}.{name}", drop, old_definition))
        undo = "" if (schema, table) in new_tables else drop
        container.ops.append(SQLChange("add_trigger", f"{table}.{name}", definition, undo))
        upgrade_ops.ops.append(container)
    return PriorityDispatchResult.CONTINUE


def _declared_programs(connection: Connection, declared: list[MetaData]) -> _Programs:
    before = _functions(connection)
    with rolled_back(connection):
        # A trigger whose DDL names the schema is created on the table itself, and waits for the sessions that use it.
        connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
        for metadata in declared:
            shadows = [table for table in metadata.tables.values() if shadow_of(connection, table)]
            for ddl in _ddl(metadata, "before_create"):
                _run(connection, ddl, metadata)
            for table in shadows:
                for ddl in _ddl(table, "before_create") + _ddl(table, "after_create"):
                    _run(connection, ddl, table)
            for ddl in _ddl(metadata, "after_create"):
                _run(connection, ddl, metadata)
        after = _functions(connection)
        tables = {table.name: table for metadata in declared for table in metadata.tables.values()}
        triggers = {
            (tables[row.table].schema, row.table, row.name): row.definition
            for row in connection.execute(text(_SHADOW_TRIGGERS))
            if row.table in tables
        }
    return _Programs({name: after[name] for name in after if before.get(name) != after[name]}, triggers)


def _functions(connection: Connection) -> dict[str, str]:
    return {row.signature: row.definition for row in connection.execute(text(_FUNCTIONS))}


def _run(connection: Connection, ddl: DDL, target: SchemaItem) -> None:
    """Run a DDL event; log the reason if the server refuses it."""
    # The function may exist already.
    statement = _CREATE.sub("CREATE OR REPLACE ", _statement(ddl, target), count=1)
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(literal_text(statement)))
    except DBAPIError as error:
        savepoint.rollback()
        log.warning("Cannot compare what a DDL event makes: %s", str(error.orig).splitlines()[0])
    else:
        savepoint.commit()


def _statement(ddl: DDL, target: SchemaItem) -> str:
    context: dict[str, Any] = dict(ddl.context)
    if isinstance(target, Table):
        context |= {"table": target.name, "schema": target.schema or "", "fullname": target.fullname}
    return str(ddl.statement % context)


def _events(metadata: MetaData) -> list[DDL]:
    targets: list[SchemaItem] = [metadata, *metadata.tables.values()]
    return [ddl for target in targets for when in ("before_create", "after_create") for ddl in _ddl(target, when)]


def _ddl(target: SchemaItem, when: str) -> list[DDL]:
    listeners: Iterator[Callable[..., object]] = iter(getattr(target.dispatch, when))
    return [listener for listener in listeners if isinstance(listener, DDL)]


_FUNCTIONS = f"""
SELECT CAST(CAST(p.oid AS regprocedure) AS text) AS signature, pg_get_functiondef(p.oid) AS definition
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
 WHERE p.prokind IN ('f', 'p') AND {IN_USER_SCHEMA}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""  # noqa: S608 - a constant

_TRIGGER = """
SELECT pg_get_triggerdef(oid, true) FROM pg_catalog.pg_trigger
 WHERE tgrelid = to_regclass(:table) AND tgname = :name AND NOT tgisinternal
"""

_SHADOW_TRIGGERS = """
SELECT CAST(c.relname AS text) AS "table", CAST(t.tgname AS text) AS name, pg_get_triggerdef(t.oid, true) AS definition
  FROM pg_catalog.pg_trigger AS t
  JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
 WHERE c.relnamespace = pg_my_temp_schema() AND NOT t.tgisinternal
"""
