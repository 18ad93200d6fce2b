"""Edges that no row of a table has, and why; data loss at these values would not show."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Collection, Iterator
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import without_handlers
from adapter.outbound.migration.rows.catalog import BOUNDS, Column, Table, find_tables, read_schema
from adapter.outbound.migration.rows.columns import own_checks
from adapter.outbound.migration.rows.edge_rows import edge_count, edges_of
from adapter.outbound.migration.rows.keys import walked
from adapter.outbound.migration.rows.plan import Session
from adapter.outbound.migration.rows.varied import has_constant_default
from domain.migration.verification.unseen_losses import ONLY_DEFAULT

_SHOWN = 24  # most characters of an edge that are shown


def unmade_edges(connection: psycopg.Connection[Any], tables: Collection[str], rows: int) -> dict[str, str]:
    """Return the edges that no row of some tables has.

    Args:
        connection: A connection as `fill` requires it.
        tables: Qualified names of the tables; tables without rows are skipped.
        rows: The number of rows that the tables were filled to.

    Returns:
        The missing edges and the reason, such as `'', 'B': check people_kind`, by schema.table.column. The text begins
        with `ONLY_DEFAULT` for a column with a default that has the same value in every row.

    Raises:
        psycopg.Error: The catalog cannot be read, or the connection is lost.
    """
    count = edge_count(rows)
    if not count or not tables:
        return {}
    with connection.transaction():
        schema = read_schema(connection, find_tables(connection), "")
    session = Session(connection, schema, rows, full=set(schema.tables), superuser=False)
    missing: dict[str, str] = {}
    with without_handlers(connection):
        for table in schema.tables.values():
            if table.name in tables and session.attempt(f"SELECT EXISTS (SELECT FROM {table.source} r)"):
                missing |= dict(_of_table(session, table, count))
    return missing


def _of_table(session: Session, table: Table, count: int) -> Iterator[tuple[str, str]]:
    for column in table.columns.values():
        if _has_only_its_default(session, table, column):
            yield f"{table.name}.{column.ident}", f"{ONLY_DEFAULT}{_cause(table, column)}"
            continue
        edges = [] if column.generated else edges_of(session.schema, table, column, count)
        if not edges:
            continue
        domain = session.schema.types[column.type].kind == "d"  # a cast to it would run its checks and fail
        kind = session.schema.base(column.type)[0].sql if domain else column.type_sql
        edge_exists = ", ".join(
            "coalesce(bool_or(r.v IS NULL), false)"
            if edge == "NULL"
            else f"coalesce(bool_or(r.v::text = (({edge})::{kind})::text), false)"
            for edge in edges
        )
        results = session.attempt(
            f"SELECT ARRAY[{edge_exists}] FROM (SELECT {column.quoted} AS v FROM {table.source} r OFFSET 0) r"
        )
        unmade = [edge for edge, exists in zip(edges, results or [False] * len(edges), strict=True) if not exists]
        if unmade:
            yield (
                f"{table.name}.{column.ident}",
                _explanation(session, table, column, unmade, all_of_them=len(unmade) == len(edges)),
            )


def _has_only_its_default(session: Session, table: Table, column: Column) -> bool:
    """Return whether a column has a default, and the same value in every row."""
    if not has_constant_default(session.schema, table, column.number):
        return False
    value = f"({column.quoted})::text"
    first_value = f"SELECT {value} FROM {table.source} r LIMIT 1"
    others = f"SELECT FROM {table.source} r WHERE {value} IS DISTINCT FROM ({first_value})"
    return session.attempt(f"SELECT NOT EXISTS ({others})") is True


def _cause(table: Table, column: Column) -> str:
    """Return the checks that may refuse other values than a default."""
    names = ", ".join(check.name for check in table.checks if column.number in check.columns)
    return f": check {names}" if names else ""


def _explanation(session: Session, table: Table, column: Column, unmade: list[str], *, all_of_them: bool) -> str:
    bound = _bound(session, table, column)
    if bound is not None:
        return bound
    reasons: dict[str, list[str]] = {}
    for edge in unmade:
        reasons.setdefault(_refusal(session, table, column, edge), []).append(_short(edge))
    if all_of_them and len(reasons) == 1:
        return f"none: {next(iter(reasons))}"
    return "; ".join(f"{', '.join(edges)}: {reason}" for reason, edges in reasons.items())


def _bound(session: Session, table: Table, column: Column) -> str | None:
    """Return what determines the column's values instead of the edges; None where nothing does."""
    for key in table.foreign_keys:
        if column.number in key.columns:
            return f"only keys of {session.name(key.parent)}: foreign key {key.name}"
    if session.schema.own_values(column):
        return "its default gives each row a value of its own"
    if column.number in walked(session.schema, table):
        return "its unique key numbers the rows"
    for check in table.checks:
        if column.number in check.columns and (len(check.columns) != 1 or check.name == BOUNDS):
            return f"only what fits {'' if check.name == BOUNDS else 'check '}{check.name}"
    keys = {number for unique in table.unique for number in unique}
    return "its exclusion constraint" if column.number in table.distinct - keys else None


def _refusal(session: Session, table: Table, column: Column, edge: str) -> str:
    """Return what refuses an edge: a check of the column or of its type, or else that no row has it."""
    base = session.schema.base(column.type)[0].sql
    aliased_edge = ", ".join(f"({edge})::{base} AS {alias}" for alias in dict.fromkeys([column.quoted, '"value"']))
    names_of_checks = {check.expression: check.name for check in table.checks if check.columns == (column.number,)}
    for expression in own_checks(session.schema, table, column):
        if session.attempt(f"SELECT ({expression}) IS NOT FALSE FROM (SELECT {aliased_edge} OFFSET 0) e") is not True:
            return (
                f"check {names_of_checks[expression]}" if expression in names_of_checks else f"type {column.type_sql}"
            )
    if any(column.number in key for key in table.unique):
        return "no row has it, in a unique key"
    return "no row has it"


def _short(edge: str) -> str:
    return edge if len(edge) <= _SHOWN else f"{edge[: _SHOWN - 1]}…"
