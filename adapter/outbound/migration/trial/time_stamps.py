"""Columns in which a trigger keeps the time of the last UPDATE, which any UPDATE of a revision changes, too."""
# ruff: noqa: S608 - the names are quoted, they come from the catalog of the same database

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import psycopg

from domain.migration.digest import DataChangeKind, DataDifference
from domain.migration.names import split
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of

# A column of type timestamp is compared with now() by the zone of the session. Triggers often write UTC, else a time of
# their own zone, which is up to 14 hours ahead of it.
_ZONE = "SET LOCAL TimeZone = 'UTC'"
_UNTIL = "now() + interval '15 hours'"


def read_clock(session: psycopg.Connection[Any]) -> datetime:
    """Return the server's time."""
    row = session.execute("SELECT pg_catalog.clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a function always returns a row
    time: datetime = row[0]
    return time


def stamped_columns(
    session: psycopg.Connection[Any], schema: SchemaSnapshot, difference: DataDifference, since: datetime
) -> frozenset[str]:
    """Return the columns with other values after a round trip that a trigger sets to the current time at an UPDATE.

    One row is updated, and the update is rolled back.

    Args:
        session: An autocommit session in the database after the round trip.
        schema: The catalog of that database.
        difference: What the round trip changed in the rows.
        since: The time before the round trip: a column without any later value was changed by somebody else.
    """
    return frozenset(
        change.subject
        for change in difference.changes
        if change.kind is DataChangeKind.VALUES_CHANGED
        and str(attributes(schema, "column", change.subject).get("type", "")).startswith("timestamp")
        and any(split(name)[0] == split(change.subject)[0] for name in names_of(schema, "trigger"))
        and _is_stamped(session, schema, change.subject, since)
    )


def _is_stamped(session: psycopg.Connection[Any], schema: SchemaSnapshot, column: str, since: datetime) -> bool:
    table, own = split(column)
    others = [name for name in names_of(schema, "column") if split(name)[0] == table and name != column]
    with session.transaction(force_rollback=True):
        session.execute(_ZONE)
        later = f"SELECT EXISTS (SELECT FROM {table} WHERE {own} BETWEEN %s AND {_UNTIL})"
        if session.execute(later.encode(), (since,)).fetchone() != (True,):
            return False
        return any(_stamps(session, table, own, change) for change in _changes(table, others))


def _changes(table: str, columns: list[str]) -> Iterator[str]:
    """Return assignments: some that change nothing first, then those of another row's value to each column."""
    names = [split(column)[1] for column in sorted(columns)]
    yield from (f"{name} = {table}.{name}" for name in names)
    yield from (
        f"{name} = (SELECT o.{name} FROM {table} o WHERE o.{name} IS DISTINCT FROM {table}.{name} LIMIT 1)"
        for name in names
    )


def _stamps(session: psycopg.Connection[Any], table: str, column: str, assignment: str) -> bool:
    """Return whether an UPDATE of one row that does not set a column sets it to the current time."""
    row = f"SELECT tableoid, ctid FROM {table} WHERE {column} < now() LIMIT 1"
    stamped = f"{column} BETWEEN now() AND {_UNTIL}"
    update = f"UPDATE {table} SET {assignment} WHERE (tableoid, ctid) IN ({row}) RETURNING {stamped}"
    with suppress(psycopg.Error), session.transaction(force_rollback=True):
        return session.execute(update.encode()).fetchone() == (True,)
    return False
