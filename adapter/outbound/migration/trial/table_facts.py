"""Sizes of the tables that a revision finds."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.migration.project.version_table import NOT_VERSION_TABLE
from adapter.outbound.postgres.explain import costs_more
from domain.migration.trace import TableFacts

# Tables that a revision may find in use; partitions count, their parents hold no rows.
_TABLES = f"""
    SELECT format('%I.%I', n.nspname, c.relname), c.oid::int8, pg_relation_size(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND {NOT_VERSION_TABLE}
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""  # noqa: S608 - a constant


def read_table_facts(session: psycopg.Connection[Any]) -> Mapping[str, TableFacts]:
    """Count the rows of each table, and read its size in bytes."""
    found = session.execute(_TABLES).fetchall()
    mixed = mixed_tables(session)
    counts = [
        f"SELECT {oid}, count(*) FROM {mixed[oid].source if oid in mixed else name} r"  # noqa: S608 - quoted there
        for name, oid, _ in found
    ]
    rows = _counted(session, counts)
    return {name: TableFacts(rows.get(oid, 0), size) for name, oid, size in found}


def rows_of(tables: Mapping[str, TableFacts]) -> dict[str, int]:
    """Return the rows of each table."""
    return {table: facts.rows for table, facts in tables.items()}


def _counted(session: psycopg.Connection[Any], counts: Sequence[str]) -> dict[int, int]:
    """Count rows of tables at once; where one of them cannot be read, each by itself, without those."""
    if not counts:
        return {}
    try:
        return dict(session.execute(" UNION ALL ".join(counts).encode()).fetchall())
    except psycopg.Error as error:
        if costs_more(error):
            raise
    if len(counts) == 1:
        return {}
    return {oid: rows for count in counts for oid, rows in _counted(session, [count]).items()}
