"""Decides the expressions of all columns of a table, and numbers their values so that unique keys have room."""

import itertools
from collections.abc import Collection, Mapping, Sequence

from adapter.outbound.migration.rows.catalog import ForeignKey, Table
from adapter.outbound.migration.rows.checks import satisfy
from adapter.outbound.migration.rows.columns import choose_values
from adapter.outbound.migration.rows.keys import leave_out_numbers
from adapter.outbound.migration.rows.parents import make_roots, pick_parents
from adapter.outbound.migration.rows.plan import Plan, Session
from adapter.outbound.migration.rows.values import NULL

_NEIGHBORS = 3  # consecutive rows with the same parent


def make_plan(
    session: Session,
    table: Table,
    keys: Sequence[ForeignKey],
    promised: Sequence[ForeignKey],
    roots: Sequence[ForeignKey],
    wanted: Collection[int] = (),
) -> Plan:
    """Return the plan for a table, with the expression of each column.

    Args:
        session: The database.
        table: The table.
        keys: Foreign keys that pick a parent, those with most columns first.
        promised: Foreign keys whose parents are inserted later.
        roots: Self references that no existing row can satisfy yet.
        wanted: Numbers of columns that do not keep their default.

    Raises:
        CannotFillError: A column is NOT NULL and no value was found for it.
    """
    plan = Plan(table)
    null_columns: set[int] = set()
    for key in keys:
        pick_parents(session, plan, key, keys, null_columns)
    for key in roots:
        make_roots(plan, key, null_columns)
    invented = {number for key in promised for number in key.columns} | {*wanted}
    choose_values(session, plan, null_columns, invented)
    leave_out_numbers(session.schema, plan)
    _spread(session, plan)
    satisfy(session, plan)
    return plan


def leave_empty(plan: Plan, young: Collection[str], wanted: Collection[int]) -> set[int]:
    """Set new columns to NULL, as they are in the existing rows, unless they are wanted; return their numbers."""
    emptied = set()
    for number, column in plan.table.columns.items():
        is_young = f"{plan.table.name}.{column.ident}" in young and number in plan.values
        if is_young and number not in wanted and not column.not_null and column.default is None:
            plan.values[number] = NULL
            emptied.add(number)
    return emptied


def _spread(session: Session, plan: Plan) -> None:
    """Number the values of composite unique keys so that as many rows as possible have distinct combinations."""
    table = plan.table
    groups = [*table.unique, *(check.columns for check in table.checks if len(check.columns) > 1)]
    for key in groups:
        parts = _parts(plan, key)
        counts = {part: count for part, (_, count) in parts.items()}
        left_out = [n for n in key if n not in plan.values and n not in plan.fixed]
        has_own_values = any(session.schema.own_values(table.columns[number]) for number in left_out)
        if _referred_to_twice(session, table, key):
            _share_parents(plan, parts, endless=has_own_values)
        if (
            has_own_values
            or len(parts) < 2  # noqa: PLR2004 - a single part needs no partner
            or any(count == 0 or (count >= session.rows and part not in plan.indexes) for part, count in counts.items())
        ):
            continue
        _number_parts(plan, sorted(counts.items(), key=lambda item: -item[1]))


def _referred_to_twice(session: Session, table: Table, key: Sequence[int]) -> bool:
    """Return whether another table has two composite foreign keys to this one that share a column."""
    for child in session.schema.tables.values():
        wide_keys = [key.columns for key in child.foreign_keys if key.parent == table.oid and len(key.columns) > 1]
        if any(set(first_key) & set(second_key) for first_key, second_key in itertools.combinations(wide_keys, 2)):
            return len(key) > 1
    return False


def _share_parents(plan: Plan, parts: Mapping[int | str, tuple[int, int]], *, endless: bool) -> None:
    """Plan the same parent for consecutive rows where another part of their key keeps them distinct.

    A row that refers to two rows of this table under one parent then has two to choose from.
    """
    if endless or any(isinstance(part, int) and count == 0 for part, (_, count) in parts.items()):
        for part in parts:
            if isinstance(part, str):
                plan.indexes.setdefault(part, f"g / {_NEIGHBORS}")


def _parts(plan: Plan, key: Sequence[int]) -> dict[int | str, tuple[int, int]]:
    """Return the columns and sources that decide the columns of a key, each with a column number and a value count."""
    parts: dict[int | str, tuple[int, int]] = {}
    for number in key:
        source = next((candidate for candidate in plan.sources if number in candidate.key.columns), None)
        if number in plan.values:
            parts[number] = (number, plan.values[number].count)
        elif source is not None:
            parts[source.alias] = (number, source.count)
    return parts


def _number_parts(plan: Plan, parts: Sequence[tuple[int | str, int]]) -> None:
    """Number parts like the digits of a counter: a part advances after a full cycle of the parts before it.

    It is also shifted by their current values.
    """
    offset, product = "g", 1
    for place, (part, count) in enumerate(parts):
        index = "g" if place == 0 else f"g / {product} + {offset}"
        plan.indexes.setdefault(part, index)
        offset = f"({plan.indexes[part]}) % {count}" if place == 0 else f"{offset} + ({plan.indexes[part]}) % {count}"
        product *= count
