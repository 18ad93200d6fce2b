"""Identity columns: Alembic sees that they differ, but what it renders does not run."""

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, MigrateOperation, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Identity, text

from adapter.outbound.database.autogenerate.operations import SQLChange, qualified


def setup(plugin: Plugin) -> None:
    """Register the step, to run when the columns have been compared."""
    plugin.add_autogenerate_comparator(replace, "autogenerate", "identity", priority=DispatchPriority.LAST)


def replace(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Write identity changes as the statements of Postgres (manual, ALTER TABLE)."""
    for container in upgrade_ops.ops:
        if isinstance(container, ModifyTableOps):
            container.ops[:] = [each for operation in container.ops for each in _replaced(context, operation)]
    return PriorityDispatchResult.CONTINUE


def _replaced(context: AutogenContext, operation: MigrateOperation) -> list[MigrateOperation]:
    if not isinstance(operation, AlterColumnOp) or operation.modify_server_default is False:
        return [operation]
    before, after = operation.existing_server_default, operation.modify_server_default
    before = before if isinstance(before, Identity) else None
    after = after if isinstance(after, Identity) else None
    if before is None and after is None:
        return [operation]
    preparer = context.migration_context.dialect.identifier_preparer
    table = qualified(preparer, operation.schema, operation.table_name)
    alter = f"ALTER TABLE {table} ALTER COLUMN {preparer.quote(operation.column_name)}"
    change = SQLChange(
        "modify_identity",
        f"{operation.table_name}.{operation.column_name}",
        f"{alter} {_action(before, after)}",
        f"{alter} {_action(after, before)}",
    )
    operation.modify_server_default = False
    operation.existing_server_default = None
    changes: list[MigrateOperation] = [change]
    if before is None:
        changes = _from_serial(context, operation, table, change)
    return [*changes, operation] if operation.has_changes() else changes


def _from_serial(
    context: AutogenContext, operation: AlterColumnOp, table: str, change: SQLChange
) -> list[MigrateOperation]:
    """Take the sequence of a serial column away first, and let the identity go on where it stood."""
    preparer = context.migration_context.dialect.identifier_preparer
    column, bound = preparer.quote(operation.column_name), {"table": table, "column": operation.column_name}
    if context.connection is None:
        return [change]
    serial = context.connection.execute(text(_SERIAL), bound).one_or_none()
    if serial is None:
        return [change]
    alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
    goes_on = "SELECT setval('{}', coalesce(max({}), 0) + 1, false) FROM {}"
    subject = change.subject
    name, table_text = serial.name.replace("'", "''"), table.replace("'", "''")
    identity = f"SELECT setval(pg_get_serial_sequence('{table_text}', '{operation.column_name}'), "
    create = f"CREATE SEQUENCE {serial.name} AS {serial.type} OWNED BY {table}.{column}"
    return [
        # The last statement of the downgrade.
        SQLChange("modify_identity", subject, "", goes_on.format(name, column, table)),
        SQLChange("modify_identity", subject, f"{alter} DROP DEFAULT", f"{alter} SET DEFAULT nextval('{name}')"),
        SQLChange("modify_identity", subject, f"DROP SEQUENCE {serial.name}", create),
        change,
        SQLChange("modify_identity", subject, f"{identity}coalesce(max({column}), 0) + 1, false) FROM {table}", ""),
    ]


# The sequence that a serial column owns; an identity's depends on its column in another way ('i').
_SERIAL = """
SELECT CAST(CAST(s.seqrelid AS regclass) AS text) AS name, format_type(s.seqtypid, NULL) AS type
  FROM pg_catalog.pg_sequence AS s
  JOIN pg_catalog.pg_depend AS d ON d.objid = s.seqrelid AND d.classid = 'pg_class'::regclass AND d.deptype = 'a'
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE d.refobjid = to_regclass(:table) AND a.attname = :column
"""


def _action(before: Identity | None, after: Identity | None) -> str:
    if after is None:
        return "DROP IDENTITY"
    always = "ALWAYS" if after.always else "BY DEFAULT"
    options = _options(after)
    if before is None:
        return f"ADD GENERATED {always} AS IDENTITY" + (f" ({' '.join(options)})" if options else "")
    return " ".join([f"SET GENERATED {always}", *(f"SET {option}" for option in _complete(after))])


def _options(identity: Identity) -> list[str]:
    written = {
        "START WITH": identity.start,
        "INCREMENT BY": identity.increment,
        "MINVALUE": identity.minvalue,
        "MAXVALUE": identity.maxvalue,
        "CACHE": identity.cache,
    }
    options = [f"{words} {value}" for words, value in written.items() if value is not None]
    return [*options, "CYCLE"] if identity.cycle else options


def _complete(identity: Identity) -> list[str]:
    """Write every option, as ALTER keeps what is not named."""
    return [
        f"START WITH {identity.start or 1}",
        f"INCREMENT BY {identity.increment or 1}",
        "NO MINVALUE" if identity.minvalue is None else f"MINVALUE {identity.minvalue}",
        "NO MAXVALUE" if identity.maxvalue is None else f"MAXVALUE {identity.maxvalue}",
        f"CACHE {identity.cache or 1}",
        "CYCLE" if identity.cycle else "NO CYCLE",
    ]
