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


@contextmanager
def unmoved_sequences(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Restore the sequences that moved in the meantime; do nothing if the session was terminated."""
    positions_before = _positions(connection)
    yield
    with suppress(psycopg.OperationalError):
        moved = _positions(connection) - positions_before
        for oid in {oid for oid, _, _ in moved}:
            previous_positions = [(last, called) for sequence, last, called in positions_before if sequence == oid]
            for last, called in previous_positions:
                connection.execute("SELECT setval(%s::oid::regclass, %s, %s)", (oid, last, called))


def _positions(connection: psycopg.Connection[Any]) -> set[tuple[int, int, bool]]:
    queries = [str(query) for (query,) in connection.execute(_ALL).fetchall()]
    return set(connection.execute(" UNION ALL ".join(queries).encode()).fetchall()) if queries else set()
