"""Rows with values at the edges of their columns' types, as far as the constraints of each column let them in."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Collection

import psycopg

from adapter.outbound.migration.rows.catalog import BOUNDS, Column, Schema, Table
from adapter.outbound.migration.rows.columns import own_checks
from adapter.outbound.migration.rows.edges import edge_values
from adapter.outbound.migration.rows.inserting import statement_for
from adapter.outbound.migration.rows.plan import Plan, Session, all_of

_MOST = 16  # edges of a column
_SHARE = 8  # one row of so many
_WHOLE_NUMBERS = {"int2", "int4", "int8"}


def edge_count(rows: int) -> int:
    """Return how many of a table's rows are at the edges."""
    return min(_MOST, rows // _SHARE)


def edges_of(schema: Schema, table: Table, column: Column, count: int) -> list[str]:
    """Return expressions of the edges that a column shall have in so many rows."""
    edges = edge_values(schema, column.type, column.modifier, table.texts)
    return edges[:count] if column.not_null else [*edges[: count - 1], "NULL"]


def insert_edges(session: Session, plan: Plan, have: int, count: int, only: Collection[int] | None = None) -> int:
    """Insert rows at the edges after so many that are there.

    Each edge of a column comes once, so that what is unique stays so, and neighboring columns have their first edges in
    different rows. What a row cannot take, its column's own checks say; a row that is refused nevertheless is left out.

    Args:
        session: The database.
        plan: How ordinary rows are made.
        have: The number of the last row that was made.
        count: How many.
        only: Numbers of the columns that get such values; None for all.

    Returns:
        How many rows were inserted.
    """
    changes = {
        number: text
        for number in _free_columns(session, plan, only)
        if (text := _expression(session, plan, number, have, count)) is not None
    }
    if not changes or count <= 0:
        return 0
    try:
        return _inserted(session, statement_for(plan, have + 1, have + count, count, changes=changes))
    except psycopg.Error:
        if session.connection.closed:
            raise
    added = 0
    for row in range(have + 1, have + count + 1):
        try:
            added += _inserted(session, statement_for(plan, row, row, 1, changes=changes))
        except psycopg.Error:
            if session.connection.closed:
                raise
    return added


def _inserted(session: Session, statement: str) -> int:
    with session.connection.transaction():
        count = session.connection.execute(statement.encode()).rowcount
        session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return max(count, 0)


def _free_columns(session: Session, plan: Plan, only: Collection[int] | None) -> list[int]:
    """Name the columns whose values nobody else decides: no parent, no check on several columns, no sequence."""
    table = plan.table
    bound = {n for check in table.checks if len(check.columns) != 1 or check.name == BOUNDS for n in check.columns}
    keys = {number for key in table.unique for number in key}
    bound |= (table.distinct - keys) | plan.fixed.keys() | walked(session.schema, table)
    return [
        number
        for number, column in table.columns.items()
        if number not in bound
        and not column.generated
        and not session.schema.own_values(column)
        and (only is None or number in only)
    ]


def walked(schema: Schema, table: Table) -> set[int]:
    """Return the whole numbers that name a row each: a backfill walks from the lowest to the highest in ranges."""
    named = (table.columns[key[0]] for key in table.unique if len(key) == 1 and key[0] in table.columns)
    return {column.number for column in named if schema.base(column.type, column.modifier)[0].name in _WHOLE_NUMBERS}


def _expression(session: Session, plan: Plan, number: int, have: int, count: int) -> str | None:
    """Return the expression of a column with an edge in some rows; None where it has none."""
    table, column = plan.table, plan.table.columns[number]
    edges = edges_of(session.schema, table, column, count)
    if not edges or (number not in plan.values and column.default is None):
        return None
    ordinary = plan.sprinkled(number) if number in plan.values else f"({column.default})::{column.type_sql}"
    checks = own_checks(session.schema, table, column)
    cases = " ".join(
        f"WHEN {have + 1 + (place + number) % count} THEN {_edge(session, column, edge, checks, ordinary)}"
        for place, edge in enumerate(edges[:count])
    )
    return f"(CASE g {cases} ELSE {ordinary} END)"


def _edge(session: Session, column: Column, edge: str, checks: list[str], ordinary: str) -> str:
    """Return an edge, or the ordinary value where the column's own checks refuse it."""
    if not checks:
        return f"({edge})::{column.type_sql}"
    base = session.schema.base(column.type)[0].sql
    named = ", ".join(f"({edge})::{base} AS {alias}" for alias in dict.fromkeys([column.quoted, '"value"']))
    inner = f"SELECT {named} OFFSET 0"
    passed = f"CASE WHEN {all_of(checks)} THEN ({column.quoted})::{column.type_sql} ELSE {ordinary} END"
    return f"(SELECT {passed} FROM ({inner}) e)"
