"""Finds the rows that break a new constraint which Postgres has not checked yet.

An UPDATE of such a row fails, whichever column it changes, because Postgres checks the constraint on the whole new row
(the manual, ALTER TABLE, NOT VALID).
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.migration.catalog.written_rows import written_since
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.trace import UnfitRows

# CHECK, and since Postgres 18 NOT NULL; those of partitions and children follow from that of their parent.
_NOT_VALID = """
SELECT c.oid::int8, pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(o.conname),
       pg_catalog.format('SELECT count(*) FROM %s %I.%I WHERE NOT (%s)', CASE WHEN o.connoinherit THEN 'ONLY' END,
           n.nspname, c.relname, CASE o.contype WHEN 'c' THEN pg_catalog.pg_get_expr(o.conbin, o.conrelid)
                                 ELSE pg_catalog.quote_ident(a.attname) || ' IS NOT NULL' END)
  FROM pg_catalog.pg_constraint o
  JOIN pg_catalog.pg_class c ON c.oid = o.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = o.conkey[1]
 WHERE o.contype IN ('c', 'n') AND NOT o.convalidated AND o.coninhcount = 0 AND c.relkind IN ('r', 'p')
   AND {in_user_schema} AND {written}
 ORDER BY 2, 3
"""


def read_unfit_rows(session: psycopg.Connection[Any], since: int) -> tuple[UnfitRows, ...]:
    """Return the rows that break constraints which were added or changed, and which are not validated.

    Args:
        session: An autocommit session in the database; nothing is changed in it.
        since: The first transaction that may have added the constraints.
    """
    query = _NOT_VALID.format(in_user_schema=IN_USER_SCHEMA, written=written_since(since, "o"))
    constraints = session.execute(query.encode()).fetchall()
    return tuple(_unfit(session, constraints)) if constraints else ()


def _unfit(session: psycopg.Connection[Any], constraints: list[tuple[Any, ...]]) -> Iterator[UnfitRows]:
    mixed = mixed_tables(session)
    for oid, table, name, query in constraints:
        row = None
        with suppress(psycopg.Error):  # the condition itself fails on a row, or row security hides rows
            row = None if oid in mixed else session.execute(query.encode()).fetchone()
        if row is not None and row[0]:
            yield UnfitRows(table, name, row[0])
