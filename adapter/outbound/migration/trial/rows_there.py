"""Puts the rows that an upgrade inserts where they may be in production already: in the database before it."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import psycopg
from psycopg import sql

_COLUMNS = """
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = %s::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
_CARRIED = "hexalembic_carried"

Session = psycopg.Connection[tuple[object, ...]]


def carry_rows(after: Session, before: Session, tables: Iterable[str]) -> None:
    """Insert the rows that one database has and another one lacks.

    A table that does not take them stays as it is: then they cannot have been there.

    Args:
        after: Has them.
        before: Gets them; its transactions commit by themselves.
        tables: Their tables, as SQL writes them.
    """
    for table in tables:
        with suppress(psycopg.Error), before.transaction():
            _carry(after, before, table)


def _carry(after: Session, before: Session, table: str) -> None:
    known = {str(name) for (name,) in after.execute(_COLUMNS, [table])}
    names = [str(name) for (name,) in before.execute(_COLUMNS, [table]) if name in known]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    place = sql.SQL(table)  # as the catalog quotes it
    new = Counter(_lines(after, columns, place)) - Counter(_lines(before, columns, place))
    carried = sql.Identifier(_CARRIED)
    before.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            carried, columns, place
        )
    )
    with before.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(carried)) as copy:
        for line in new.elements():
            copy.write(line)
    before.execute(
        sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM {} ON CONFLICT DO NOTHING").format(
            place, columns, carried
        )
    )


def _lines(session: Session, columns: sql.Composed, place: sql.SQL) -> list[bytes]:
    with session.cursor().copy(sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, place)) as copy:
        return [bytes(line) for line in copy]
