"""Checks on several columns: the server tries combinations of values."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import itertools
import math
from collections.abc import Mapping, Sequence

from adapter.outbound.migration.rows.catalog import Check, Column
from adapter.outbound.migration.rows.columns import SAMPLE, Wish, own_checks, passing
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session, all_of
from adapter.outbound.migration.rows.values import NULL, NUMBERS, TIMES, Values, default_values

_COMBINATIONS = 12_000
_TRIED = 16  # first rows on which each combination is evaluated
_TRIED_LATER = 8  # rows behind these on which it is evaluated
_STEP = 13  # between rows that are evaluated: rows alternate between at most 11 values, so they show each of them
_FEW = 6
_EACH = 10  # most expressions per column that pass its own checks
_MIXED = 11  # most combinations that rows alternate between


def satisfy(session: Session, plan: Plan) -> None:
    """Change the chosen values until the checks on several columns pass, for as many rows as the search achieves."""
    several = [check for check in plan.table.checks if len(check.columns) != 1 or check.columns[0] not in plan.values]
    share = share_of_rows(session, plan, several) if several else 1.0
    if share < 1:
        previous_choice = dict(plan.values), dict(plan.fixed)
        share = _mix(session, plan, several)
        if share < 1:
            plan.values, plan.fixed = dict(previous_choice[0]), dict(previous_choice[1])
            share = _settle(session, plan, [[check] for check in several])
        if share == 0:
            # the choice for one check may make the next one unsatisfiable, so search for all connected checks at once
            plan.values, plan.fixed = previous_choice
            share = _settle(session, plan, _connected(several))
    if share == 0:
        failing = next((check for check in several if share_of_rows(session, plan, [check]) == 0), several[-1])
        raise CannotFillError(f"no values found that pass check {failing.name}")
    if share < 1:
        plan.filters += [f"({check.expression}) IS NOT FALSE" for check in several]
        plan.yields = min(plan.yields, share)


def _settle(session: Session, plan: Plan, groups: Sequence[Sequence[Check]]) -> float:
    """Find values for one group of checks after the other; return the share of rows that pass all of them."""
    settled: list[Check] = []
    share = 1.0
    for group in groups:
        settled += group
        share = share_of_rows(session, plan, settled)
        if share < 1:
            share = _search(session, plan, settled, {number for check in group for number in check.columns})
        if share == 0:
            break
    return share


def _mix(session: Session, plan: Plan, checks: Sequence[Check]) -> float:
    """Alternate between combinations that pass, so that the rows cover each way to pass a check.

    Returns:
        The share of rows that pass all checks, from 0 to 1; 0 where no combination of a group passes for every row.
    """
    for group in _connected(checks):
        share = share_of_rows(session, plan, group)
        if share == 1:
            continue
        numbers = {number for check in group for number in check.columns}
        options = _all_options(session, plan, group, numbers)
        if not options or any(number in key for key in plan.table.unique for number in options):
            return 0.0
        combinations = _combinations(session, plan, _with_own(plan, group, options), options)
        chosen_combinations = _diverse([choices for share, choices in combinations if share == 1])
        loses_parent = any(
            n in plan.fixed and all(choices[n] != plan.fixed[n] for choices in chosen_combinations) for n in options
        )
        # fewer rows are better than rows that never refer to a parent
        if not chosen_combinations or (share > 0 and loses_parent):
            return 0.0
        for number in options:
            expressions = [_expression_of(plan, number, choices[number]) for choices in chosen_combinations]
            cases = " ".join(f"WHEN {place} THEN {expression}" for place, expression in enumerate(expressions))
            is_constant = len(set(expressions)) == 1
            plan.values.pop(number, None)
            plan.fixed[number] = expressions[0] if is_constant else f"(CASE g % {len(expressions)} {cases} END)"
    return share_of_rows(session, plan, checks)


def _expression_of(plan: Plan, number: int, value: Values | str) -> str:
    return value if isinstance(value, str) else plan.typed(number, value)


def _diverse(combinations: Sequence[Mapping[int, Values | str]]) -> list[Mapping[int, Values | str]]:
    """Return a few combinations, each with as many values as possible that the ones before it lack."""
    chosen: list[Mapping[int, Values | str]] = []
    covered: set[tuple[int, Values | str]] = set()
    while combinations and len(chosen) < _MIXED:
        best = max(combinations, key=lambda choices: len(choices.items() - covered))
        if best.items() <= covered:
            break
        chosen.append(best)
        covered |= best.items()
    return chosen


def _connected(checks: Sequence[Check]) -> list[list[Check]]:
    """Return checks in groups that share columns, directly or through other checks."""
    groups: list[list[Check]] = []
    for check in checks:
        connected_groups = [
            group for group in groups if any(set(check.columns) & set(member.columns) for member in group)
        ]
        groups = [group for group in groups if group not in connected_groups] + [
            [*itertools.chain(*connected_groups), check]
        ]
    return groups


def share_of_rows(session: Session, plan: Plan, checks: Sequence[Check]) -> float:
    """Return the share of a plan's rows that pass some checks, from 0 to 1."""
    names = {number for check in checks for number in check.columns}
    default_expressions = {
        number: _default_expression(session, plan.table.columns[number])
        for number in sorted(names - set(plan.values) - set(plan.fixed))
    }
    first = 4 * SAMPLE
    rows = plan.rows(1, first, default_expressions, only=names, up_to=session.rows, step=_step(session, first))
    query = f"SELECT avg(({all_of(check.expression for check in checks)})::int)::float8 FROM ({rows}) r"
    return float(session.attempt(query) or 0)


