"""The number of rows that the unique keys of a table allow, as far as the server proves it from the catalog.

A table that keeps one row of settings is small whatever the target is. That no further row could be made proves
nothing, because other values may exist. So the server is asked whether the checks of a key column exclude all values
but a few: the planner then skips the scan for any other value.

Source: the Postgres manual, `constraint_exclusion`.
"""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import math
from collections.abc import Collection, Sequence
from typing import Any

from adapter.outbound.migration.rows.candidates import literals_in, number_sql
from adapter.outbound.migration.rows.catalog import Column, Table
from adapter.outbound.migration.rows.plan import Session
from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.values import TEXTS

# Keys that hold for all rows; a key column that is an expression has the number 0.
_KEYS = """
SELECT c.relkind = 'r', (i.indkey::int2[])[0 : i.indnkeyatts - 1]::int[],
       (SELECT array_agg(pg_get_indexdef(i.indexrelid, place, false) ORDER BY place)
          FROM generate_series(1, i.indnkeyatts) place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indrelid = {oid} AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
"""
_WHOLE_NUMBERS = frozenset({"int2", "int4", "int8"})


def most_rows(session: Session, table: Table, children: Collection[int] = ()) -> float:
    """Return how many rows the unique keys of a table allow at most; infinite where nothing proves a limit.

    Args:
        session: The database.
        table: The table.
        children: Tables whose limit depends on this one's, by oid; they prove nothing for it.
    """
    with session.connection.transaction():
        session.connection.execute("SET LOCAL constraint_exclusion = on")
        keys = session.connection.execute(_KEYS.format(oid=table.oid).encode()).fetchall()
        limits = [
            _key_count(session, table, numbers, parts, {*children, table.oid}, has_own_rows=has_own_rows)
            for has_own_rows, numbers, parts in keys
        ]
    return min(limits, default=math.inf)


def _key_count(
    session: Session,
    table: Table,
    numbers: Sequence[int],
    parts: Sequence[str],
    children: Collection[int],
    *,
    has_own_rows: bool,
) -> float:
    """Return how many values a key can have.

    Args:
        session: The database.
        table: The table.
        numbers: Its columns in the key, 0 for an expression.
        parts: The same as SQL.
        children: As in `most_rows`, with the table itself.
        has_own_rows: Whether it is not partitioned; the planner skips partitions for other reasons than checks.
    """
    counts = [
        _expression_count(session, table, part) for number, part in zip(numbers, parts, strict=True) if not number
    ]
    open_numbers = {number for number in numbers if number}
    if not all(table.columns[number].not_null for number in open_numbers):
        return math.inf
    for key in table.foreign_keys:
        parent = session.schema.tables.get(key.parent)
        if parent is not None and key.parent not in children and set(key.columns) <= open_numbers:
            parent_count = most_rows(session, parent, children)
            if parent_count < math.inf:
                counts.append(parent_count)
                open_numbers -= set(key.columns)
    counts += [
        _column_count(session, table, table.columns[number], has_own_rows=has_own_rows) for number in open_numbers
    ]
    return math.prod(counts)


def _expression_count(session: Session, table: Table, expression: str) -> float:
    """Return how many values an expression can have: one without columns, two for a truth value that is never NULL."""
    if session.attempt(f"SELECT ({expression}) IS NOT NULL"):
        return 1
    is_truth_value = f"pg_typeof({expression}) = 'boolean'::regtype AND ({expression}) IS NOT NULL"
    return 2 if session.attempt(f"SELECT {is_truth_value} FROM (SELECT (NULL::{table.sql}).*) r") else math.inf


def _column_count(session: Session, table: Table, column: Column, *, has_own_rows: bool) -> float:
    """Return how many values a column that is NOT NULL can have."""
    kind, _ = session.schema.base(column.type)
    if column.generated:
        return _expression_count(session, table, column.default or "NULL")
    if kind.name == "bool" or kind.kind == "e":
        return len(kind.labels) or 2
    return _checked_count(session, table, column, kind.name, kind.sql) if has_own_rows else math.inf


def _checked_count(session: Session, table: Table, column: Column, type_name: str, type_sql: str) -> float:
    """Return how many values the checks of a column allow: those in their definitions, or the numbers between these."""
    strings, numbers = literals_in("\n".join(c.expression for c in table.checks if c.columns == (column.number,)))
    numbers += [float(text) for text in strings if text.lstrip("-").isdigit()]
    values = [literal(text) for text in strings] if type_name in TEXTS else [number_sql(number) for number in numbers]
    if _is_excluded(session, table, f"{column.quoted} <> ALL (ARRAY[{', '.join(values)}]::{type_sql}[])"):
        return len(values)
    if type_name in _WHOLE_NUMBERS and numbers and _is_within(session, table, column, min(numbers), max(numbers)):
        return max(numbers) - min(numbers) + 1
    return math.inf


def _is_within(session: Session, table: Table, column: Column, low: float, high: float) -> bool:
    """Return whether the checks of a table exclude all whole numbers beyond two bounds, or the bounds as well."""
    return any(
        _is_excluded(session, table, f"{column.quoted} {sign} {number_sql(low)}") for sign in ("<", "<=")
    ) and any(_is_excluded(session, table, f"{column.quoted} {sign} {number_sql(high)}") for sign in (">", ">="))


def _is_excluded(session: Session, table: Table, condition: str) -> bool:
    """Return whether the planner proves that no row of a table meets a condition."""
    plans: Any = session.attempt(f"EXPLAIN (FORMAT JSON) SELECT FROM ONLY {table.sql} WHERE {condition}")
    plan = plans[0]["Plan"] if plans else {}
    return plan.get("Node Type") == "Result" and plan.get("One-Time Filter") == "false"
