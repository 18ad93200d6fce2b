"""Digest the rows of a Postgres database on the server.

One sequential scan reads each table, without a sort, and only a few numbers per column leave the server. The hash is
`hashtextextended` of a value's text form, so it does not depend on the column's type: 5 has the same hash in an
`integer`, a `bigint` and a `text` column. Numbers are compared by value (1.50 equals 1.5). `json` is compared as
`jsonb` where the conversion loses only whitespace and the order of keys. Vectors are compared by their text, which has
all of their digits.

Not digested: generated columns, which follow from other columns; foreign tables, alone and as partitions; temporary
tables, tables of extensions, and materialized views. Large objects are digested as the table `LARGE_OBJECTS`.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from adapter.outbound.migration.catalog.digested_tables import NOT_EXCLUDED, Table, read_tables
from adapter.outbound.migration.catalog.reading_settings import READING_SETTINGS
from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts, count_again, oldest_transaction
from adapter.outbound.postgres.explain import costs_more
from domain.migration.digest import LARGE_OBJECTS, ColumnDigest, DataDigest, TableDigest


@dataclass(frozen=True)
class _Sequences:
    """Ascending sequences that number columns.

    Attributes:
        columns: The tables and columns that each of them numbers, by its name.
        counters: The last value of each sequence, by its name; None if it has not returned a value yet.
        behind: Those whose next number is not above the maximum of one of their columns.
    """

    columns: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    counters: Mapping[str, int | None] = field(default_factory=dict)
    behind: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KnownRows:
    """The digests of tables at some moment, which hold as long as the server says that no row was written.

    Attributes:
        following: No transaction that ended before the moment has this number or a later one.
        tables: The tables with their digests, by name.
        sequences: The sequences that number columns.
    """

    following: int = 0
    tables: Mapping[str, tuple[Table, TableDigest]] = field(default_factory=dict)
    sequences: _Sequences = field(default_factory=_Sequences)


def digest(
    connection: psycopg.Connection[Any],
    tables: Collection[str] | None = None,
    *,
    exclude_tables: Collection[str] = ("alembic_version",),
) -> DataDigest:
    """Digest the rows of the connected database.

    Nothing is written, no lock is stronger than ACCESS SHARE, and the session's settings are restored. Inside a
    transaction, its uncommitted changes are visible; without one, all tables are read from one snapshot. A table that
    cannot be read is listed as unread: the role lacks the privilege, row security would hide rows, or a value has no
    text form.

    Args:
        connection: A connection that is idle or in a transaction that has not failed.
        tables: Qualified names of the tables to read, quoted for SQL (`public.users`); None for all.
        exclude_tables: Tables to skip, by name in any schema or by qualified name.

    Returns:
        The digest of each table, with the sequences' last values and the unread tables. With `tables`, it has no
        sequences.

    Raises:
        psycopg.Error: The transaction has failed before, the connection is lost, or a relation is held in
            ACCESS EXCLUSIVE mode for longer than the session's `lock_timeout` allows.
    """
    return digest_again(connection, KnownRows(), tables, exclude_tables=exclude_tables)[0]


def digest_again(
    connection: psycopg.Connection[Any],
    known: KnownRows,
    tables: Collection[str] | None = None,
    *,
    exclude_tables: Collection[str] = ("alembic_version",),
    counts: RowCounts = NOT_COUNTED,
) -> tuple[DataDigest, KnownRows]:
    """Digest the rows of the connected database as `digest` does, but read only the tables that have changed.

    A table has not changed when it has the same file and description, as many rows, and none that was written since.

    Args:
        connection: As for `digest`.
        known: Digests of the same database at an earlier moment, or of one that it was copied from since.
        tables: As for `digest`.
        exclude_tables: As for `digest`.
        counts: The rows that its tables have now.

    Returns:
        The digest, and what is known now.
    """
    with _reading(connection) as cursor:
        following = counts.following or oldest_transaction(cursor)
        selected_tables = read_tables(cursor, tables, exclude_tables)
        cursor.execute(_COUNTERS, {"exclude": list(exclude_tables)})
        sequences = cursor.fetchall()
        counters = {name: last_value for name, last_value, _ in sequences}
        free = frozenset(name for name, _, is_free in sequences if is_free)
        unread: dict[str, str] = {}
        same = _unchanged(cursor, selected_tables, known, counts)
        changed_tables = {name: table for name, table in selected_tables.items() if name not in same}
        new = dict(_digests(cursor, changed_tables, unread))
        digests = {name: (same | new)[name] for name in selected_tables if name not in unread}
        now_known = KnownRows(following, {name: (selected_tables[name], item) for name, item in digests.items()})
        if tables is not None:
            return DataDigest(digests, unread=unread), now_known
        digests |= _large_objects(cursor, unread)
        readable_tables = {name: table for name, table in selected_tables.items() if name not in unread}
        numbering = _read_sequences(cursor, readable_tables, counters, known.sequences, same)
        return DataDigest(digests, counters, unread, numbering.behind, free), replace(now_known, sequences=numbering)


@contextmanager
def _reading(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Cursor[Any]]:
    """Pin the settings that the text form of a value depends on, and restore them at the end."""
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as cursor:
        if idle:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_SETTINGS, prepare=False)
        yield cursor


# With row_security off, a policy that would hide rows raises an error instead of a digest of fewer rows.
_SETTINGS = f"{READING_SETTINGS}, set_config('row_security', 'off', true)"

# The last column says that no column draws from an ascending sequence: only its counter says which numbers were given.
_COUNTERS = f"""
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           pg_sequence_last_value(s.seqrelid),
           s.seqincrement > 0
           AND NOT EXISTS (SELECT FROM pg_depend AS d
                            WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
                              AND d.deptype IN ('a', 'i'))
           AND NOT EXISTS (SELECT FROM pg_depend AS d
                            WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
                              AND d.refobjid = s.seqrelid)
      FROM pg_sequence AS s
      JOIN pg_class AS c ON c.oid = s.seqrelid
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE has_sequence_privilege(s.seqrelid, 'USAGE, SELECT') AND {NOT_EXCLUDED}
"""  # noqa: S608 - constants of this file

# Ascending sequences, with the column that they belong to, or whose default draws from them.
_NUMBERED = """
    WITH numbered AS (
        SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number
          FROM pg_depend AS d
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
           AND d.deptype IN ('a', 'i')
        UNION
        SELECT d.refobjid, f.adrelid, f.adnum
          FROM pg_depend AS d
          JOIN pg_attrdef AS f ON f.oid = d.objid
         WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
    )
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           quote_ident(tn.nspname) || '.' || quote_ident(t.relname),
           quote_ident(a.attname)
      FROM pg_sequence AS s
      JOIN pg_class AS c ON c.oid = s.seqrelid
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN numbered AS d ON d.sequence = s.seqrelid
      JOIN pg_class AS t ON t.oid = d.relation
      JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
      JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.number
     WHERE s.seqincrement > 0 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
       AND has_sequence_privilege(s.seqrelid, 'USAGE, SELECT')
