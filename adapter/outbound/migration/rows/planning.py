"""Decides on all columns of a table, and numbers their values so that unique keys have room."""

import itertools
from collections.abc import Collection, Mapping, Sequence

from adapter.outbound.migration.rows.catalog import ForeignKey, Table
from adapter.outbound.migration.rows.checks import satisfy
from adapter.outbound.migration.rows.columns import choose_values
from adapter.outbound.migration.rows.parents import make_roots, pick_parents
from adapter.outbound.migration.rows.plan import Plan, Session
from adapter.outbound.migration.rows.values import NULL

_NEIGHBORS = 3  # rows under one parent


def make_plan(
    session: Session,
    table: Table,
    keys: Sequence[ForeignKey],
    promised: Sequence[ForeignKey],
    roots: Sequence[ForeignKey],
    wanted: Collection[int] = (),
) -> Plan:
    """Decide on the expression of each column.

    Args:
        session: The database.
        table: The table.
        keys: Foreign keys that pick a parent, wide ones first.
        promised: Foreign keys whose parents come later.
        roots: Self references that no row can satisfy yet.
        wanted: Columns that are not left to their default.

    Raises:
        CannotFillError: A column has to have a value and none was found.
    """
    plan = Plan(table)
    absent: set[int] = set()
    for key in keys:
        pick_parents(session, plan, key, keys, absent)
    for key in roots:
        make_roots(plan, key, absent)
    invented = {number for key in promised for number in key.columns} | {*wanted}
    choose_values(session, plan, absent, invented)
    _spread(session, plan)
    satisfy(session, plan)
    return plan


def leave_empty(plan: Plan, young: Collection[str], wanted: Collection[int]) -> None:
    """Let columns that came lately be as empty as they are in other rows, unless they are wanted."""
    for number, column in plan.table.columns.items():
        named = f"{plan.table.name}.{column.name}" in young and number in plan.values
        if named and number not in wanted and not column.not_null and column.default is None:
            plan.values[number] = NULL


def _spread(session: Session, plan: Plan) -> None:
    """Number the values of composite unique keys so that their combinations differ for as long as possible."""
    table = plan.table
    groups = [*table.unique, *(check.columns for check in table.checks if len(check.columns) > 1)]
    for key in groups:
        parts = _parts(plan, key)
        counts = {part: count for part, (_, count) in parts.items()}
        left_out = [n for n in key if n not in plan.values and n not in plan.fixed]
        own = any(session.schema.own_values(table.columns[number]) for number in left_out)
        if _referred_to_twice(session, table, key):
            _share_parents(plan, parts, endless=own)
        if (
            own
            or len(parts) < 2  # noqa: PLR2004 - a single part needs no partner
            or any(count == 0 or (count >= session.rows and part not in plan.indexes) for part, count in counts.items())
        ):
            continue
        _number_parts(plan, sorted(counts.items(), key=lambda item: -item[1]))


def _referred_to_twice(session: Session, table: Table, key: Sequence[int]) -> bool:
    """Return whether another table has two foreign keys to rows of this one that have a part in common."""
    for child in session.schema.tables.values():
        wide = [each.columns for each in child.foreign_keys if each.parent == table.oid and len(each.columns) > 1]
        if any(set(one) & set(other) for one, other in itertools.combinations(wide, 2)):
            return len(key) > 1
    return False


def _share_parents(plan: Plan, parts: Mapping[int | str, tuple[int, int]], *, endless: bool) -> None:
    """Let neighbors have the same parent where another part of their key tells them apart.

    Who refers to two rows of this table under one parent finds two then.
    """
    if endless or any(isinstance(part, int) and count == 0 for part, (_, count) in parts.items()):
        for part in parts:
            if isinstance(part, str):
                plan.indexes.setdefault(part, f"g / {_NEIGHBORS}")


def _parts(plan: Plan, key: Sequence[int]) -> dict[int | str, tuple[int, int]]:
    """Return the columns and sources that decide on the columns of a key, with their numbers of values."""
    parts: dict[int | str, tuple[int, int]] = {}
    for number in key:
        source = next((each for each in plan.sources if number in each.key.columns), None)
        if number in plan.values:
            parts[number] = (number, plan.values[number].count)
        elif source is not None:
            parts[source.alias] = (number, source.count)
    return parts


def _number_parts(plan: Plan, parts: Sequence[tuple[int | str, int]]) -> None:
    """Count like a clock: a part moves on when those before it have been through, and is shifted by them."""
    before, product = "g", 1
    for place, (part, count) in enumerate(parts):
        index = "g" if place == 0 else f"g / {product} + {before}"
        plan.indexes.setdefault(part, index)
        before = f"({plan.indexes[part]}) % {count}" if place == 0 else f"{before} + ({plan.indexes[part]}) % {count}"
        product *= count
