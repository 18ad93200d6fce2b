"""Restores sequences, because a rollback does not return the numbers that a transaction drew."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

_ALL = """
SELECT format('SELECT %s::int8, last_value, is_called FROM %s', c.oid::int8, c.oid::regclass)
FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid
WHERE pg_catalog.has_sequence_privilege(q.seqrelid, 'SELECT') AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace)
"""

_RESTORE = """
SELECT setval(oid::oid::regclass, last, called) FROM unnest(%s::int8[], %s::int8[], %s::bool[]) AS p (oid, last, called)
"""


@contextmanager
def unmoved_sequences(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Restore the sequences that moved in the meantime; do nothing if the session was terminated."""
    positions_before = positions(connection)
    yield
    with suppress(psycopg.OperationalError):
        moved = {oid for oid, _, _ in positions(connection) - positions_before}
        previous_positions = [position for position in positions_before if position[0] in moved]
        if previous_positions:
            connection.execute(_RESTORE, tuple(map(list, zip(*previous_positions, strict=True))))


def positions(connection: psycopg.Connection[Any]) -> set[tuple[int, int, bool]]:
    """Return the OID of each sequence that can be read, its last value, and whether that has been given out."""
    queries = [str(query) for (query,) in connection.execute(_ALL).fetchall()]
    return set(connection.execute(" UNION ALL ".join(queries).encode()).fetchall()) if queries else set()
