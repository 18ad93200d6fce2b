"""Compare constraints of the same name, and EXCLUDE constraints, which Alembic ignores.

It compares CHECK text, DEFERRABLE, INCLUDE, columns and name of the primary key, EXCLUDE and NOT VALID. The definitions
come from the server, so that the statements of a downgrade restore exactly what existed before.
"""

import logging
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import AddConstraintOp, DropConstraintOp, MigrateOperation, ModifyTableOps
from alembic.runtime.plugins import Plugin
from alembic.util.sqla_compat import _get_constraint_final_name
from sqlalchemy import Constraint, ForeignKeyConstraint, Table

from adapter.outbound.database.autogenerate.catalog_forms import KeyForm, key_of_model
from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.in_lists import written_as_in
from adapter.outbound.database.autogenerate.operations import SQLChange, constraint_text, named
from adapter.outbound.database.autogenerate.server_forms import TablePair, table_pair
from adapter.outbound.database.autogenerate.table_comparator import add_comparison

log = logging.getLogger(f"alembic.{__name__}")

# The name of a constraint type in filters and in `alembic check`, by pg_constraint.contype.
_TYPES = {
    "c": "check_constraint",
    "f": "foreign_key_constraint",
    "p": "primary_key_constraint",
    "u": "unique_constraint",
    "x": "exclude_constraint",
}


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run after Alembic's own."""
    add_comparison(plugin, "constraints", compare)


def compare(context: AutogenContext, table_ops: ModifyTableOps, _database_table: Table, model_table: Table) -> None:
    """Drop and add each constraint whose definition differs."""
    pair = table_pair(context, model_table)
    table = PREPARER.format_table(model_table)
    table_ops.ops += _renamed_primary_key(pair, table)
    table_ops.ops += _validations(context, pair, model_table)
    table_ops.ops[:] = [operation for operation in table_ops.ops if not _drops_declared(pair, table_ops, operation)]
    handled_names = named(table_ops.ops)
    for name in sorted(_different(pair) - handled_names):
        constraint = _find(context, model_table, name)
        kind, before = pair.database.constraints.get(name, ("", None))
        after = constraint_text(constraint) if constraint is not None else None
        if pair.model is not None and name in pair.model.constraints:
            kind, server_definition = pair.model.constraints[name]
            # Only the server knows the name of a CHECK that the model does not name.
            after = after or server_definition
        filtered_constraint = constraint if constraint is not None else Constraint(name)
        type_: Any = _TYPES[kind]
        if not context.run_object_filters(
            filtered_constraint, name, type_, after is None, filtered_constraint if before and after else None
        ):
            continue
        log.info("Detected changed constraint %r on %r", name, model_table.name)
        quoted = PREPARER.quote(name)
        drop, add = f"ALTER TABLE {table} DROP CONSTRAINT {quoted}", f"ALTER TABLE {table} ADD CONSTRAINT {quoted}"
        if before is not None:
            if context.connection is not None and kind == "c":
                before = written_as_in(context.connection, table, name, before)
            before += " NOT VALID" if name in pair.database.not_valid else ""
            change = SQLChange(f"remove_{type_}", name, drop, f"{add} {before}", clears_the_way=True)
            table_ops.ops.append(change)
        if after is not None:
            table_ops.ops.append(SQLChange(f"add_{type_}", name, f"{add} {after}", drop))


def _drops_declared(pair: TablePair, table_ops: ModifyTableOps, operation: MigrateOperation) -> bool:
    """Return whether an operation only drops a CHECK that the model declares without a name, with another text."""
    if not isinstance(operation, DropConstraintOp) or pair.model is None:
        return False
    name = str(operation.constraint_name)
    is_added = any(
        isinstance(other, AddConstraintOp) and str(other.to_constraint().name) == name for other in table_ops.ops
    )
    return not is_added and pair.model.constraints.get(name, ("",))[0] == "c"


def _renamed_primary_key(pair: TablePair, table: str) -> list[SQLChange]:
    """Rename a primary key of which only the name differs: dropping it fails if a foreign key refers to it."""
    if pair.model is None:
        return []
    sides = (pair.database.constraints, pair.model.constraints)
    (old, before), (new, after) = (
        next(((name, text) for name, (kind, text) in side.items() if kind == "p"), ("", "")) for side in sides
    )
    if old == new or before != after:
        return []
    quote = PREPARER.quote
    log.info("Detected renamed primary key %r to %r on %s", old, new, table)
    rename = f"ALTER TABLE {table} RENAME CONSTRAINT {{}} TO {{}}"
    statements = (rename.format(quote(old), quote(new)), rename.format(quote(new), quote(old)))
    return [SQLChange("rename_primary_key", new, *statements, also=old)]


def _validations(context: AutogenContext, pair: TablePair, table: Table) -> list[SQLChange]:
    """Validate constraints that are NOT VALID in the database and valid in the model."""
    changes = []
    for name in sorted(pair.database.not_valid):
        constraint = _find(context, table, name)
        if constraint is None or constraint.dialect_options["postgresql"].get("not_valid"):
            continue
        differs = name in pair.database.keys and pair.database.keys[name] != _key(context, constraint)
        if differs or name in _different(pair):
            continue
        alter, quoted = f"ALTER TABLE {PREPARER.format_table(table)}", PREPARER.quote(name)
        definition = pair.database.constraints[name][1]
        undo = f"{alter} DROP CONSTRAINT {quoted}, ADD CONSTRAINT {quoted} {definition} NOT VALID"
        log.info("Detected constraint %r on %r that is not valid", name, table.name)
        changes.append(SQLChange("validate_constraint", name, f"{alter} VALIDATE CONSTRAINT {quoted}", undo))
    return changes


def _different(pair: TablePair) -> set[str]:
    """Return the names of the added, removed or changed constraints that Alembic does not see."""
    if pair.model is None:
        return set()
    before, after = pair.database.constraints, pair.model.constraints
    names = {name for name in before.keys() & after.keys() if before[name] != after[name] and before[name][0] != "f"}
    # Alembic itself sees added and removed unique constraints, foreign keys and named CHECKs.
    on_one_side = {name: before.get(name) or after[name] for name in before.keys() ^ after.keys()}
    names |= {name for name, (kind, _) in on_one_side.items() if kind in {"c", "p", "x"}}
    return names - pair.same - pair.refused.keys()


def _key(context: AutogenContext, constraint: Constraint) -> KeyForm | None:
    default_schema = str(context.migration_context.dialect.default_schema_name)
    return key_of_model(constraint, default_schema) if isinstance(constraint, ForeignKeyConstraint) else None


def _find(context: AutogenContext, table: Table, name: str) -> Constraint | None:
    dialect = context.migration_context.dialect
    return next((item for item in table.constraints if _get_constraint_final_name(item, dialect) == name), None)
