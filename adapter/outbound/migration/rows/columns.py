"""The expressions of single columns, chosen so that they pass the column's own checks."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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

SAMPLE = 48  # rows on which an expression is evaluated


def choose_values(session: Session, plan: Plan, absent: set[int], invented: set[int]) -> None:
    """Choose the expressions of the columns outside foreign keys, each by its own checks alone."""
    chosen_columns = list(_to_be_chosen(session, plan, absent, invented))
    checked = {column.number: own_checks(session.schema, plan.table, column) for column in chosen_columns}
    wishes = [_wish(plan.table, column, checked[column.number]) for column in chosen_columns if checked[column.number]]
    passing_values = dict(
        zip((wish.column.number for wish in wishes), passing(session, plan.table, wishes), strict=True)
    )
    for number in plan.table.columns:
        if number in absent and number not in plan.fixed and not plan.table.columns[number].generated:
            plan.values[number] = NULL
        column = next((candidate for candidate in chosen_columns if candidate.number == number), None)
        if column is not None:
            options = passing_values.get(number)
            plan.values[number] = (
                _supported(session, plan, column) if options is None else _chosen_values(session, plan, column, options)
            )


def _to_be_chosen(session: Session, plan: Plan, absent: set[int], invented: set[int]) -> Iterator[Column]:
    table, schema = plan.table, session.schema
    partition_keys = {number for check in table.checks if check.name == BOUNDS for number in check.columns}
    for number, column in table.columns.items():
        if column.generated or number in plan.fixed or number in absent:
            continue
        is_required = number in invented or number in partition_keys
        in_key = any(number in key for key in table.unique)
        has_default = column.identity or column.default is not None
        if not has_default or is_required or (in_key and not schema.own_values(column)):
            yield column


@dataclass(frozen=True)
class Wish:
    """A request for expressions that pass the checks of a column.

    Attributes:
        column: The column.
        checks: The conditions that the expressions have to pass.
        full: Whether an expression that passes for every row is enough, however few distinct values it has.
        most: The number of expressions that is enough.
    """

    column: Column
    checks: Sequence[str]
    full: bool = True
    most: int = 1


def _wish(table: Table, column: Column, checks: Sequence[str]) -> Wish:
    return Wish(column, checks, full=not _is_crowded(table, column))


def _is_crowded(table: Table, column: Column) -> bool:
    """Return whether a column needs many distinct values: alone in a unique key, or in an exclusion constraint."""
    keys = [key for key in table.unique if column.number in key]
    return column.number in table.distinct and (not keys or (column.number,) in keys)


def _chosen_values(session: Session, plan: Plan, column: Column, options: Sequence[tuple[Values, float]]) -> Values:
    """Return the expression for a column among those that pass its checks, and filter rows that it fails for."""
    best, share = _best(session, plan.table, column, options)
    if best is None:
        if column.not_null:
            raise CannotFillError(f"no value found for column {column.name} under {_names_of(plan.table, column)}")
        return NULL
    if share < 1:
        plan.filters += [f"({check.expression}) IS NOT FALSE" for check in _table_checks(plan.table, column)]
        plan.yields *= share
    return best


def _best(
    session: Session, table: Table, column: Column, options: Sequence[tuple[Values, float]]
) -> tuple[Values | None, float]:
    """Return the expression that suits the most rows, and the share of row numbers for which it passes."""
    crowded = _is_crowded(table, column)
    first_option = next((option for option in options if option[1] == 1), None)
    if not crowded and first_option is not None:
        return first_option

    def capacity(option: tuple[Values, float]) -> tuple[float, ...]:
        values, share = option
        distinct_rows = min(values.count * share or math.inf, session.rows)
        return (share, distinct_rows) if session.few else (distinct_rows if crowded else 0, share)

    return max(options, key=capacity, default=(None, 0.0))


def _supported(session: Session, plan: Plan, column: Column) -> Values:
    """Return default values of the column's type, or NULL where the server cannot produce any."""
    values = default_values(session.schema, column.type, column.modifier, plan.table.texts)
    if 0 < values.count < session.rows and _is_crowded(plan.table, column):
        # texts that another type reads may be too few for a key, as those of a boolean are
        free_texts = replace(session.schema, texts_as=None)
        values = default_values(free_texts, column.type, column.modifier, plan.table.texts)
    kind, _ = session.schema.base(column.type)
    is_known = kind.kind != "b" or kind.name in KNOWN or (kind.category == "A" and kind.element > 0)
    if values != NULL and (is_known or session.attempt(_probe(values, column.type_sql)) is not None):
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
    """Return the conditions on one column, including those of its domain, which name it VALUE."""
    kind, _ = schema.base(column.type)
    inner = schema.domain_checks(kind.element) if kind.element else ()
    return [
        *(check.expression for check in _table_checks(table, column)),
        *schema.domain_checks(column.type),
        # in an array of a domain, each element has to pass
        *(f"NOT EXISTS (SELECT FROM unnest(value) e(value) WHERE NOT ({check}))" for check in inner),
    ]


