"""Checks on several columns: combinations of values are tried on the server."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import itertools
import math
from collections.abc import Mapping, Sequence

from adapter.outbound.database.migration.filler.catalog import Check, Column
from adapter.outbound.database.migration.filler.columns import SAMPLE, own_checks, passing
from adapter.outbound.database.migration.filler.plan import CannotFillError, Plan, Session, all_of
from adapter.outbound.database.migration.filler.values import NULL, NUMBERS, TIMES, Values, default_values

_COMBINATIONS = 12_000
_TRIED = 24  # rows on which each combination is tried
_FEW = 6


def satisfy(session: Session, plan: Plan) -> None:
    """Change the choice of values until the checks on several columns pass, as far as that can be found."""
    several = [check for check in plan.table.checks if len(check.columns) != 1 or check.columns[0] not in plan.values]
    share = _share_of_rows(session, plan, several) if several else 1.0
    if share < 1:
        before = dict(plan.values), dict(plan.fixed)
        share = _settle(session, plan, [[check] for check in several])
        if share == 0:
            # what suits one check may leave no room for the next: look for what suits all
            plan.values, plan.fixed = before
            share = _settle(session, plan, _connected(several))
    if share == 0:
        failing = next((each for each in several if _share_of_rows(session, plan, [each]) == 0), several[-1])
        raise CannotFillError(f"no values found that pass check {failing.name}")
    if share < 1:
        plan.filters += [f"({check.expression}) IS NOT FALSE" for check in several]
        plan.yields = min(plan.yields, share)


def _settle(session: Session, plan: Plan, groups: Sequence[Sequence[Check]]) -> float:
    """Find values for one group of checks after the other; give the share of rows that pass all in the end."""
    settled: list[Check] = []
    share = 1.0
    for group in groups:
        settled += group
        share = _share_of_rows(session, plan, settled)
        if share < 1:
            share = _search(session, plan, settled, {number for check in group for number in check.columns})
        if share == 0:
            break
    return share


def _connected(checks: Sequence[Check]) -> list[list[Check]]:
    """Group checks that have columns in common, directly or by way of others."""
    groups: list[list[Check]] = []
    for check in checks:
        near = [group for group in groups if any(set(check.columns) & set(other.columns) for other in group)]
        groups = [group for group in groups if group not in near] + [[*itertools.chain(*near), check]]
    return groups


def _share_of_rows(session: Session, plan: Plan, checks: Sequence[Check]) -> float:
    names = {number for check in checks for number in check.columns}
    texts = {
        number: _seen_default(session, plan.table.columns[number])
        for number in sorted(names - set(plan.values) - set(plan.fixed))
    }
    rows = plan.rows(1, 4 * SAMPLE, texts, only=names)
    query = f"SELECT avg(({all_of(check.expression for check in checks)})::int)::float8 FROM ({rows}) r"
    return float(session.attempt(query) or 0)


def _seen_default(session: Session, column: Column) -> str:
    """Give what a column that is left out will hold, without moving its sequence."""
    if column.identity or "nextval(" in (column.default or ""):
        return f"g::{column.type_sql}"
    if column.generated:
        # computed by Postgres from the other columns, so any value of the type stands for it
        values = default_values(session.schema, column.type, column.modifier, "")
        return f"({values.at('g')})::{column.type_sql}"
    return f"({column.default or 'NULL'})::{column.type_sql}"


def _search(session: Session, plan: Plan, settled: Sequence[Check], numbers: set[int]) -> float:
    """Try combinations of values for some columns, all in one query; keep the best and give its share."""
    table = plan.table
    columns = {n: table.columns[n] for n in sorted(numbers) if n not in plan.fixed and not table.columns[n].generated}
    neighbors = {other for check in settled if numbers & set(check.columns) for other in check.columns}
    options = {number: _options(session, plan, neighbors, column) for number, column in columns.items()}
    _trim(options)
    if not options:
        return 0.0
    own = [check for check in table.checks if len(check.columns) == 1 and check.columns[0] in options]
    checks = [*settled, *(check for check in own if check not in settled)]
    best = _best_combination(session, plan, checks, options)
    if best is None:
        return 0.0
    share, choices = best
    for number, value in choices.items():
        if isinstance(value, str):
            plan.values.pop(number, None)
            plan.fixed[number] = value
        else:
            plan.values[number] = value
    return share


def _trim(options: Mapping[int, list[Values | str]]) -> None:
    """Shorten the longest lists until all combinations can be tried."""
    while math.prod(len(each) for each in options.values()) > _COMBINATIONS:
        max(options.values(), key=len).pop()


def _best_combination(
    session: Session, plan: Plan, checks: Sequence[Check], options: Mapping[int, Sequence[Values | str]]
) -> tuple[float, dict[int, Values | str]] | None:
    """Give the combination that passes for most rows; of several the one that changes least."""
    table = plan.table
    names = {number for check in checks for number in check.columns} - options.keys()
    conditions = [
        *(check.expression for check in checks),
        *(f"{table.columns[n].quoted} IS NOT NULL" for n in options if table.columns[n].not_null),
    ]
    texts = {
        n: _seen_default(session, table.columns[n])
        for n in sorted(names)
        if n not in plan.values and n not in plan.fixed
    }
    joins, changes = [], []
    for number, values in options.items():
        column = table.columns[number]
        listed = ", ".join(
            f"({place}, ({value if isinstance(value, str) else plan.expression(number, value)})::{column.type_sql})"
            for place, value in enumerate(values)
        )
        joins.append(f"CROSS JOIN LATERAL (VALUES {listed}) o{number}(i, v)")
        changes.append(f"o{number}.i AS i{number}")
        texts[number] = f"o{number}.v"
    rows = plan.rows(1, _TRIED, texts, only=names, extra=" ".join(joins), columns=changes)
    picked = ", ".join(f"i{number}" for number in options)
    query = (
        f"SELECT ARRAY[s, {picked}] FROM ("
        f"SELECT avg(({all_of(conditions)})::int)::float8 AS s, {picked}"
        f" FROM ({rows}) r GROUP BY {picked}) c WHERE s > 0"
        f" ORDER BY s DESC, {' + '.join(f'i{number}' for number in options)}, {picked} LIMIT 1"
    )
    found = session.attempt(query)
    if not found:
        return None
    share, *places = found
    return float(share), {
        number: values[int(place)] for (number, values), place in zip(options.items(), places, strict=True)
    }


def _options(session: Session, plan: Plan, neighbors: set[int], column: Column) -> list[Values | str]:
    """Give what a column under a check on several columns may hold: its values, others, or another column's."""
    options: list[Values | str] = []
    if column.number in plan.values:
        options.append(plan.values[column.number])
    elif column.default is not None or column.identity:
        options.append(_seen_default(session, column))
    if not column.not_null:
        options.append(NULL)
    if column.number in plan.values:
        options += _constants(plan.values[column.number])
    for number in sorted(neighbors):
        other = plan.table.columns[number]
        if number != column.number and number in plan.values and other.type == column.type:
            options += _after(session, plan, column, number)
    own = own_checks(session.schema, plan.table, column)
    for values, _ in itertools.islice(passing(session, plan.table, column, own, full=True), 10):
        options += [values, *_constants(values)]
    return list(dict.fromkeys(options))


def _constants(values: Values) -> list[Values | str]:
    """Give each of a few values by itself: a check on several columns may go with one of them only."""
    few = 1 < values.count <= _FEW
    return [Values(values.at(str(number)), 1) for number in range(1, values.count + 1)] if few else []


def _after(session: Session, plan: Plan, column: Column, number: int) -> list[Values | str]:
    """Give another column's value, and a greater and a smaller one."""
    kind, _ = session.schema.base(column.type)
    other = plan.expression(number)
    step = "1" if kind.name in NUMBERS - {"money"} or kind.name == "date" else "interval '1 day'"
    if kind.name in NUMBERS | TIMES | {"interval"} and kind.name != "money":
        return [f"({other} + {step})::{column.type_sql}", f"({other} - {step})::{column.type_sql}", other]
    return [other]