"""

_LARGE_OBJECTS = """
    SELECT count(*), sum(hashint8extended(o.number, 0)),
           sum(hashtextextended(md5(lo_get(o.oid)), o.number)),
           sum(hashtextextended(concat_ws(' ', o.lomowner::regrole, o.lomacl), o.number)),
           sum(hashtextextended(coalesce(obj_description(o.oid, 'pg_largeobject'), ''), o.number))
      FROM (SELECT *, oid::bigint AS number FROM pg_largeobject_metadata) AS o
"""
_AT_ONCE = 50  # tables per round trip
_MODULUS = 2**64


def _unchanged(
    cursor: psycopg.Cursor[Any], tables: Mapping[str, Table], known: KnownRows, counts: RowCounts
) -> dict[str, TableDigest]:
    """Return the known digests of the tables that have not changed since."""
    candidates = {
        name: known.tables[name][1]
        for name, table in tables.items()
        if table.is_known_by_file and name in known.tables and known.tables[name][0] == table
    }
    try:
        with cursor.connection.transaction():
            sources = {tables[name].oid: tables[name].source for name in candidates}
            rows = count_again(cursor, counts, sources, known.following)
    except psycopg.Error as error:
        if costs_more(error):
            raise
        return {}
    return {name: item for name, item in candidates.items() if rows[tables[name].oid] == (item.rows, 0)}


def _digests(
    cursor: psycopg.Cursor[Any], tables: Mapping[str, Table], unread: dict[str, str]
) -> Iterator[tuple[str, TableDigest]]:
    """Read tables in batches of one round trip; where a batch fails, read its tables one by one."""
    remaining = iter(tables.values())
    while batch := list(islice(remaining, _AT_ONCE)):
        try:
            yield from _batch(cursor, batch)
        except psycopg.Error as error:
            if costs_more(error):
                raise
            for table in batch:
                try:
                    yield from _batch(cursor, [table])
                except psycopg.Error as table_error:
                    if costs_more(table_error):
                        raise
                    unread[table.name] = table_error.diag.message_primary or str(table_error)


def _batch(cursor: psycopg.Cursor[Any], tables: list[Table]) -> list[tuple[str, TableDigest]]:
    digests = []
    with cursor.connection.transaction():
        cursor.execute("; ".join(map(_digest_query, tables)).encode())
        for table, result in zip(tables, cursor.results(), strict=True):
            rows, overall, counts, sums, objects = result.fetchone() or (0, None, [], [], [])
            columns = {
                column.name: ColumnDigest(
                    rows if count is None else count, _wrapped(total), None if inner is None else _wrapped(inner)
                )
                for column, count, total, inner in zip(table.columns, counts, sums, objects, strict=True)
            }
            key = _wrapped(overall) if table.key else None
            digests.append((table.name, TableDigest(rows, columns, key, None if table.key else _wrapped(overall))))
    return digests


def _large_objects(cursor: psycopg.Cursor[Any], unread: dict[str, str]) -> dict[str, TableDigest]:
    """Return the digest of the large objects: numbers are the key; bytes, privileges and comments the columns."""
    try:
        with cursor.connection.transaction():
            row = cursor.execute(_LARGE_OBJECTS).fetchone()
    except psycopg.Error as error:
        if costs_more(error):
            raise
        unread[LARGE_OBJECTS] = error.diag.message_primary or str(error)
        return {}
    rows, key, *columns = row or (0, None, None, None)
    if not rows:
        return {}
    names = ("data", "privileges", "comments")
    digests = {name: ColumnDigest(rows, _wrapped(total)) for name, total in zip(names, columns, strict=True)}
    return {LARGE_OBJECTS: TableDigest(rows, digests, _wrapped(key))}


def _read_sequences(
    cursor: psycopg.Cursor[Any],
    tables: Mapping[str, Table],
    counters: Mapping[str, int | None],
    known: _Sequences,
    same: Collection[str],
) -> _Sequences:
    """Return the sequences that number columns of some tables; a column is only read where it or its number changed.

    Args:
        cursor: Reads them.
        tables: The tables.
        counters: The last value of each sequence.
        known: The sequences at an earlier moment.
        same: The tables that have not changed since.
    """
    columns: dict[str, frozenset[tuple[str, str]]] = {}
    for sequence, table, column in cursor.execute(_NUMBERED).fetchall():
        if table in tables:
            columns[sequence] = columns.get(sequence, frozenset()) | {(table, column)}
    unmoved = {name for name, last in counters.items() if last is not None and last == known.counters.get(name)}
    settled = {
        name
        for name, numbered in columns.items()
        if name in unmoved and numbered == known.columns.get(name) and all(table in same for table, _ in numbered)
    }
    queries = [
        f"SELECT {sql.Literal(sequence).as_string()} WHERE (SELECT last_value + is_called::int FROM {sequence})"  # noqa: S608
        f" <= (SELECT max(t.{column}) FROM {tables[table].source})"
        for sequence, numbered in columns.items()
        if sequence not in settled
        for table, column in sorted(numbered)
    ]
    behind = cursor.execute(" UNION ALL ".join(queries).encode()).fetchall() if queries else []
    return _Sequences(columns, counters, known.behind & settled | {name for (name,) in behind})


def _digest_query(table: Table) -> str:
    """Return the query that counts rows and sums the hashes of keys or rows, then counts and sums each column.

    Of columns of JSON, the objects are summed once more.
    """
    seed = table.seed
    overall = f"hashint8extended({seed}, 0)" if table.key else table.whole
    # Arrays, because a result cannot have two columns for each of the 1,600 columns that a table can have.
    counts = ", ".join("NULL" if column.not_null else f"count(t.{column.name})" for column in table.columns)
    sums = ", ".join(f"sum({column.hash(seed)})" for column in table.columns)
    objects = ", ".join(column.objects(seed) for column in table.columns)
    sums = f"ARRAY[{counts}]::bigint[], ARRAY[{sums}]::numeric[], ARRAY[{objects}]::numeric[]"
    return f"SELECT count(*), sum({overall}), {sums} FROM {table.source}"  # noqa: S608 - the server quoted the names


def _wrapped(total: Decimal | None) -> int:
    return int(total or 0) % _MODULUS
