"""Tells which rows were written since a moment, by the transaction that wrote each: its `xmin`.

Source: the Postgres manual, section "System Columns".
"""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg

_NEXT = "SELECT (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::bigint"
_OLDEST = "SELECT (pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::bigint"

Session = psycopg.Connection[Any] | psycopg.Cursor[Any]


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


def _number(session: Session, query: LiteralString) -> int:
    row = session.execute(query).fetchone()
    assert row is not None  # noqa: S101 - one row always
    return int(row[0])