def _step(session: Session, most: int) -> int:
    """Return the distance between the rows of a table of which few more than so many are to be evaluated."""
    step = _STEP
    while session.rows > 4 * most * step:
        step *= _STEP
    return step


def _default_expression(session: Session, column: Column) -> str:
    """Return an expression for the value of a column that is not set; it does not advance the column's sequence."""
    if column.identity or "nextval(" in (column.default or ""):
        return f"g::{column.type_sql}"
    if column.generated:
        # Postgres computes it from other columns, so any value of its type can stand in for it
        values = default_values(session.schema, column.type, column.modifier, "")
        return f"({values.at('g')})::{column.type_sql}"
    return f"({column.default or 'NULL'})::{column.type_sql}"


def _search(session: Session, plan: Plan, settled: Sequence[Check], numbers: set[int]) -> float:
    """Try combinations of values for some columns, in one query; apply the best one and return its share of rows."""
    best = None
    for absent in (False, True):
        options = _all_options(session, plan, settled, numbers, absent=absent)
        if best is None and options:
            combinations = _combinations(session, plan, _with_own(plan, settled, options), options, limit=1)
            best = next(iter(combinations), None)
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


def _all_options(
    session: Session, plan: Plan, settled: Sequence[Check], numbers: set[int], *, absent: bool = True
) -> dict[int, list[Values | str]]:
    """Return the possible values of each column; with `absent`, an optional foreign key may also be NULL."""
    table = plan.table
    neighbors = {neighbor for check in settled if numbers & set(check.columns) for neighbor in check.columns}
    optional = {number for key in table.foreign_keys if not key.whole for number in key.columns}
    options: dict[int, list[Values | str]] = {}
    free = [n for n in sorted(numbers) if n not in plan.fixed and not table.columns[n].generated]
    wishes = [Wish(table.columns[n], own_checks(session.schema, table, table.columns[n]), most=_EACH) for n in free]
    passing_values = dict(zip(free, passing(session, table, wishes), strict=True))
    for number in sorted(numbers):
        column = table.columns[number]
        if absent and number in plan.fixed and number in optional and not column.not_null:
            options[number] = [plan.fixed[number], f"NULL::{column.type_sql}"]
        elif number not in plan.fixed and not column.generated:
            options[number] = _options(session, plan, neighbors, column, passing_values[number])
    _trim(options)
    return options


def _with_own(plan: Plan, checks: Sequence[Check], options: Mapping[int, Sequence[Values | str]]) -> list[Check]:
    own_column_checks = [
        check for check in plan.table.checks if len(check.columns) == 1 and check.columns[0] in options
    ]
    return [*checks, *(check for check in own_column_checks if check not in checks)]


def _trim(options: Mapping[int, list[Values | str]]) -> None:
    """Shorten the longest lists until the number of combinations is within the limit."""
    while math.prod(len(values) for values in options.values()) > _COMBINATIONS:
        max(options.values(), key=len).pop()


