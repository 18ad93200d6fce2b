"""Columns of filled tables in which no row has a value, or each the default."""
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

MORE = 10  # one of so many: the rows that are added for columns that no row has a value in
# ANALYZE follows on each filling: it has seen no values in these.
_EMPTY_COLUMNS = """
SELECT a.attrelid::int8 AS relation, a.attnum::int AS number, quote_ident(a.attname) AS sql
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
WHERE a.attrelid = ANY(%s) AND n.nspname || '.' || c.relname || '.' || a.attname = ANY(%s)
  AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull AND NOT a.atthasdef AND a.attgenerated = ''
  AND (s.attname IS NULL OR s.null_frac = 1)
ORDER BY a.attrelid, a.attnum
"""


# ANALYZE may not have been there since these came.
_DEFAULTED = """
SELECT a.attrelid::int8 AS relation, a.attnum::int AS number, quote_ident(a.attname) AS sql
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attrelid = ANY(%s) AND n.nspname || '.' || c.relname || '.' || a.attname = ANY(%s)
  AND a.attnum > 0 AND NOT a.attisdropped AND a.atthasdef AND a.attgenerated = '' AND a.attidentity = ''
ORDER BY a.attrelid, a.attnum
"""


def columns_without_values(
    connection: psycopg.Connection[Any],
    tables: Sequence[Mapping[str, Any]],
    full: Collection[int],
    settled: Collection[str],
) -> dict[int, set[int]]:
    """Find those columns of full tables that are NULL in every row."""
    columns: dict[int, dict[int, str]] = {}
    for oid, number, column in connection.execute(_EMPTY_COLUMNS, (list(full), list(settled))):
        columns.setdefault(oid, {})[number] = column
    queries = [
        f"SELECT {each['oid']}::int8, {number}"
        f" WHERE NOT EXISTS (SELECT FROM {each['source']} r WHERE {column} IS NOT NULL)"
        for each in tables
        for number, column in columns.get(each["oid"], {}).items()
    ]
    found: dict[int, set[int]] = {}
    for oid, number in connection.execute(" UNION ALL ".join(queries).encode()) if queries else ():
        found.setdefault(oid, set()).add(number)
    return found


def columns_with_defaults(
    connection: psycopg.Connection[Any],
    tables: Sequence[Mapping[str, Any]],
    full: Collection[int],
    fresh: Collection[str],
) -> dict[int, set[int]]:
    """Find those columns of full tables that have a default, and the same value in every row."""
    sources = {each["oid"]: each["source"] for each in tables}
    found: dict[int, set[int]] = {}
    for oid, number, column in connection.execute(_DEFAULTED, (list(full), list(fresh))).fetchall():
        query = f"SELECT count(DISTINCT {column}::text) < 2 FROM {sources[oid]} r"
        row = connection.execute(query.encode()).fetchone()
        if row is not None and row[0]:
            found.setdefault(oid, set()).add(number)
    return found


def give_values(session: Session, table: Table, columns: Collection[int], more: int, young: Collection[str]) -> None:
    """Add rows that have values in some columns, where there are values and room for such rows."""
    wanted = session.rows
    try:
        with session.connection.transaction():
            have = int(session.one(f"SELECT count(*) FROM {table.source} r"))
            session.rows = have + more
            plan = make_plan(session, table, table.foreign_keys, (), ())
            leave_empty(plan, young, columns)
            if any(_can_have_values(plan, number) for number in columns):
                edge_rows = min(edge_count(wanted), more)
                insert(session, plan, have, session.rows - edge_rows)
                insert_edges(session, plan, session.rows, edge_rows, columns)
            session.added[table.name] = int(session.one(f"SELECT count(*) FROM {table.source} r")) - have
    except (CannotFillError, psycopg.Error):
        if session.connection.closed:
            raise
    finally:
        session.rows = wanted


def _can_have_values(plan: Plan, number: int) -> bool:
    has_default = plan.table.columns[number].default is not None
    return number in plan.fixed or has_default or plan.values.get(number, NULL) != NULL
