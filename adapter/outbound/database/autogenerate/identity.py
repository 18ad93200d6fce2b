"""Identity columns: Alembic sees that they differ, but the statements that it renders do not run."""

from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AlterColumnOp, MigrateOperation, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, DefaultClause, Identity, text

from adapter.outbound.database.autogenerate.equal import metadata_tables
from adapter.outbound.database.autogenerate.expressions import DIALECT, PREPARER
from adapter.outbound.database.autogenerate.operations import SQLChange, qualified, type_text


def setup(plugin: Plugin) -> None:
    """Register the step, to run when the columns have been compared."""
    plugin.add_autogenerate_comparator(replace, "autogenerate", "identity", priority=DispatchPriority.LAST)


def replace(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Replace identity changes by the statements of Postgres (manual, ALTER TABLE)."""
    for container in upgrade_ops.ops:
        if isinstance(container, ModifyTableOps):
            container.ops[:] = [step for operation in container.ops for step in _replaced(context, operation)]
    return PriorityDispatchResult.CONTINUE


def _replaced(context: AutogenContext, operation: MigrateOperation) -> list[MigrateOperation]:
    if not isinstance(operation, AlterColumnOp) or operation.modify_server_default is False:
        return [operation]
    old_default, new_default = operation.existing_server_default, operation.modify_server_default
    before = old_default if isinstance(old_default, Identity) else None
    after = new_default if isinstance(new_default, Identity) else None
    if before is None and after is None:
        return [operation]
    table = qualified(operation.schema, operation.table_name)
    alter = f"ALTER TABLE {table} ALTER COLUMN {PREPARER.quote(operation.column_name)}"
    subject = f"{operation.table_name}.{operation.column_name}"
    change = SQLChange(
        "modify_identity", subject, f"{alter} {_action(before, after)}", f"{alter} {_action(after, before)}"
    )
    model = metadata_tables(context)[operation.schema, operation.table_name].columns[operation.column_name]
    operation.modify_server_default = False
    operation.existing_server_default = None
    if before is None:
        if operation.existing_nullable:
            operation.modify_nullable = False  # Alembic ignores this, and Postgres requires it
        drops: list[MigrateOperation] = []
        if isinstance(old_default, DefaultClause):
            sql = _default(Column(operation.column_name, model.type, server_default=old_default))
            drops = [SQLChange("modify_identity", subject, f"{alter} DROP DEFAULT", f"{alter} SET DEFAULT {sql}")]
        steps = [*drops, operation, *_from_serial(context, operation, table, change)]
    elif after is None:
        if model.nullable:
            operation.modify_nullable = True
        sets: list[MigrateOperation] = []
        if isinstance(new_default, DefaultClause):
            set_default = f"{alter} SET DEFAULT {_default(model)}"
            sets = [SQLChange("modify_identity", subject, set_default, f"{alter} DROP DEFAULT")]
        steps = [change, operation, *sets]
    else:
        steps = [operation, change] if _is_wider(operation) else [change, operation]
    return [step for step in steps if step is not operation or operation.has_changes()]


def _default(column: Column[Any]) -> str:
    # The compiler needs a statement only to compile whole statements, not parts of them.
    return str(DIALECT.ddl_compiler(DIALECT, None).get_column_default_string(column))  # type: ignore[arg-type]


def _is_wider(operation: AlterColumnOp) -> bool:
    """Return whether the type gets wider, so that a larger MAXVALUE is possible only after it."""
    before, after = operation.existing_type, operation.modify_type
    if before is None or after is None:
        return False
    widths = [_TYPES.index(name) if (name := type_text(type_)) in _TYPES else 0 for type_ in (before, after)]
    return widths[0] < widths[1]


_TYPES = ("SMALLINT", "INTEGER", "BIGINT")


def _from_serial(
    context: AutogenContext, operation: AlterColumnOp, table: str, change: SQLChange
) -> list[MigrateOperation]:
    """Return the change with statements that drop the sequence of a serial column and continue at its next value."""
    column, parameters = PREPARER.quote(operation.column_name), {"table": table, "column": operation.column_name}
    if context.connection is None:
        return [change]
    sequence = context.connection.execute(text(_SERIAL), parameters).one_or_none()
    if sequence is None:
        return [change]
    alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
    set_sequence = "SELECT setval('{}', coalesce(max({}), 0) + 1, false) FROM {}"
    subject = change.subject
    name, table_text = sequence.name.replace("'", "''"), table.replace("'", "''")
    set_identity = f"SELECT setval(pg_get_serial_sequence('{table_text}', '{operation.column_name}'), "
    create = f"CREATE SEQUENCE {sequence.name} AS {sequence.type} OWNED BY {table}.{column}"
    return [
        # The last statement of the downgrade.
        SQLChange("modify_identity", subject, "", set_sequence.format(name, column, table)),
        SQLChange("modify_identity", subject, f"{alter} DROP DEFAULT", f"{alter} SET DEFAULT nextval('{name}')"),
        SQLChange("modify_identity", subject, f"DROP SEQUENCE {sequence.name}", create),
        change,
        SQLChange("modify_identity", subject, f"{set_identity}coalesce(max({column}), 0) + 1, false) FROM {table}", ""),
    ]


# The sequence that a serial column owns. The sequence of an identity column has the dependency type 'i' instead.
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
    changes = [f"SET GENERATED {always}", *(f"SET {option}" for option in _all_options(after))]
    if _counts_down(before) != _counts_down(after):
        changes.append("RESTART")  # the next value is outside of the new range
    return " ".join(changes)


def _counts_down(identity: Identity) -> bool:
    return (identity.increment or 1) < 0


def _options(identity: Identity) -> list[str]:
    values = {
        "START WITH": identity.start,
        "INCREMENT BY": identity.increment,
        "MINVALUE": identity.minvalue,
        "MAXVALUE": identity.maxvalue,
        "CACHE": identity.cache,
    }
    options = [f"{words} {value}" for words, value in values.items() if value is not None]
    return [*options, "CYCLE"] if identity.cycle else options


def _all_options(identity: Identity) -> list[str]:
    """Return every option, because ALTER keeps the options that it does not name."""
    return [
        f"START WITH {identity.start or (-1 if _counts_down(identity) else 1)}",
        f"INCREMENT BY {identity.increment or 1}",
        "NO MINVALUE" if identity.minvalue is None else f"MINVALUE {identity.minvalue}",
        "NO MAXVALUE" if identity.maxvalue is None else f"MAXVALUE {identity.maxvalue}",
        f"CACHE {identity.cache or 1}",
        "CYCLE" if identity.cycle else "NO CYCLE",
    ]
