"""Copies the rows that an upgrade inserts into the database before it, because production may have them already."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import psycopg
from psycopg import sql

_COLUMNS = """
SELECT attname FROM pg_catalog.pg_attribute
WHERE attrelid = %s::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
_TEMPORARY_TABLE = "hexalembic_carried"

Session = psycopg.Connection[tuple[object, ...]]


def carry_rows(after: Session, before: Session, tables: Iterable[str]) -> None:
    """Insert the rows that one database has and another one lacks.

    A table that refuses the rows stays as it is, because production cannot have such rows either.

    Args:
        after: A session in the database that has the rows.
        before: A session in the database that gets them, in autocommit mode.
        tables: The tables to copy, as qualified and quoted names.
    """
    for table in tables:
        with suppress(psycopg.Error), before.transaction():
            _carry(after, before, table)


def _carry(after: Session, before: Session, table: str) -> None:
    source_columns = {str(name) for (name,) in after.execute(_COLUMNS, [table])}
    column_names = [str(name) for (name,) in before.execute(_COLUMNS, [table]) if name in source_columns]
    columns = sql.SQL(", ").join(map(sql.Identifier, column_names))
    table_name = sql.SQL(table)  # the name is quoted already
    missing_lines = Counter(_copied_lines(after, columns, table_name)) - Counter(
        _copied_lines(before, columns, table_name)
    )
    temporary_table = sql.Identifier(_TEMPORARY_TABLE)
    before.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            temporary_table, columns, table_name
        )
    )
    with before.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(temporary_table)) as copy:
        for line in missing_lines.elements():
            copy.write(line)
    before.execute(
        sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM {} ON CONFLICT DO NOTHING").format(
            table_name, columns, temporary_table
        )
    )


def _copied_lines(session: Session, columns: sql.Composed, table_name: sql.SQL) -> list[bytes]:
    with session.cursor().copy(sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, table_name)) as copy:
        return [bytes(line) for line in copy]
