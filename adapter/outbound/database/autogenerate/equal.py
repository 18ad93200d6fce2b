"""Objects that are equal in the catalog do not differ, whatever Alembic's own comparison finds.

Alembic compares texts and names as the models write them. Postgres shortens names to 63 bytes and rewrites expressions,
and SQLAlchemy does not create the CHECKs of native types at all.
"""

from collections.abc import Callable

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AddConstraintOp,
    CreateForeignKeyOp,
    CreateIndexOp,
    DropConstraintOp,
    DropIndexOp,
    MigrateOperation,
    ModifyTableOps,
)
from alembic.runtime.plugins import Plugin
from alembic.util.sqla_compat import _get_constraint_final_name
from sqlalchemy import Constraint, Index, MetaData, Table
from sqlalchemy.sql.elements import conv

from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.database.autogenerate.server_forms import TablePair, table_pair
from adapter.outbound.database.autogenerate.table_comparator import add_comparison


def setup(plugin: Plugin) -> None:
    """Register the step, to run after Alembic's comparators and before ours."""
    add_comparison(plugin, "equal", take_back)


def take_back(context: AutogenContext, table_ops: ModifyTableOps, _database_table: Table, model_table: Table) -> None:
    """Remove Alembic's operations on indexes and constraints that are equal in the catalog."""
    pair = table_pair(context, model_table)
    if pair.model is None:
        return
    is_needed = _needed(context, pair)
    table_ops.ops[:] = [operation for operation in table_ops.ops if is_needed(operation)]


def final_name(context: AutogenContext, item: Constraint | Index) -> str:
    """Return the name as the database has it: shortened if it is longer than 63 bytes."""
    return str(_get_constraint_final_name(item, context.migration_context.dialect))


def _needed(context: AutogenContext, pair: TablePair) -> Callable[[MigrateOperation], bool]:
    database, model = pair.database, pair.model
    assert model is not None  # noqa: S101  # for the type checker
    equal_indexes = {
        name
        for name in database.indexes.keys() & model.indexes.keys()
        if name not in database.invalid_indexes and (name in pair.same or database.indexes[name] == model.indexes[name])
    }
    equal_constraints = {
        name
        for name in database.constraints.keys() & model.constraints.keys()
        if name in pair.same or database.constraints[name] == model.constraints[name]
    }

    def is_needed(operation: MigrateOperation) -> bool:
        match operation:
            case CreateIndexOp():
                return final_name(context, operation.to_index()) not in equal_indexes
            case DropIndexOp():
                return str(operation.index_name) not in equal_indexes
            case CreateForeignKeyOp():
                return True
            case AddConstraintOp():
                constraint = operation.to_constraint()
                name = final_name(context, constraint)
                # The model declares the CHECK of a native type, but SQLAlchemy does not create it.
                may_be_absent = constraint.__visit_name__.endswith("check_constraint") and bool(constraint.name)
                return name not in equal_constraints and not (
                    may_be_absent and name not in model.constraints and name not in pair.refused
                )
            case DropConstraintOp():
                return _shortened_name(str(operation.constraint_name)) not in equal_constraints
            case _:
                return True

    return is_needed


def _shortened_name(name: str) -> str:
    unquoted: str = PREPARER.truncate_and_render_constraint_name(conv(name), _alembic_quote=False)
    return unquoted


def metadata_tables(context: AutogenContext) -> dict[tuple[str | None, str], Table]:
    """Return the models' tables by schema and name."""
    models = context.metadata
    collections = models if isinstance(models, (list, tuple)) else [models]
    return {
        (table.schema, table.name): table
        for metadata in collections
        if isinstance(metadata, MetaData)
        for table in metadata.tables.values()
    }
