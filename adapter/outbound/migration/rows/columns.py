"""The expressions of single columns, and their own checks."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapter.outbound.migration.rows.candidates import candidates, literals_in, number_sql
from adapter.outbound.migration.rows.catalog import BOUNDS, Check, Column, Schema, Table
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Question, Session, all_of
from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.values import (
    KNOWN,
    NULL,
    NUMBERS,
    TIMES,
    Values,
    default_values,
    pool_of,
)

SAMPLE = 48  # rows on which an expression is tried


def choose_values(session: Session, plan: Plan, absent: set[int], invented: set[int]) -> None:
    """Choose the expressions of the columns that no foreign key decides, each by its own checks alone."""
    chosen = list(_to_be_chosen(session, plan, absent, invented))
    checked = {each.number: own_checks(session.schema, plan.table, each) for each in chosen}
    wishes = [_wish(plan.table, each, checked[each.number]) for each in chosen if checked[each.number]]
    passed = dict(zip((each.column.number for each in wishes), passing(session, plan.table, wishes), strict=True))
    for number in plan.table.columns:
        if number in absent and number not in plan.fixed and not plan.table.columns[number].generated:
            plan.values[number] = NULL
        column = next((each for each in chosen if each.number == number), None)
        if column is not None:
            found = passed.get(number)
            plan.values[number] = (
                _supported(session, plan, column) if found is None else _chosen(session, plan, column, found)
            )


def _to_be_chosen(session: Session, plan: Plan, absent: set[int], invented: set[int]) -> Iterator[Column]:
    table, schema = plan.table, session.schema
    partition_keys = {number for check in table.checks if check.name == BOUNDS for number in check.columns}
    for number, column in table.columns.items():
        if column.generated or number in plan.fixed or number in absent:
            continue
        wanted = number in invented or number in partition_keys
        in_key = any(number in key for key in table.unique)
        has_default = column.identity or column.default is not None
        if not has_default or wanted or (in_key and not schema.own_values(column)):
            yield column


@dataclass(frozen=True)
class Wish:
    """Expressions that are looked for.

    Attributes:
        column: For which column.
        checks: What they have to pass.
        full: For every row; else for some.
        most: How many are enough.
    """

    column: Column
    checks: Sequence[str]
    full: bool = True
    most: int = 1


def _wish(table: Table, column: Column, checks: Sequence[str]) -> Wish:
    return Wish(column, checks, full=not _is_crowded(table, column))


def _is_crowded(table: Table, column: Column) -> bool:
    """Return whether many different values are wanted; where others share the key, a few may be enough."""
    keys = [key for key in table.unique if column.number in key]
    return column.number in table.distinct and (not keys or (column.number,) in keys)


def _chosen(session: Session, plan: Plan, column: Column, found: Sequence[tuple[Values, float]]) -> Values:
    """Choose the expression of a column among those that pass its checks."""
    best, share = _best(session, plan.table, column, found)
    if best is None:
        if column.not_null:
            raise CannotFillError(f"no value found for column {column.name} under {_names_of(plan.table, column)}")
        return NULL
    if share < 1:
        plan.filters += [f"({check.expression}) IS NOT FALSE" for check in _table_checks(plan.table, column)]
        plan.yields *= share
    return best


def _best(
    session: Session, table: Table, column: Column, found: Sequence[tuple[Values, float]]
) -> tuple[Values | None, float]:
    """Return the expression that most rows can have, and the share of numbers for which it passes."""
    crowded = _is_crowded(table, column)
    first = next((each for each in found if each[1] == 1), None)
    if not crowded and first is not None:
        return first

    def worth(found: tuple[Values, float]) -> tuple[float, ...]:
        values, share = found
        room = min(values.count * share or math.inf, session.rows)
        return (share, room) if session.few else (room if crowded else 0, share)

    return max(found, key=worth, default=(None, 0.0))


def _supported(session: Session, plan: Plan, column: Column) -> Values:
    """Return the type's values, or NULL where the server cannot make any."""
    values = default_values(session.schema, column.type, column.modifier, plan.table.texts)
    kind, _ = session.schema.base(column.type)
    known = kind.kind != "b" or kind.name in KNOWN or (kind.category == "A" and kind.element > 0)
    if values != NULL and (known or session.attempt(_probe(values, column.type_sql)) is not None):
        return values
    for text in ("", "1", "a", "0", "{}", "[]", "()"):
        constant = Values(f"{literal(text)}::{column.type_sql}", 1)
        if values != NULL and session.attempt(_probe(constant, column.type_sql)) is not None:
            return constant
    if column.not_null:
        raise CannotFillError(f"no value is known for column {column.name} of type {column.type_sql}")
    return NULL


def _probe(values: Values, type_sql: str) -> str:
    return f"SELECT (({values.at('g')})::{type_sql}) IS NOT NULL FROM generate_series(1, 2) g"


def _table_checks(table: Table, column: Column) -> list[Check]:
    return [check for check in table.checks if check.columns == (column.number,)]


