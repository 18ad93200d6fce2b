"""Plans for a few rows in which columns with a default have other values, as far as the constraints allow any."""

from collections.abc import Callable, Collection

from adapter.outbound.migration.rows.catalog import Schema, Table
from adapter.outbound.migration.rows.columns import own_checks
from adapter.outbound.migration.rows.edges import edge_values
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session


def vary(session: Session, plan: Plan, planned: Callable[[Collection[int]], Plan]) -> Plan:
    """Return a plan in which columns do not keep their default where checks, or a type without edges, say what fits.

    Other columns with a default get their edges without such a plan. A column for which no other value is found, or
    only values that fit in fewer rows, keeps its default.

    Args:
        session: The database.
        plan: The plan for ordinary rows, whose columns keep their defaults.
        planned: Makes the plan in which the columns with the given numbers do not keep their default.
    """
    kept = [number for number in plan.table.columns if _is_kept(session.schema, plan, number)]
    if not kept:
        return plan
    all_at_once = _planned(planned, kept, plan)
    if all_at_once is not None:
        return all_at_once
    varied, changed = plan, set[int]()
    for number in kept:
        candidate = _planned(planned, changed | {number}, plan) if len(kept) > 1 else None
        if candidate is not None:
            varied, changed = candidate, changed | {number}
    return varied


def _planned(planned: Callable[[Collection[int]], Plan], wanted: Collection[int], usual: Plan) -> Plan | None:
    try:
        plan = planned(wanted)
    except CannotFillError:
        return None
    return plan if plan.yields >= usual.yields else None


def _is_kept(schema: Schema, plan: Plan, number: int) -> bool:
    """Return whether rows of the plan have the default of a column, and its edges alone would not replace it."""
    table, column = plan.table, plan.table.columns[number]
    if number in plan.values or number in plan.fixed or not has_constant_default(schema, table, number):
        return False
    is_checked = own_checks(schema, table, column) or any(number in check.columns for check in table.checks)
    return bool(is_checked) or not edge_values(schema, column.type, column.modifier, table.texts)


def has_constant_default(schema: Schema, table: Table, number: int) -> bool:
    """Return whether a column has a default that does not give each row a value of its own."""
    column = table.columns[number]
    return column.default is not None and not column.generated and not schema.own_values(column)
