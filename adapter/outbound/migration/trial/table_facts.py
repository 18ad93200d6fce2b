"""The sizes of the tables that exist before a revision."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.migration.project.version_table import NOT_VERSION_TABLE
from adapter.outbound.postgres.explain import costs_more
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.digest import TableDigest
from domain.migration.trace import TableFacts

_NOTHING: Mapping[str, TableDigest] = MappingProxyType({})

# Tables that may be in use when a revision runs. Partitions are included; partitioned tables have no rows of their own.
_TABLES = f"""
    SELECT format('%I.%I', n.nspname, c.relname), c.oid::int8, pg_relation_size(c.oid),
           CASE WHEN c.relkind = 'r' THEN 'ONLY ' ELSE '' END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND {IN_USER_SCHEMA}
      AND {NOT_VERSION_TABLE}
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""  # noqa: S608 - a constant


def read_table_facts(
    session: psycopg.Connection[Any], digests: Mapping[str, TableDigest] = _NOTHING
) -> Mapping[str, TableFacts]:
    """Return the number of rows and the size in bytes of each table, by its qualified name.

    Args:
        session: A session in the database.
        digests: The digests of tables whose rows are not counted once more, by qualified name.
    """
    tables = session.execute(_TABLES).fetchall()
    mixed = mixed_tables(session)
    known_rows = {oid: digests[name].rows for name, oid, *_ in tables if name in digests}
    counts = [
        f"SELECT {oid}, count(*) FROM {mixed[oid].source if oid in mixed else only + name} r"  # noqa: S608
        for name, oid, _, only in tables
        if oid not in known_rows
    ]
    rows = known_rows | _count_rows(session, counts)
    return {name: TableFacts(rows.get(oid, 0), size) for name, oid, size, _ in tables}


def rows_of(tables: Mapping[str, TableFacts]) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {table: facts.rows for table, facts in tables.items()}


def _count_rows(session: psycopg.Connection[Any], counts: Sequence[str]) -> dict[int, int]:
    """Return the number of rows of each table, by its OID.

    All tables are counted in one query. When one of them cannot be read, each is counted in a query of its own, and
    unreadable tables are left out.
    """
    if not counts:
        return {}
    try:
        return dict(session.execute(" UNION ALL ".join(counts).encode()).fetchall())
    except psycopg.Error as error:
        if costs_more(error):
            raise
    if len(counts) == 1:
        return {}
    return {oid: rows for count in counts for oid, rows in _count_rows(session, [count]).items()}
