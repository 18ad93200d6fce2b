"""Functions and triggers that models create by DDL events (`event.listen(table, "after_create", DDL(...))`).

`create_all` runs DDL events, and Alembic does not see them. Here they run inside a savepoint against temporary copies
of the tables, and the catalog is read before and after. Functions and triggers that only the database has are left
alone.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateTableOp, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, to_list
from sqlalchemy import DDL, Connection, MetaData, Table, event, text

from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.namespaces import create_missing
from adapter.outbound.database.autogenerate.operations import SQLChange, qualified
from adapter.outbound.database.autogenerate.server_forms import rolled_back, shadow_of
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA

log = logging.getLogger(f"alembic.{__name__}")

_TRIGGER_STATEMENT = re.compile(r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:CONSTRAINT\s+)?TRIGGER\b", re.IGNORECASE)
_CREATE = re.compile(r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?=(?:FUNCTION|PROCEDURE)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class _Programs:
    """The functions and triggers that the DDL events of the models create.

    Attributes:
        functions: Definitions by signature, of the functions that the database lacks or defines differently.
        of_tables: The signatures of the functions that take rows of a table, so that they come after it.
        triggers: Definitions by schema of the table, name of the table and name of the trigger.
    """

    functions: dict[str, str] = field(default_factory=dict)
    of_tables: set[str] = field(default_factory=set)
    triggers: dict[tuple[str | None, str, str], str] = field(default_factory=dict)


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run when the tables have been compared."""
    plugin.add_autogenerate_comparator(compare, "autogenerate", "programs", priority=DispatchPriority.LAST)