def own_checks(schema: Schema, table: Table, column: Column) -> list[str]:
    """Return the conditions on one column, those of its domain included, which say VALUE."""
    kind, _ = schema.base(column.type)
    inner = schema.domain_checks(kind.element) if kind.element else ()
    return [
        *(check.expression for check in _table_checks(table, column)),
        *schema.domain_checks(column.type),
        # an array of a domain: its elements are looked at one by one
        *(f"NOT EXISTS (SELECT FROM unnest(value) e(value) WHERE NOT ({check}))" for check in inner),
    ]


def _names_of(table: Table, column: Column) -> str:
    names = [check.name for check in _table_checks(table, column)]
    return f"check {', '.join(names)}" if names else f"the checks of type {column.type_sql}"


def passing(session: Session, table: Table, wishes: Sequence[Wish]) -> list[list[tuple[Values, float]]]:
    """Return the expressions that pass checks of columns, with the share of numbers for which they do.

    Postgres is asked about all of them in two statements.
    """
    definitions = [
        " ".join([*each.checks, *(one.expression for one in table.checks if each.column.number in one.columns)])
        for each in wishes
    ]
    bases = [_base_sql(session, each.column) for each in wishes]
    literals = [
        _passing_literals(wish.column, base, wish.checks, text)
        for wish, base, text in zip(wishes, bases, definitions, strict=True)
    ]
    answers = iter(session.attempts([Question(query) for query in literals if query is not None]))
    pools = [next(answers) if query is not None else None for query in literals]
    tried = [
        _tried(session, table, wish.column, text, pool_of(pool, base) if pool else None)
        for wish, base, text, pool in zip(wishes, bases, definitions, pools, strict=True)
    ]
    questions = [
        Question(
            _share(wish.column, base, wish.checks, values),
            group,
            settles=wish.full or not values.count or values.count >= session.rows,
        )
        for group, (wish, base, candidates) in enumerate(zip(wishes, bases, tried, strict=True))
        for values in candidates
    ]
    shares = iter(session.attempts(questions, {group: wish.most for group, wish in enumerate(wishes)}))
    found = [[(values, float(next(shares) or 0)) for values in candidates] for candidates in tried]
    return [[each for each in group if each[1] > 0] for group in found]


def _base_sql(session: Session, column: Column) -> str:
    """Return the type without domains; of arrays without limits of their elements."""
    kind, modifier = session.schema.base(column.type, column.modifier)
    if kind.category == "A" and kind.element:
        return session.schema.base(kind.element)[0].sql + "[]"
    if modifier == -1 or session.schema.types[column.type].kind != "d":
        return kind.sql if modifier == -1 else column.type_sql
    return str(session.one(f"SELECT format_type({kind.oid}, {modifier})"))


def _tried(session: Session, table: Table, column: Column, definitions: str, pool: Values | None) -> list[Values]:
    """Put the expressions in the order in which they are tried."""
    kind, _ = session.schema.base(column.type, column.modifier)
    made = list(dict.fromkeys(candidates(session.schema, column, definitions, table.texts)))
    several = [] if pool is None else [pool]
    # a list of words is what the column may hold; a list of numbers rather the bounds of it
    ranges = kind.name in NUMBERS | TIMES
    bounded = any(check.name == BOUNDS and column.number in check.columns for check in table.checks)
    first = 0 if bounded else len(made) if ranges else 1
    return [*made[:first], *several, *made[first:]]


def _aliases(column: Column) -> list[str]:
    return list(dict.fromkeys([column.quoted, '"value"']))


def _share(column: Column, base_sql: str, checks: Sequence[str], values: Values) -> str:
    """Write the question for which share of numbers an expression passes."""
    made = ", ".join(f"v AS {alias}" for alias in _aliases(column))
    rows = f"SELECT ({values.at('g * 13')})::{base_sql} AS v FROM generate_series(1, {SAMPLE}) g"
    rows += f" UNION ALL SELECT ({values.at('g')})::{base_sql} FROM generate_series(1, {SAMPLE}) g"
    return f"SELECT avg(({all_of(checks)})::int)::float8 FROM (SELECT {made} FROM ({rows}) s) r"


def _passing_literals(column: Column, base_sql: str, checks: Sequence[str], definitions: str) -> str | None:
    """Write the question which of the literals in the definitions pass them; None where there are none."""
    strings, numbers = literals_in(definitions)
    # another word, for a default partition
    texts = [*(each for each in strings if "::" not in each), "value"] + [
        number_sql(each).strip("()") for each in numbers
    ]
    if len(texts) == 1:
        return None
    made = ", ".join(f"v::{base_sql} AS {alias}" for alias in _aliases(column))
    # pg_input_is_valid (Postgres 16) keeps literals of another type out
    listed = ", ".join(f"({place}, {literal(each)})" for place, each in enumerate(dict.fromkeys(texts)))
    valid = f"SELECT o, v FROM (VALUES {listed}) l(o, v) WHERE pg_input_is_valid(v, {literal(base_sql)}) OFFSET 0"
    return (
        f"SELECT array_agg(v ORDER BY o) FROM (SELECT o, v, {made} FROM ({valid}) i OFFSET 0) r WHERE {all_of(checks)}"
    )
