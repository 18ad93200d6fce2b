"""Serial columns: the sequence of SERIAL is created, dropped or changed as the model requires."""

import logging

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, ModifyTableOps
from alembic.runtime.plugins import Plugin
from sqlalchemy import Table

from adapter.outbound.database.autogenerate.catalog_forms import ColumnForm
from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.operations import SQLChange
from adapter.outbound.database.autogenerate.server_forms import table_pair
from adapter.outbound.database.autogenerate.table_comparator import add_comparison

log = logging.getLogger(f"alembic.{__name__}")


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run after Alembic's own, when dropped columns are known."""
    add_comparison(plugin, "serial", compare)


def compare(context: AutogenContext, table_ops: ModifyTableOps, _database_table: Table, model_table: Table) -> None:
    """Create, change or drop the sequences of columns so that they equal those of `create_all`."""
    pair = table_pair(context, model_table)
    if pair.model is None:
        return
    table = PREPARER.format_table(model_table)
    before: list[MigrateOperation] = []
    after: list[MigrateOperation] = []
    for name, old in pair.database.columns.items():
        new, column = pair.model.columns.get(name), PREPARER.quote(name)
        if old.sequence is not None and new is None:
            # Postgres drops the sequence with its column; the downgrade must create both.
            before += _steps("restore_serial", table, column, old, old.sequence, goes=True, silent=True)
        elif old.sequence is not None and new is not None and new.sequence is None and not new.identity:
            before += _steps("remove_serial", table, column, old, old.sequence, goes=True)
        elif old.sequence is not None and new is not None and old.sequence_type != new.sequence_type and new.sequence:
            alter = f"ALTER SEQUENCE {old.sequence} AS "
            statements = (f"{alter}{new.sequence_type}", f"{alter}{old.sequence_type}")
            after.append(SQLChange("modify_serial", f"{model_table.name}.{name}", *statements))
    for name, new in pair.model.columns.items():
        present = pair.database.columns.get(name)
        if new.sequence is not None and (present is None or present.sequence is None):
            schema = f"{PREPARER.quote_schema(model_table.schema)}." if model_table.schema else ""
            sequence = schema + new.sequence.rpartition(".")[2]
            after += _steps("add_serial", table, PREPARER.quote(name), new, sequence, goes=False)
    for change in [*before, *after]:
        log.info("Detected changed sequence: %s", getattr(change, "upgrade_sql", ""))
    table_ops.ops[:] = [*before, *table_ops.ops, *after]


def _steps(
    kind: str, table: str, column: str, form: ColumnForm, sequence: str, *, goes: bool, silent: bool = False
) -> list[MigrateOperation]:
    """Return the statements that create or drop a sequence, in the order of the upgrade.

    Args:
        kind: The name of the difference in `alembic check`.
        table: The quoted name of the table.
        column: The quoted name of the column.
        form: The column on the side that has the sequence.
        sequence: The quoted name of the sequence.
        goes: Whether the upgrade drops the sequence.
        silent: Whether only the downgrade has statements.
    """
    literal = sequence.replace("'", "''")
    alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
    pairs = [
        (
            f"CREATE SEQUENCE {sequence} AS {form.sequence_type} OWNED BY {table}.{column}",
            f"DROP SEQUENCE {sequence}",
        ),
        (f"SELECT setval('{literal}', coalesce(max({column}), 0) + 1, false) FROM {table}", ""),  # noqa: S608  # quoted names
        (f"{alter} SET DEFAULT nextval('{literal}')", f"{alter} DROP DEFAULT"),
    ]
    subject = f"{table}.{column}"
    if not goes:
        return [SQLChange(kind, subject, *statements) for statements in pairs]
    return [SQLChange(kind, subject, "" if silent else drop, create) for create, drop in reversed(pairs)]