def compare(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Create or replace functions and triggers of the models that the database lacks or defines differently."""
    connection = context.connection
    declared: list[MetaData] = list(to_list(context.metadata))
    if connection is None or not any(_has_events(metadata) for metadata in declared):
        return PriorityDispatchResult.CONTINUE
    functions = _functions(connection)
    present = {function.signature: function.definition for function in functions.values()}
    programs = _declared_programs(connection, declared, functions.keys())
    for signature, definition in sorted(programs.functions.items()):
        if present.get(signature) == definition:
            continue
        log.info("Detected added or changed function %s", signature)
        kind = "add_function_of_table" if signature in programs.of_tables else "add_function"
        undo = present.get(signature, f"DROP ROUTINE {signature}")
        upgrade_ops.ops.append(SQLChange(kind, signature, definition.strip(), undo.strip()))
    new_tables = {
        (operation.schema, operation.table_name)
        for operation in upgrade_ops.ops
        if isinstance(operation, CreateTableOp)
    }
    for (schema, table, name), definition in sorted(programs.triggers.items(), key=str):
        table_name = qualified(schema, table)
        old_definition = connection.scalar(text(_TRIGGER), {"table": table_name, "name": name})
        if old_definition == definition:
            continue
        log.info("Detected added or changed trigger %r on %r", name, table)
        drop = f"DROP TRIGGER {PREPARER.quote(name)} ON {table_name}"
        container = ModifyTableOps(table, [], schema=schema)
        if old_definition is not None:
            container.ops.append(SQLChange("remove_trigger", f"{table}.{name}", drop, old_definition))
        undo = "" if (schema, table) in new_tables else drop
        container.ops.append(SQLChange("add_trigger", f"{table}.{name}", definition, undo))
        upgrade_ops.ops.append(container)
    return PriorityDispatchResult.CONTINUE


def _declared_programs(connection: Connection, declared: list[MetaData], present: Collection[str]) -> _Programs:
    programs = _Programs()
    with rolled_back(connection):
        for metadata in declared:
            create_missing(connection, metadata)
            _run(connection, metadata, "before_create")
            for table in metadata.tables.values():
                if _listeners(table, "before_create") or _listeners(table, "after_create"):
                    with rolled_back(connection):
                        if shadow_of(connection, table):
                            _run(connection, table, "before_create")
                            _run(connection, table, "after_create")
                            _read(connection, [table], present, programs)
            tables: dict[str, Table] = {}
            if _listeners(metadata, "after_create"):
                for table in metadata.tables.values():
                    if table.name not in tables and shadow_of(connection, table):
                        tables[table.name] = table
                _run(connection, metadata, "after_create")
            _read(connection, list(tables.values()), present, programs)
    return programs


def _read(connection: Connection, tables: list[Table], present: Collection[str], programs: _Programs) -> None:
    """Note the functions that are not in the database like this, and the triggers on the copies of the tables."""
    for identity, function in _functions(connection).items():
        if identity not in present:
            programs.functions[function.signature] = function.definition
            if function.takes_rows:
                programs.of_tables.add(function.signature)
    for table in tables:
        shadow = f"pg_temp.{PREPARER.quote(table.name)}"
        for name, definition in connection.execute(text(_TRIGGERS), {"table": shadow}):
            own = f" ON {PREPARER.quote(table.name)} "
            permanent = definition.replace(own, f" ON {qualified(table.schema, table.name)} ", 1)
            programs.triggers[table.schema, table.name, name] = permanent


def _functions(connection: Connection) -> dict[str, Any]:
    """Return signature, definition and whether it takes rows of a copy, by a text that identifies a version of it."""
    return {row.identity: row for row in connection.execute(text(_FUNCTIONS))}


def _run(connection: Connection, target: MetaData | Table, when: str) -> None:
    """Run DDL events on the copy of their table; log the reason if one fails."""
    for listener in _listeners(target, when):
        rewrite = partial(_onto_copy, str(connection.dialect.default_schema_name), target)
        event.listen(connection, "before_cursor_execute", rewrite, retval=True)
        savepoint = connection.begin_nested()
        try:
            listener(target, connection, checkfirst=False, tables=None)
        except Exception as error:  # noqa: BLE001  # code of the models, which may raise anything
            savepoint.rollback()
            reason = str(getattr(error, "orig", error)).splitlines() or [type(error).__name__]
            log.warning("Cannot compare what a DDL event makes: %s", reason[0])
        else:
            savepoint.commit()
        finally:
            event.remove(connection, "before_cursor_execute", rewrite)


def _onto_copy(
    default_schema: str,
    target: MetaData | Table,
    _connection: Any,
    _cursor: Any,
    statement: str,
    parameters: Any,
    _context: Any,
    _many: bool,
) -> tuple[str, Any]:
    """Replace a function that exists already, and create a trigger on the copy and not on the table in use."""
    statement = _CREATE.sub("CREATE OR REPLACE ", statement, count=1)
    if isinstance(target, Table) and _TRIGGER_STATEMENT.match(statement):
        schema, name = (rf'"?{re.escape(part)}"?' for part in (target.schema or default_schema, target.name))
        statement = re.sub(rf"(\sON\s+){schema}\.(?={name}\s)", r"\1pg_temp.", statement, count=1, flags=re.IGNORECASE)
    return statement, parameters


def _has_events(metadata: MetaData) -> bool:
    targets: list[MetaData | Table] = [metadata, *metadata.tables.values()]
    return any(_listeners(target, when) for target in targets for when in ("before_create", "after_create"))


def _listeners(target: MetaData | Table, when: str) -> list[Callable[..., object]]:
    """Return the DDL events and functions of the models; SQLAlchemy itself creates enum types by such events."""
    listeners: Iterator[Callable[..., object]] = iter(getattr(target.dispatch, when))
    return [
        listener
        for listener in listeners
        if isinstance(listener, DDL)
        or (isinstance(listener, FunctionType | MethodType) and not listener.__module__.startswith("sqlalchemy."))
    ]


_FUNCTIONS = f"""
SELECT CAST(CAST(p.oid AS regprocedure) AS text) AS signature, pg_get_functiondef(p.oid) AS definition,
       p.oid || md5(CAST(p AS text)) AS identity,
       EXISTS (SELECT FROM unnest(CAST(p.proargtypes AS oid[])) AS argument (type)
                 JOIN pg_catalog.pg_type AS y ON y.oid = argument.type
                 JOIN pg_catalog.pg_class AS c ON c.oid = y.typrelid
                WHERE c.relnamespace = pg_my_temp_schema()) AS takes_rows
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

_TRIGGERS = """
SELECT CAST(tgname AS text), pg_get_triggerdef(oid, true) FROM pg_catalog.pg_trigger
 WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal
"""
