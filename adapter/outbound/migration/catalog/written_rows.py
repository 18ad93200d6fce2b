"""Tells which rows were written since a moment, by the transaction that wrote each: its `xmin`.

Source: the Postgres manual, section "System Columns".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.postgres.explain import costs_more
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA

_NEXT = "SELECT (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::bigint"
_OLDEST = "SELECT (pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::bigint"
_TABLES = f"""
SELECT c.oid::int8, pg_catalog.format('ONLY %I.%I t', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND {IN_USER_SCHEMA}
"""  # noqa: S608 - a constant
_NUMBERS = 2**32  # of transactions, of which half are older than any other one

Session = psycopg.Connection[Any] | psycopg.Cursor[Any]


class _Rows(NamedTuple):
    """The number of rows of a table, and the age of the youngest one; None without rows."""

    all: int
    youngest: int | None


@dataclass(frozen=True)
class RowCounts:
    """The rows of all tables at some moment.

    Attributes:
        following: No transaction that ended before the moment has this number or a later one.
        age: The age of this number, in the same transaction as the ages of the rows.
        tables: The rows of each table itself, by OID; partitioned tables and what cannot be read are left out.
    """

    following: int
    age: int
    tables: Mapping[int, _Rows]

    def has_written_since(self, first: int, table: int) -> bool:
        """Return whether a transaction with a number, or a later one, wrote one of the rows of a table."""
        youngest = self.tables[table].youngest
        since = (self.following - first + _NUMBERS // 2) % _NUMBERS - _NUMBERS // 2
        return youngest is not None and youngest <= self.age + since


NOT_COUNTED = RowCounts(0, 0, {})


def next_transaction(session: Session) -> int:
    """Return the id of the next transaction; rows that are written from now on have no lower `xmin`."""
    return _number(session, _NEXT)


def oldest_transaction(session: Session) -> int:
    """Return the lowest id of a transaction that has not ended; what is not visible yet has no lower `xmin`."""
    return _number(session, _OLDEST)


def written_since(first: int, row: str) -> str:
    """Return the condition that a transaction with an id, or a later one, wrote the row with this alias."""
    return f"pg_catalog.age({row}.xmin) <= (SELECT pg_catalog.age('{first}'::xid))"


def count_rows(session: Session, sources: Mapping[int, str], first: int) -> dict[int, tuple[int, int]]:
    """Return for each table its number of rows, and how many of them were written since a transaction, by OID.

    Args:
        session: A session in the database.
        sources: What stands behind FROM, quoted, with the alias `t`; by OID of the table.
        first: The id of the transaction.

    Raises:
        psycopg.Error: A table cannot be read.
    """
    counts = [
        f"SELECT {oid}, count(*), count(*) FILTER (WHERE {written_since(first, 't')}) FROM {source}"  # noqa: S608
        for oid, source in sources.items()
    ]
    if not counts:
        return {}
    return {oid: (rows, written) for oid, rows, written in session.execute(" UNION ALL ".join(counts).encode())}


def count_all_rows(connection: psycopg.Connection[Any]) -> RowCounts:
    """Return the rows of all tables; of none where one of them cannot be read, as row security would hide rows.

    Args:
        connection: A connection in autocommit mode.
    """
    following = oldest_transaction(connection)
    mixed = mixed_tables(connection)
    counts = [
        f"SELECT {oid}, count(*), min(pg_catalog.age(t.xmin)) FROM {source}"  # noqa: S608 - the server quoted it
        for oid, source in connection.execute(_TABLES.encode()).fetchall()
        if oid not in mixed
    ]
    query = " UNION ALL ".join([f"SELECT 0, 0, pg_catalog.age('{following}'::xid)", *counts])
    try:
        with connection.transaction():
            connection.execute("SET LOCAL row_security = off")
            rows = {oid: numbers for oid, *numbers in connection.execute(query.encode()).fetchall()}
    except psycopg.Error as error:
        if costs_more(error):
            raise
        return NOT_COUNTED
    _, age = rows.pop(0)
    return RowCounts(following, age, {oid: _Rows(*numbers) for oid, numbers in rows.items()})


def count_again(
    session: Session, counts: RowCounts, sources: Mapping[int, str], first: int
) -> dict[int, tuple[int, int]]:
    """Return what `count_rows` returns, but count only tables with rows written since then, or not counted yet.

    Args:
        session: A session in the database.
        counts: What is known of its tables.
        sources: As for `count_rows`.
        first: As for `count_rows`.

    Raises:
        psycopg.Error: A table cannot be read.
    """
    same = {
        oid: (counts.tables[oid].all, 0)
        for oid in sources
        if oid in counts.tables and not counts.has_written_since(first, oid)
    }
    others = {oid: source for oid, source in sources.items() if oid not in same}
    return same | count_rows(session, others, first)


def _number(session: Session, query: LiteralString) -> int:
    row = session.execute(query).fetchone()
    assert row is not None  # noqa: S101 - one row always
    return int(row[0])
