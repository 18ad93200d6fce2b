"""Columns of filled tables that are NULL in every row, or have their default in every row."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import psycopg

from adapter.outbound.migration.rows.catalog import Table
from adapter.outbound.migration.rows.edge_rows import edge_count, insert_edges
from adapter.outbound.migration.rows.inserting import insert
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session
from adapter.outbound.migration.rows.planning import leave_empty, make_plan
from adapter.outbound.migration.rows.values import NULL
from adapter.outbound.migration.rows.varied import vary

MORE = 10  # one row is added per this many, for columns that are NULL in every row
# Tables are analyzed after they are filled, so pg_stats shows which columns have no values.
_EMPTY_COLUMNS = """
SELECT a.attrelid::int8 AS relation, a.attnum::int AS number, quote_ident(a.attname) AS sql
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
WHERE a.attrelid = ANY(%s) AND format('%%I.%%I.%%I', n.nspname, c.relname, a.attname) = ANY(%s)
  AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull AND NOT a.atthasdef AND a.attgenerated = ''
  AND (s.attname IS NULL OR s.null_frac = 1)
ORDER BY a.attrelid, a.attnum
"""


# These columns may be newer than the last ANALYZE, so pg_stats cannot exclude any of them.
_DEFAULTED = """
SELECT a.attrelid::int8 AS relation, a.attnum::int AS number, quote_ident(a.attname) AS sql
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attrelid = ANY(%s) AND format('%%I.%%I.%%I', n.nspname, c.relname, a.attname) = ANY(%s)
  AND a.attnum > 0 AND NOT a.attisdropped AND a.atthasdef AND a.attgenerated = '' AND a.attidentity = ''
ORDER BY a.attrelid, a.attnum
"""


def columns_without_values(
    connection: psycopg.Connection[Any],
    tables: Sequence[Mapping[str, Any]],
    full: Collection[int],
    settled: Collection[str],
) -> dict[int, set[int]]:
    """Return the columns of full tables that are NULL in every row, as column numbers by table."""
    columns: dict[int, dict[int, str]] = {}
    for oid, number, column in connection.execute(_EMPTY_COLUMNS, (list(full), list(settled))):
        columns.setdefault(oid, {})[number] = column
    queries = [
        f"SELECT {table['oid']}::int8, {number}"
        f" WHERE NOT EXISTS (SELECT FROM {table['source']} r WHERE {column} IS NOT NULL)"
        for table in tables
        for number, column in columns.get(table["oid"], {}).items()
    ]
    empty_columns: dict[int, set[int]] = {}
    for oid, number in connection.execute(" UNION ALL ".join(queries).encode()) if queries else ():
        empty_columns.setdefault(oid, set()).add(number)
    return empty_columns


def columns_with_defaults(
    connection: psycopg.Connection[Any],
    tables: Sequence[Mapping[str, Any]],
    full: Collection[int],
    fresh: Collection[str],
) -> dict[int, set[int]]:
    """Return the columns of full tables that have a default and the same value in every row, by table."""
    sources = {table["oid"]: table["source"] for table in tables}
    constant_columns: dict[int, set[int]] = {}
    for oid, number, column in connection.execute(_DEFAULTED, (list(full), list(fresh))).fetchall():
        query = f"SELECT count(DISTINCT {column}::text) < 2 FROM {sources[oid]} r"
        row = connection.execute(query.encode()).fetchone()
        if row is not None and row[0]:
            constant_columns.setdefault(oid, set()).add(number)
    return constant_columns


def set_values(session: Session, table: Table, columns: Collection[int], more: int, young: Collection[str]) -> None:
    """Add rows with values in some columns, where values exist and the constraints allow more rows."""
    previous_rows = session.rows
    try:
        with session.connection.transaction():
            row_count = int(session.value_of(f"SELECT count(*) FROM {table.source} r"))
            session.rows = row_count + more

            def planned(wanted: Collection[int]) -> Plan:
                plan = make_plan(session, table, table.foreign_keys, (), (), wanted)
                leave_empty(plan, young, columns)
                return plan

            plan = planned(())
            if any(_can_have_values(plan, number) for number in columns):
                edge_rows = min(edge_count(previous_rows), more)
                insert(session, plan, row_count, session.rows - edge_rows)
                insert_edges(session, vary(session, plan, planned), session.rows, edge_rows, columns)
            session.added[table.name] = int(session.value_of(f"SELECT count(*) FROM {table.source} r")) - row_count
    except (CannotFillError, psycopg.Error):
        if session.connection.closed:
            raise
    finally:
        session.rows = previous_rows


def _can_have_values(plan: Plan, number: int) -> bool:
    has_default = plan.table.columns[number].default is not None
    return number in plan.fixed or has_default or plan.values.get(number, NULL) != NULL
