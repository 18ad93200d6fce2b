"""Checks on several columns: combinations of values are tried on the server."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import itertools
import math
from collections.abc import Mapping, Sequence

from adapter.outbound.migration.rows.catalog import Check, Column
from adapter.outbound.migration.rows.columns import SAMPLE, Wish, own_checks, passing
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session, all_of
from adapter.outbound.migration.rows.values import NULL, NUMBERS, TIMES, Values, default_values

_COMBINATIONS = 12_000
_TRIED = 24  # rows on which each combination is tried
_FEW = 6
_EACH = 10  # expressions that pass a column's own checks
_MIXED = 11  # combinations that rows take turns among


def satisfy(session: Session, plan: Plan) -> None:
    """Change the choice of values until the checks on several columns pass, as far as that can be found."""
    several = [check for check in plan.table.checks if len(check.columns) != 1 or check.columns[0] not in plan.values]
    share = _share_of_rows(session, plan, several) if several else 1.0
    if share < 1:
        before = dict(plan.values), dict(plan.fixed)
        share = _mix(session, plan, several)
        if share < 1:
            plan.values, plan.fixed = dict(before[0]), dict(before[1])
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


def _mix(session: Session, plan: Plan, checks: Sequence[Check]) -> float:
    """Let rows take turns among combinations that pass, so that each way to pass a check is there.

    Returns:
        The share of rows that pass all; 0 where a group of checks has no combination for every row.
    """
    for group in _connected(checks):
        share = _share_of_rows(session, plan, group)
        if share == 1:
            continue
        numbers = {number for check in group for number in check.columns}
        options = _all_options(session, plan, group, numbers)
        if not options or any(number in key for key in plan.table.unique for number in options):
            return 0.0
        found = _combinations(session, plan, _with_own(plan, group, options), options)
        chosen = _diverse([choices for share, choices in found if share == 1])
        lost = any(n in plan.fixed and all(one[n] != plan.fixed[n] for one in chosen) for n in options)
        if not chosen or (share > 0 and lost):  # rather fewer rows than none that refers to a parent
            return 0.0
        for number in options:
            ways = [_text(plan, number, choices[number]) for choices in chosen]
            cases = " ".join(f"WHEN {place} THEN {way}" for place, way in enumerate(ways))
            same = len(set(ways)) == 1
            plan.values.pop(number, None)
            plan.fixed[number] = ways[0] if same else f"(CASE g % {len(ways)} {cases} END)"
    return _share_of_rows(session, plan, checks)


def _text(plan: Plan, number: int, value: Values | str) -> str:
    return value if isinstance(value, str) else plan.made(number, value)


def _diverse(combinations: Sequence[Mapping[int, Values | str]]) -> list[Mapping[int, Values | str]]:
    """Choose a few combinations, each with as many values as can be that those before it have not."""
    chosen: list[Mapping[int, Values | str]] = []
    seen: set[tuple[int, Values | str]] = set()
    while combinations and len(chosen) < _MIXED:
        best = max(combinations, key=lambda choices: len(choices.items() - seen))
        if best.items() <= seen:
            break
        chosen.append(best)
        seen |= best.items()
    return chosen


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
    """Return what a column that is left out will hold, without moving its sequence."""
    if column.identity or "nextval(" in (column.default or ""):
        return f"g::{column.type_sql}"
    if column.generated:
        # computed by Postgres from the other columns, so any value of the type stands for it
        values = default_values(session.schema, column.type, column.modifier, "")
        return f"({values.at('g')})::{column.type_sql}"
    return f"({column.default or 'NULL'})::{column.type_sql}"


def _search(session: Session, plan: Plan, settled: Sequence[Check], numbers: set[int]) -> float:
    """Try combinations of values for some columns, all in one query; keep the best and give its share."""
    best = None
    for absent in (False, True):
        options = _all_options(session, plan, settled, numbers, absent=absent)
        if best is None and options:
            found = _combinations(session, plan, _with_own(plan, settled, options), options, most=1)
            best = next(iter(found), None)
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
    """Return what each of some columns may hold; with `absent`, a foreign key may refer to nothing."""
    table = plan.table
    neighbors = {other for check in settled if numbers & set(check.columns) for other in check.columns}
    optional = {number for key in table.foreign_keys if not key.whole for number in key.columns} - table.distinct
    options: dict[int, list[Values | str]] = {}
    free = [n for n in sorted(numbers) if n not in plan.fixed and not table.columns[n].generated]
    wishes = [Wish(table.columns[n], own_checks(session.schema, table, table.columns[n]), most=_EACH) for n in free]
    passed = dict(zip(free, passing(session, table, wishes), strict=True))
    for number in sorted(numbers):
        column = table.columns[number]
        if absent and number in plan.fixed and number in optional and not column.not_null:
            options[number] = [plan.fixed[number], f"NULL::{column.type_sql}"]
        elif number not in plan.fixed and not column.generated:
            options[number] = _options(session, plan, neighbors, column, passed[number])
    _trim(options)
    return options


def _with_own(plan: Plan, checks: Sequence[Check], options: Mapping[int, Sequence[Values | str]]) -> list[Check]:
    own = [check for check in plan.table.checks if len(check.columns) == 1 and check.columns[0] in options]
    return [*checks, *(check for check in own if check not in checks)]


def _trim(options: Mapping[int, list[Values | str]]) -> None:
    """Shorten the longest lists until all combinations can be tried."""
    while math.prod(len(each) for each in options.values()) > _COMBINATIONS:
        max(options.values(), key=len).pop()


def _combinations(
    session: Session,
    plan: Plan,
    checks: Sequence[Check],
    options: Mapping[int, Sequence[Values | str]],
    most: int = _COMBINATIONS,
) -> list[tuple[float, dict[int, Values | str]]]:
    """Return the combinations that pass, those for most rows first; of several the one that changes least."""
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
            f"({place}, ({_text(plan, number, value)})::{column.type_sql})" for place, value in enumerate(values)
        )
        joins.append(f"CROSS JOIN LATERAL (VALUES {listed}) o{number}(i, v)")
        changes.append(f"o{number}.i AS i{number}")
        texts[number] = f"o{number}.v"
    rows = plan.rows(1, _TRIED, texts, only=names, extra=" ".join(joins), columns=changes)
    picked = ", ".join(f"i{number}" for number in options)
    query = (
        f"SELECT array_agg(ARRAY[s, {picked}]) FROM ("
        f"SELECT * FROM (SELECT avg(({all_of(conditions)})::int)::float8 AS s, {picked}"
        f" FROM ({rows}) r GROUP BY {picked}) c WHERE s > 0"
        f" ORDER BY s DESC, {' + '.join(f'i{number}' for number in options)}, {picked} LIMIT {most}) d"
    )
    return [
        (float(share), {n: values[int(place)] for (n, values), place in zip(options.items(), places, strict=True)})
        for share, *places in session.attempt(query) or ()
    ]


def _options(
    session: Session, plan: Plan, neighbors: set[int], column: Column, passed: Sequence[tuple[Values, float]]
) -> list[Values | str]:
    """Return what a column under a check on several columns may hold: its values, others, or another column's."""
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
    for values in itertools.islice((values for values, share in passed if share == 1), _EACH):
        options += [values, *_constants(values)]
    return list(dict.fromkeys(options))


def _constants(values: Values) -> list[Values | str]:
    """Return each of a few values by itself: a check on several columns may go with one of them only."""
    few = 1 < values.count <= _FEW
    return [Values(values.at(str(number)), 1) for number in range(1, values.count + 1)] if few else []


def _after(session: Session, plan: Plan, column: Column, number: int) -> list[Values | str]:
    """Return another column's value, and a greater and a smaller one."""
    kind, _ = session.schema.base(column.type)
    other = plan.expression(number)
    step = "1" if kind.name in NUMBERS - {"money"} or kind.name == "date" else "interval '1 day'"
    if kind.name in NUMBERS | TIMES | {"interval"} and kind.name != "money":
        return [f"({other} + {step})::{column.type_sql}", f"({other} - {step})::{column.type_sql}", other]
    return [other]
