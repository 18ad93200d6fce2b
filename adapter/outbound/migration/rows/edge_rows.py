"""Rows with values at the edges of their columns' types, as far as the constraints of each column accept them."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Collection, Mapping, Sequence

import psycopg

from adapter.outbound.migration.rows.candidates import documents_of_other_types
from adapter.outbound.migration.rows.catalog import BOUNDS, Column, Schema, Table
from adapter.outbound.migration.rows.columns import own_checks
from adapter.outbound.migration.rows.edges import edge_values
from adapter.outbound.migration.rows.inserting import statement_for
from adapter.outbound.migration.rows.keys import walked
from adapter.outbound.migration.rows.plan import Plan, Session, all_of
from adapter.outbound.migration.rows.values import TEXTS

_MOST = 16  # most rows with edges in a table
_SHARE = 8  # at most one row in this many has edges


def edge_count(rows: int) -> int:
    """Return how many of a table's rows have edge values."""
    return min(_MOST, rows // _SHARE)


def edges_of(schema: Schema, table: Table, column: Column, count: int) -> list[str]:
    """Return the edges of a column as expressions, at most `count` of them; for a nullable column, NULL is the last."""
    edges = edge_values(schema, column.type, column.modifier, table.texts)
    return edges[:count] if column.not_null else [*edges[: count - 1], "NULL"]


def insert_edges(
    session: Session,
    plan: Plan,
    last_row: int,
    count: int,
    only: Collection[int] | None = None,
    keys: Mapping[int, str] | None = None,
) -> int:
    """Insert rows with edge values after the rows that exist.

    Each edge of a column is used once, so unique columns stay unique. Neighboring columns have their first edges in
    different rows. An edge that fails the column's own checks is replaced by an ordinary value. A row that Postgres
    refuses nevertheless is skipped.

    Args:
        session: The database.
        plan: The plan for ordinary rows of the table.
        last_row: The number of the last row that exists.
        count: The number of rows to insert.
        only: Numbers of the columns that get edge values; None for all.
        keys: Expressions of the rows' keys by column, where they are others than those of the plan; see `late_keys`.

    Returns:
        The number of inserted rows.
    """
    changes = {
        number: expression
        for number in _free_columns(session, plan, only)
        if (expression := _expression(session, plan, number, last_row, count)) is not None
    } | dict(keys or {})
    if count <= 0:
        return 0
    try:
        return _run_insert(session, statement_for(plan, last_row + 1, last_row + count, count, changes=changes))
    except psycopg.Error:
        if session.connection.closed:
            raise
    inserted = 0
    for row in range(last_row + 1, last_row + count + 1):
        try:
            inserted += _run_insert(session, statement_for(plan, row, row, 1, changes=changes))
        except psycopg.Error:
            if session.connection.closed:
                raise
    return inserted


def _run_insert(session: Session, statement: str) -> int:
    with session.connection.transaction():
        count = session.connection.execute(statement.encode()).rowcount
        session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return max(count, 0)


def _free_columns(session: Session, plan: Plan, only: Collection[int] | None) -> list[int]:
    """Return the columns outside foreign keys, sequences, unique integer keys and checks on several columns."""
    table = plan.table
    excluded = {n for check in table.checks if len(check.columns) != 1 or check.name == BOUNDS for n in check.columns}
    keys = {number for key in table.unique for number in key}
    excluded |= (table.distinct - keys) | plan.fixed.keys() | walked(session.schema, table)
    return [
        number
        for number, column in table.columns.items()
        if number not in excluded
        and not column.generated
        and not session.schema.own_values(column)
        and (only is None or number in only)
    ]


def _expression(session: Session, plan: Plan, number: int, last_row: int, count: int) -> str | None:
    """Return the expression of a column with an edge in some rows; None for a column without edges."""
    table, column = plan.table, plan.table.columns[number]
    checks = own_checks(session.schema, table, column)
    edges = [*_documents(session.schema, column, checks), *edges_of(session.schema, table, column, count)]
    if not edges or (number not in plan.values and column.default is None):
        return None
    ordinary = plan.sprinkled(number) if number in plan.values else f"({column.default})::{column.type_sql}"
    cases = " ".join(
        f"WHEN {last_row + 1 + (place + number) % count} THEN {_edge(session, column, edge, checks, ordinary)}"
        for place, edge in enumerate(edges[:count])
    )
    return f"(CASE g {cases} ELSE {ordinary} END)"


def _documents(schema: Schema, column: Column, checks: Sequence[str]) -> list[str]:
    """Return documents with the keys that the checks of a column mention; only the application knows their types."""
    kind, _ = schema.base(column.type)
    definitions = " ".join(checks)
    if kind.name in {"json", "jsonb"}:
        return documents_of_other_types(kind.name, definitions)
    if kind.name in TEXTS and "::json" in definitions:
        return [f"({document})::text" for document in documents_of_other_types("jsonb", definitions)]
    return []


def _edge(session: Session, column: Column, edge: str, checks: list[str], ordinary: str) -> str:
    """Return an expression for an edge, or for the ordinary value where the column's own checks refuse the edge."""
    if not checks:
        return f"({edge})::{column.type_sql}"
    base = session.schema.base(column.type)[0].sql
    aliased_edge = ", ".join(f"({edge})::{base} AS {alias}" for alias in dict.fromkeys([column.quoted, '"value"']))
    edge_row = f"SELECT {aliased_edge} OFFSET 0"
    edge_or_ordinary = f"CASE WHEN {all_of(checks)} THEN ({column.quoted})::{column.type_sql} ELSE {ordinary} END"
    return f"(SELECT {edge_or_ordinary} FROM ({edge_row}) e)"