def _combinations(
    session: Session,
    plan: Plan,
    checks: Sequence[Check],
    options: Mapping[int, Sequence[Values | str]],
    limit: int = _COMBINATIONS,
) -> list[tuple[float, dict[int, Values | str]]]:
    """Return the combinations that pass, by share of rows, highest first, then by how little they change."""
    table = plan.table
    names = {number for check in checks for number in check.columns} - options.keys()
    conditions = [
        *(check.expression for check in checks),
        *(f"{table.columns[n].quoted} IS NOT NULL" for n in options if table.columns[n].not_null),
    ]
    expressions = {
        n: _default_expression(session, table.columns[n])
        for n in sorted(names)
        if n not in plan.values and n not in plan.fixed
    }
    joins, changes = [], []
    for number, values in options.items():
        column = table.columns[number]
        value_rows = ", ".join(
            f"({place}, ({_expression_of(plan, number, value)})::{column.type_sql})"
            for place, value in enumerate(values)
        )
        joins.append(f"CROSS JOIN LATERAL (VALUES {value_rows}) o{number}(i, v)")
        changes.append(f"o{number}.i AS i{number}")
        expressions[number] = f"o{number}.v"
    # a value of a far row may be beyond the limits of its type: then only the first rows are evaluated
    for up_to in (session.rows, 0):
        rows = plan.rows(
            1,
            _TRIED,
            expressions,
            only=names,
            extra=" ".join(joins),
            columns=changes,
            up_to=up_to,
            step=_step(session, _TRIED_LATER),
        )
        found = session.attempt(_best(rows, list(options), conditions, limit))
        if found is not None:
            break
    return [
        (float(share), {n: values[int(place)] for (n, values), place in zip(options.items(), places, strict=True)})
        for share, *places in found or ()
    ]


def _best(rows: str, numbers: Sequence[int], conditions: Sequence[str], limit: int) -> str:
    """Return the query for the combinations of which rows meet conditions, those of most rows first."""
    option_columns = ", ".join(f"i{number}" for number in numbers)
    return (
        f"SELECT array_agg(ARRAY[s, {option_columns}]) FROM ("
        f"SELECT * FROM (SELECT avg(({all_of(conditions)})::int)::float8 AS s, {option_columns}"
        f" FROM ({rows}) r GROUP BY {option_columns}) c WHERE s > 0"
        f" ORDER BY s DESC, {' + '.join(f'i{number}' for number in numbers)}, {option_columns} LIMIT {limit}) d"
    )


def _options(
    session: Session, plan: Plan, neighbors: set[int], column: Column, passing_values: Sequence[tuple[Values, float]]
) -> list[Values | str]:
    """Return possible values of a column under a check on several columns.

    They are its current values, other values of its type, and values derived from neighboring columns.
    """
    options: list[Values | str] = []
    if column.number in plan.values:
        options.append(plan.values[column.number])
    elif column.default is not None or column.identity:
        options.append(_default_expression(session, column))
    if not column.not_null:
        options.append(NULL)
    if column.number in plan.values:
        options += _constants(plan.values[column.number])
    for number in sorted(neighbors):
        neighbor_column = plan.table.columns[number]
        if number != column.number and number in plan.values and neighbor_column.type == column.type:
            options += _relative_to(session, plan, column, number)
    for values in itertools.islice((values for values, share in passing_values if share == 1), _EACH):
        options += [values, *_constants(values)]
    return list(dict.fromkeys(options))


def _constants(values: Values) -> list[Values | str]:
    """Return each of a few values as a constant, because a check on several columns may accept only one of them."""
    has_few_values = 1 < values.count <= _FEW
    return [Values(values.at(str(number)), 1) for number in range(1, values.count + 1)] if has_few_values else []


def _relative_to(session: Session, plan: Plan, column: Column, number: int) -> list[Values | str]:
    """Return another column's value and, where the type allows it, a greater and a smaller one."""
    kind, _ = session.schema.base(column.type)
    expression = plan.expression(number)
    step = "1" if kind.name in NUMBERS - {"money"} or kind.name == "date" else "interval '1 day'"
    if kind.name in NUMBERS | TIMES | {"interval"} and kind.name != "money":
        return [
            f"({expression} + {step})::{column.type_sql}",
            f"({expression} - {step})::{column.type_sql}",
            expression,
        ]
    return [expression]
