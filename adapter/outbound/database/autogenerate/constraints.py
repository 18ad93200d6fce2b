"""Constraints of the same name that differ, and EXCLUDE constraints, which Alembic does not look at.

CHECK text, DEFERRABLE, INCLUDE, columns and name of the primary key, EXCLUDE, NOT VALID. The definitions are
the server's own, so the statements restore exactly what was there.
"""

import logging
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from alembic.util.sqla_compat import _get_constraint_final_name
from sqlalchemy import Constraint, ForeignKeyConstraint, Table

from adapter.outbound.database.autogenerate.catalog_forms import KeyForm, key_of_model
from adapter.outbound.database.autogenerate.in_lists import written_as_in
from adapter.outbound.database.autogenerate.operations import SQLChange, constraint_text, named
from adapter.outbound.database.autogenerate.server_forms import TablePair, table_pair

log = logging.getLogger(f"alembic.{__name__}")

# What filters and `alembic check` call a row of pg_constraint by its contype.
_TYPES = {
    "c": "check_constraint",
    "f": "foreign_key_constraint",
    "p": "primary_key_constraint",
    "u": "unique_constraint",
    "x": "exclude_constraint",
}


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run after Alembic's own."""
    plugin.add_autogenerate_comparator(compare, "table", "constraints", priority=DispatchPriority.LAST)


def compare(
    context: AutogenContext,
    table_ops: ModifyTableOps,
    _schema: str | None,
    _name: str,
    database_table: Table | None,
    model_table: Table | None,
) -> PriorityDispatchResult:
    """Drop and add each constraint whose definition differs."""
    if database_table is None or model_table is None:
        return PriorityDispatchResult.CONTINUE
    pair = table_pair(context, model_table)
    table = context.migration_context.dialect.identifier_preparer.format_table(model_table)
    table_ops.ops += _renamed_primary_key(context, pair, table)
    table_ops.ops += _validations(context, pair, model_table)
    done = named(table_ops.ops)
    for name in sorted(_different(pair) - done):
        constraint = _find(context, model_table, name)
        kind, before = pair.database.constraints.get(name, ("", None))
        after = constraint_text(constraint) if constraint is not None else None
        if pair.model is not None and name in pair.model.constraints:
            kind, written = pair.model.constraints[name]
            # Of a CHECK without a name only the server knows the name.
            after = after or written
        shown = constraint if constraint is not None else Constraint(name)
        type_: Any = _TYPES[kind]
        if not context.run_object_filters(shown, name, type_, after is None, shown if before and after else None):
            continue
        log.info("Detected changed constraint %r on %r", name, model_table.name)
        quoted = context.migration_context.dialect.identifier_preparer.quote(name)
        drop, add = f"ALTER TABLE {table} DROP CONSTRAINT {quoted}", f"ALTER TABLE {table} ADD CONSTRAINT {quoted}"
        if before is not None:
            if context.connection is not None and kind == "c":
                before = written_as_in(context.connection, table, name, before)
            before += " NOT VALID" if name in pair.database.not_valid else ""
            change = SQLChange(f"remove_{type_}", name, drop, f"{add} {before}", clears_the_way=True)
            table_ops.ops.append(change)
        if after is not None:
            table_ops.ops.append(SQLChange(f"add_{type_}", name, f"{add} {after}", drop))
    return PriorityDispatchResult.CONTINUE


def _renamed_primary_key(context: AutogenContext, pair: TablePair, table: str) -> list[SQLChange]:
    """Rename a primary key that has only another name: dropping it would fail where a foreign key refers to it."""
    if pair.model is None:
        return []
    sides = (pair.database.constraints, pair.model.constraints)
    (old, before), (new, after) = (
        next(((name, text) for name, (kind, text) in side.items() if kind == "p"), ("", "")) for side in sides
    )
    if old == new or before != after:
        return []
    quote = context.migration_context.dialect.identifier_preparer.quote
    log.info("Detected renamed primary key %r to %r on %s", old, new, table)
    rename = f"ALTER TABLE {table} RENAME CONSTRAINT {{}} TO {{}}"
    statements = (rename.format(quote(old), quote(new)), rename.format(quote(new), quote(old)))
    return [SQLChange("rename_primary_key", new, *statements, also=old)]


def _validations(context: AutogenContext, pair: TablePair, table: Table) -> list[SQLChange]:
    """Validate what the database holds new rows against only, and the model all rows."""
    preparer = context.migration_context.dialect.identifier_preparer
    changes = []
    for name in sorted(pair.database.not_valid):
        constraint = _find(context, table, name)
        if constraint is None or constraint.dialect_options["postgresql"].get("not_valid"):
            continue
        changed = name in pair.database.keys and pair.database.keys[name] != _key(context, constraint)
        if changed or name in _different(pair):
            continue
        alter, quoted = f"ALTER TABLE {preparer.format_table(table)}", preparer.quote(name)
        definition = pair.database.constraints[name][1]
        undo = f"{alter} DROP CONSTRAINT {quoted}, ADD CONSTRAINT {quoted} {definition} NOT VALID"
        log.info("Detected constraint %r on %r that is not valid", name, table.name)
        changes.append(SQLChange("validate_constraint", name, f"{alter} VALIDATE CONSTRAINT {quoted}", undo))
    return changes


def _different(pair: TablePair) -> set[str]:
    """Name the constraints that come, go or change without Alembic seeing it."""
    if pair.model is None:
        return set()
    before, after = pair.database.constraints, pair.model.constraints
    names = {name for name in before.keys() & after.keys() if before[name] != after[name] and before[name][0] != "f"}
    # Alembic sees unique constraints, foreign keys and named CHECKs come and go.
    lonely = {name: before.get(name) or after[name] for name in before.keys() ^ after.keys()}
    names |= {name for name, (kind, _) in lonely.items() if kind in {"c", "p", "x"}}
    return names - pair.same - pair.refused.keys()


def _key(context: AutogenContext, constraint: Constraint) -> KeyForm | None:
    default = str(context.migration_context.dialect.default_schema_name)
    return key_of_model(constraint, default) if isinstance(constraint, ForeignKeyConstraint) else None


def _find(context: AutogenContext, table: Table, name: str) -> Constraint | None:
    dialect = context.migration_context.dialect
    return next((each for each in table.constraints if _get_constraint_final_name(each, dialect) == name), None)
