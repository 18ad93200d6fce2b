"""Reads a row of each table, for the values of statements."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.migration.traffic.made_statements import Relation, listed

_SAMPLE = 200  # rows from which the one with the fewest NULLs is chosen
_AT_ONCE = 50  # tables from which rows are read in one statement


def sample_rows(connection: psycopg.Connection[Any], relations: Sequence[Relation]) -> dict[str, dict[str, str | None]]:
    """Return a row of each table that has one, as text, by table; many tables are read in one statement.

    Where a statement fails, as one of its tables cannot be read, each half of its tables gets one of its own.
    """
    tables = [relation for relation in relations if relation.columns]
    if len(tables) <= _AT_ONCE:
        with suppress(psycopg.Error):
            queries = sql.SQL(" UNION ALL ").join(_row_query(*pair) for pair in enumerate(tables))
            read = connection.execute(queries).fetchall() if tables else []
            return {tables[place].table: _named(tables[place], values) for place, values in read}
    half = len(tables) // 2
    return sample_rows(connection, tables[:half]) | sample_rows(connection, tables[half:]) if half else {}


def _named(relation: Relation, values: Sequence[str | None]) -> dict[str, str | None]:
    return dict(zip((column["name"] for column in relation.columns), values, strict=True))


def _row_query(place: int, relation: Relation) -> sql.Composable:
    """Return a query for a row with few NULLs; from the newest partition, which usually gets the most writes."""
    names = [column["name"] for column in relation.columns]
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
    order = sql.SQL("ORDER BY tableoid DESC" if relation.is_partitioned else "")
    form = sql.SQL(
        "(SELECT {}, ARRAY[{}] FROM (SELECT * FROM {} {} LIMIT {}) AS t ORDER BY num_nonnulls({}) DESC LIMIT 1)"
    )
    return form.format(sql.Literal(place), texts, relation.identifier, order, _SAMPLE, listed(names))