def _names_of(table: Table, column: Column) -> str:
    names = [check.name for check in _table_checks(table, column)]
    return f"check {', '.join(names)}" if names else f"the checks of type {column.type_sql}"


def passing(session: Session, table: Table, wishes: Sequence[Wish]) -> list[list[tuple[Values, float]]]:
    """Return the expressions that pass the checks of each column, with the share of row numbers for which they pass.

    Two statements evaluate all expressions of all columns.
    """
    definitions = [
        " ".join([*wish.checks, *(check.expression for check in table.checks if wish.column.number in check.columns)])
        for wish in wishes
    ]
    bases = [_base_sql(session, wish.column) for wish in wishes]
    literals = [
        _passing_literals(wish.column, base, wish.checks, text)
        for wish, base, text in zip(wishes, bases, definitions, strict=True)
    ]
    questions = [Question(query, group) for group, query in enumerate(literals) if query is not None]
    answers = iter(session.attempts(questions))
    pools = [next(answers) if query is not None else None for query in literals]
    candidate_lists = [
        _ordered_candidates(session, table, wish.column, text, pool_of(pool, base) if pool else None)
        for wish, base, text, pool in zip(wishes, bases, definitions, pools, strict=True)
    ]
    questions = [
        Question(
            _share(wish.column, base, wish.checks, values),
            group,
            settles=wish.full or not values.count or values.count >= session.rows,
        )
        for group, (wish, base, candidates) in enumerate(zip(wishes, bases, candidate_lists, strict=True))
        for values in candidates
    ]
    shares = iter(session.attempts(questions, {group: wish.most for group, wish in enumerate(wishes)}))
    results = [[(values, float(next(shares) or 0)) for values in candidates] for candidates in candidate_lists]
    return [[result for result in group if result[1] > 0] for group in results]


def _base_sql(session: Session, column: Column) -> str:
    """Return the type under all domains as SQL; for arrays, without the length limit of the elements."""
    kind, modifier = session.schema.base(column.type, column.modifier)
    if kind.category == "A" and kind.element:
        return session.schema.base(kind.element)[0].sql + "[]"
    if modifier == -1 or session.schema.types[column.type].kind != "d":
        return kind.sql if modifier == -1 else column.type_sql
    return str(session.value_of(f"SELECT format_type({kind.oid}, {modifier})"))


def _ordered_candidates(
    session: Session, table: Table, column: Column, definitions: str, pool: Values | None
) -> list[Values]:
    """Return the candidate expressions in the order in which they are tried."""
    kind, _ = session.schema.base(column.type, column.modifier)
    values = list(dict.fromkeys(candidates(session.schema, column, definitions, table.texts)))
    pool_values = [] if pool is None else [pool]
    # literal words are usually the allowed values; literal numbers are usually bounds
    ranges = kind.name in NUMBERS | TIMES
    bounded = any(check.name == BOUNDS and column.number in check.columns for check in table.checks)
    pool_position = 0 if bounded else len(values) if ranges else 1
    return [*values[:pool_position], *pool_values, *values[pool_position:]]


def _aliases(column: Column) -> list[str]:
    return list(dict.fromkeys([column.quoted, '"value"']))


def _share(column: Column, base_sql: str, checks: Sequence[str], values: Values) -> str:
    """Return the query for the share of row numbers for which an expression passes."""
    aliased = ", ".join(f"v AS {alias}" for alias in _aliases(column))
    rows = f"SELECT ({values.at('g * 13')})::{base_sql} AS v FROM generate_series(1, {SAMPLE}) g"
    rows += f" UNION ALL SELECT ({values.at('g')})::{base_sql} FROM generate_series(1, {SAMPLE}) g"
    return f"SELECT avg(({all_of(checks)})::int)::float8 FROM (SELECT {aliased} FROM ({rows}) s) r"


def _passing_literals(column: Column, base_sql: str, checks: Sequence[str], definitions: str) -> str | None:
    """Return the query for the literals in the definitions that pass the checks; None where there are no literals."""
    strings, numbers = literals_in(definitions)
    # a word outside every list, for a default partition
    texts = [*(text for text in strings if "::" not in text), "value"] + [
        number_sql(number).strip("()") for number in numbers
    ]
    if len(texts) == 1:
        return None
    aliased = ", ".join(f"v::{base_sql} AS {alias}" for alias in _aliases(column))
    # pg_input_is_valid (Postgres 16) excludes literals of other types
    text_rows = ", ".join(f"({place}, {literal(text)})" for place, text in enumerate(dict.fromkeys(texts)))
    valid = f"SELECT o, v FROM (VALUES {text_rows}) l(o, v) WHERE pg_input_is_valid(v, {literal(base_sql)}) OFFSET 0"
    aliased_rows = f"SELECT o, v, {aliased} FROM ({valid}) i OFFSET 0"
    return f"SELECT array_agg(v ORDER BY o) FROM ({aliased_rows}) r WHERE {all_of(checks)}"
