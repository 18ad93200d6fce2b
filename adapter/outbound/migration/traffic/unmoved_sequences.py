"""Sequences as they were: what is rolled back gives none of the numbers back that it drew."""

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
    """Set each sequence back afterwards that was drawn from meanwhile; a session that has ended meanwhile is let be."""
    before = _positions(connection)
    yield
    with suppress(psycopg.OperationalError):
        moved = _positions(connection) - before
        for oid in {oid for oid, _, _ in moved}:
            found = [(last, called) for sequence, last, called in before if sequence == oid]
            for last, called in found:
                connection.execute("SELECT setval(%s::oid::regclass, %s, %s)", (oid, last, called))


def _positions(connection: psycopg.Connection[Any]) -> set[tuple[int, int, bool]]:
    queries = [str(query) for (query,) in connection.execute(_ALL).fetchall()]
    return set(connection.execute(" UNION ALL ".join(queries).encode()).fetchall()) if queries else set()
