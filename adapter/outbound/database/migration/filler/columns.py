"""The expressions of single columns, and their own checks."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import math
from collections.abc import Iterator, Sequence

from adapter.outbound.database.migration.filler.candidates import candidates, literals_in, number_sql
from adapter.outbound.database.migration.filler.catalog import BOUNDS, Check, Column, Schema, Table
from adapter.outbound.database.migration.filler.plan import CannotFillError, Plan, Session, all_of
from adapter.outbound.database.migration.filler.quoting import literal
from adapter.outbound.database.migration.filler.values import (
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
    """Choose the expressions of the columns that no foreign key decides."""
    table, schema = plan.table, session.schema
    partition_keys = {number for check in table.checks if check.name == BOUNDS for number in check.columns}
    for number, column in table.columns.items():
        if column.generated or number in plan.fixed:
            continue
        if number in absent:
            plan.values[number] = NULL
            continue
        wanted = number in invented or number in partition_keys
        in_key = any(number in key for key in table.unique)
        has_default = column.identity or column.default is not None
        if has_default and not wanted and (schema.own_values(column) or not in_key):
            continue
        plan.values[number] = _chosen(session, plan, column)


def _chosen(session: Session, plan: Plan, column: Column) -> Values:
    """Choose the expression of a column by its own checks alone."""
    checks = own_checks(session.schema, plan.table, column)
    if not checks:
        return _supported(session, plan, column)
    best, share = _best(session, plan.table, column, checks)
    if best is None:
        if column.not_null:
            raise CannotFillError(f"no value found for column {column.name} under {_names_of(plan.table, column)}")
        return NULL
    if share < 1:
        plan.filters += [f"({check.expression}) IS NOT FALSE" for check in _table_checks(plan.table, column)]
        plan.yields *= share
    return best


def _best(session: Session, table: Table, column: Column, checks: Sequence[str]) -> tuple[Values | None, float]:
    """Give the expression that most rows can have, and the share of numbers for which it passes."""
    keys = [key for key in table.unique if column.number in key]
    # where others share the key, a few values may be enough
    crowded = column.number in table.distinct and (not keys or (column.number,) in keys)
    if not crowded:
        first = next(passing(session, table, column, checks, full=True), None)
        if first is not None:
            return first

    def worth(found: tuple[Values, float]) -> tuple[float, ...]:
        values, share = found
        room = min(values.count * share or math.inf, session.rows)
        return (share, room) if session.few else (room if crowded else 0, share)

    return max(passing(session, table, column, checks, full=False), key=worth, default=(None, 0.0))


def _supported(session: Session, plan: Plan, column: Column) -> Values:
    """Give the type's values, or NULL where the server cannot make any."""
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
    """Give the conditions on one column, those of its domain included, which say VALUE."""
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


def passing(
    session: Session, table: Table, column: Column, checks: Sequence[str], *, full: bool
) -> Iterator[tuple[Values, float]]:
    """Give the expressions that pass a column's checks, with the share of numbers for which they do."""
    definitions = " ".join([*checks, *(check.expression for check in table.checks if column.number in check.columns)])
    kind, modifier = session.schema.base(column.type, column.modifier)
    base_sql = kind.sql if modifier == -1 else str(session.one(f"SELECT format_type({kind.oid}, {modifier})"))
    if kind.category == "A" and kind.element:
        base_sql = session.schema.base(kind.element)[0].sql + "[]"
    pool = _passing_literals(session, column, base_sql, checks, definitions)
    made = list(candidates(session.schema, column, definitions, table.texts))
    several = [] if pool is None else [pool]
    # a list of words is what the column may hold; a list of numbers rather the bounds of it
    ranges = kind.name in NUMBERS | TIMES
    bounded = any(check.name == BOUNDS and column.number in check.columns for check in table.checks)
    first = 0 if bounded else len(made) if ranges else 1
    for values in [*made[:first], *several, *made[first:]]:
        share = _share(session, column, base_sql, checks, values)
        if share == 1 if full else share > 0:
            yield values, share


def _aliases(column: Column) -> list[str]:
    return list(dict.fromkeys([column.quoted, '"value"']))


def _share(session: Session, column: Column, base_sql: str, checks: Sequence[str], values: Values) -> float:
    made = ", ".join(f"v AS {alias}" for alias in _aliases(column))
    rows = f"SELECT ({values.at('g * 13')})::{base_sql} AS v FROM generate_series(1, {SAMPLE}) g"
    rows += f" UNION ALL SELECT ({values.at('g')})::{base_sql} FROM generate_series(1, {SAMPLE}) g"
    query = f"SELECT avg(({all_of(checks)})::int)::float8 FROM (SELECT {made} FROM ({rows}) s) r"
    return float(session.attempt(query) or 0)


def _passing_literals(
    session: Session, column: Column, base_sql: str, checks: Sequence[str], definitions: str
) -> Values | None:
    """Make a pool of the literals that stand in the definitions and pass them."""
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
    query = (
        f"SELECT array_agg(v ORDER BY o) FROM (SELECT o, v, {made} FROM ({valid}) i OFFSET 0) r WHERE {all_of(checks)}"
    )
    found = session.attempt(query)
    return pool_of(found, base_sql) if found else None
