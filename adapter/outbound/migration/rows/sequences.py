"""Moves sequences past the keys of generated rows, which were not drawn from them, or advances them by one."""
# ruff: noqa: S608 - the server quoted the names

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import psycopg

from adapter.outbound.migration.rows.plan import Session
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA

_DRAWN_NUMBERS = 3  # from a sequence that belongs to no column

# A sequence belongs to a column through OWNED BY or identity ('a', 'i'), or through the column's default.
_DRAWN = """
SELECT d.refobjid::int8, a.attnum::int, quote_ident(a.attname), s.oid::regclass::text
FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
JOIN pg_type t ON t.oid = a.atttypid AND t.typname IN ('int2', 'int4', 'int8')
UNION
SELECT f.adrelid::int8, a.attnum::int, quote_ident(a.attname), s.oid::regclass::text
FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
JOIN pg_type t ON t.oid = a.atttypid AND t.typname IN ('int2', 'int4', 'int8')
WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
"""
# Sequences that nothing in the catalog refers to; only statements of the application name them.
_FREE = f"""
SELECT s.oid::regclass::text
FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0
JOIN pg_namespace n ON n.oid = s.relnamespace AND {IN_USER_SCHEMA}
WHERE s.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = s.oid AND d.deptype IN ('a', 'i', 'e'))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refobjid = s.oid AND d.classid = 'pg_attrdef'::regclass)
"""


# Sequences of the project's schemas.
_ALL = f"""
SELECT s.oid FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace AND {IN_USER_SCHEMA}
WHERE s.relkind = 'S' AND s.relpersistence <> 't'
"""


def advance_sequences(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Advance each sequence by one, so that a revision draws other numbers than in its previous run."""
    for (sequence,) in connection.execute(_ALL).fetchall():
        with suppress(psycopg.Error):  # the sequence is exhausted
            connection.execute("SELECT nextval(%s::oid::regclass)", [sequence])


def drawn_sequences(session: Session) -> Mapping[int, Mapping[int, str]]:
    """Return the sequences that columns draw their numbers from, by table and column; read once."""
    if session.drawn is None:
        session.drawn = {}
        for table, number, _, sequence in _rows_of(session, _DRAWN):
            session.drawn.setdefault(table, {})[number] = sequence
    return session.drawn


def start_sequences(connection: psycopg.Connection[Any]) -> None:
    """Draw a few numbers from sequences that belong to no column and have given none, as an application does."""
    for (sequence,) in connection.execute(_FREE.encode()).fetchall():
        draw = f"SELECT count(nextval({_literal(sequence)})) FROM generate_series(1, {_DRAWN_NUMBERS})"
        is_unused = f"SELECT NOT is_called FROM {sequence}"
        with suppress(psycopg.Error), connection.transaction():  # no privilege, or no number left
            if connection.execute(is_unused.encode()).fetchone() == (True,):
                connection.execute(draw.encode())


def move_sequences(session: Session, tables: Collection[int], most: int) -> None:
    """Move sequences past the keys of generated rows, which were inserted explicitly.

    Args:
        session: The database.
        tables: Oids of the tables that were filled.
        most: A number above the keys of every table, for sequences that belong to no column.
    """
    moves = [
        _move(sequence, f"(SELECT max({column}) FROM {session.schema.tables[table].source} r)")
        for table, _, column, sequence in _rows_of(session, _DRAWN)
        if table in tables
    ]
    if tables:
        moves += [_move(sequence, str(most)) for (sequence,) in _rows_of(session, _FREE)]
    for move in moves:
        session.attempt(move)


def _rows_of(session: Session, query: str) -> list[tuple[Any, ...]]:
    return session.connection.execute(query.encode()).fetchall()


def _move(sequence: str, number: str) -> str:
    """Return the statement that moves a sequence forward to a number, unless that exceeds its maximum."""
    return (
        f"SELECT setval({_literal(sequence)}, m) FROM (SELECT {number} AS m) n, {sequence} s, pg_sequence q"
        f" WHERE q.seqrelid = {_literal(sequence)} AND m <= q.seqmax AND (m, true) > (s.last_value, s.is_called)"
    )


def _literal(sequence: str) -> str:
    return "'" + str(sequence).replace("'", "''") + "'::regclass"
