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
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.migration.catalog.reading_settings import READING_SETTINGS
from adapter.outbound.postgres.explain import costs_more
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.digest import LARGE_OBJECTS, ColumnDigest, DataDigest, TableDigest


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
    with _reading(connection) as cursor:
        selected_tables = _tables(cursor, tables, exclude_tables)
        cursor.execute(_COUNTERS, {"exclude": list(exclude_tables)})
        sequences = cursor.fetchall()
        counters = {name: last_value for name, last_value, _ in sequences}
        free = frozenset(name for name, _, is_free in sequences if is_free)
        unread: dict[str, str] = {}
        digests = dict(_digests(cursor, selected_tables, unread))
        if tables is None:
            digests |= _large_objects(cursor, unread)
        if tables is not None:
            return DataDigest(digests, unread=unread)
        read_tables = {name: table for name, table in selected_tables.items() if name not in unread}
        return DataDigest(digests, counters, unread, _behind(cursor, read_tables), free)


@dataclass(frozen=True)
class _Column:
    """A column of a table.

    Attributes:
        name: The name, quoted for SQL.
        type: The name of its type; for a domain, the type under all domains.
        not_null: Whether every row has a value.
        in_key: Whether it is part of the primary key.
    """

    name: str
    type: str
    not_null: bool
    in_key: bool

    @property
    def text(self) -> str:
        """Return the expression for the text form of a value; equal values have equal texts across similar types."""
        # A nondeterministic collation would give equal hashes to different texts.
        return f'({_TEXT_FORMS.get(self.type, "t.{}::text").format(self.name)}) COLLATE "C"'

    def hash(self, seed: str) -> str:
        """Return the expression for the hash of a value; the hash of NULL is NULL."""
        return f"hashtextextended({self.text}, {seed})"


@dataclass(frozen=True)
class _Table:
    """A table with its stored columns; `name` is qualified and quoted, `local` replaces it where parts are foreign."""

    name: str
    partitioned: bool
    columns: tuple[_Column, ...]
    local: str = ""

    @property
    def key(self) -> tuple[_Column, ...]:
        """Return the columns of the primary key, sorted by name, so that reordered columns do not matter."""
        return tuple(sorted((column for column in self.columns if column.in_key), key=lambda column: column.name))

    @property
    def source(self) -> str:
        """Return the FROM item: all local partitions of a partitioned table, but no inheritance children of a table."""
        if self.partitioned and self.local:
            return f"{self.local} AS t"
        return f"{'' if self.partitioned else 'ONLY '}{self.name} AS t"

    @property
    def seed(self) -> str:
        """Return the expression for a row's identity: its primary key as a number; 0 without a primary key."""
        seed = "0"
        for position, column in enumerate(self.key):
            if column.type not in _INTEGERS:
                seed = column.hash(seed)
            elif position:
                seed = f"hashint8extended(t.{column.name}::bigint, {seed})"
            else:
                seed = f"t.{column.name}::bigint"
        return seed

    @property
    def whole(self) -> str:
        """Return the expression for a row's hash, which does not depend on the order of columns."""
        columns = sorted(self.columns, key=lambda column: column.name)
        record = f"ROW({', '.join(column.text for column in columns)})"
        # A record's hash is linear in the hashes of its fields, so without a second hash, sums miss swapped values.
        return f"hashint8extended(hash_record_extended({record}, 0), 0)"


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

_EXCLUDED = f"""
           {IN_USER_SCHEMA}
       AND c.relname <> ALL (%(exclude)s::text[])
       AND n.nspname || '.' || c.relname <> ALL (%(exclude)s::text[])
       AND NOT EXISTS (SELECT FROM pg_depend AS d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""

# The type under a domain decides the text form of a value. A table without columns yields one row of NULLs.
_TABLES = f"""
    WITH RECURSIVE below AS (
        SELECT oid AS domain, typbasetype AS type FROM pg_type WHERE typtype = 'd'
        UNION ALL
        SELECT b.domain, d.typbasetype FROM below AS b JOIN pg_type AS d ON d.oid = b.type AND d.typtype = 'd'
    ), base AS (
        SELECT b.domain, b.type FROM below AS b JOIN pg_type AS t ON t.oid = b.type AND t.typtype <> 'd'
    )
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
           c.relkind = 'p',
           c.oid::int8,
           quote_ident(a.attname),
           format_type(coalesce(b.type, a.atttypid), NULL),
           a.attnotnull,
           coalesce(a.attnum = ANY (i.indkey), false)
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      LEFT JOIN base AS b ON b.domain = a.atttypid
      LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {_EXCLUDED}
     ORDER BY name, a.attnum
"""  # noqa: S608 - constants of this file

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
     WHERE has_sequence_privilege(s.seqrelid, 'USAGE, SELECT') AND {_EXCLUDED}
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
           sum(hashtextextended(concat_ws(' ', o.lomowner::regrole, o.lomacl), o.number))
      FROM (SELECT *, oid::bigint AS number FROM pg_largeobject_metadata) AS o
"""
_AT_ONCE = 50  # tables per round trip
_MODULUS = 2**64
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_TEXT_FORMS = {
    # Trailing zeros follow from the scale of the column and are not part of the value.
    "numeric": "trim_scale(t.{}::numeric)::text",
    # A real that is widened to double precision keeps its value, but its text changes.
    "real": "t.{}::double precision::text",
    # Whitespace and the order of keys are not part of a document. A duplicate key is, but jsonb would drop it.
    "json": (
        "CASE WHEN t.{0}::text IS JSON WITH UNIQUE KEYS AND pg_input_is_valid(t.{0}::text, 'jsonb')"
        " THEN t.{0}::jsonb::text ELSE t.{0}::text END"
    ),
}


def _tables(
    cursor: psycopg.Cursor[Any], names: Collection[str] | None, exclude: Collection[str]
) -> Mapping[str, _Table]:
    cursor.execute(_TABLES, {"exclude": list(exclude)})
    described = cursor.fetchall()
    mixed = mixed_tables(cursor.connection)
    tables = {}
    for (name, partitioned, oid), rows in groupby(described, key=itemgetter(0, 1, 2)):
        if names is None or name in names:
            columns = tuple(_Column(*column) for _, _, _, *column in rows if column[0] is not None)
            tables[name] = _Table(name, partitioned, columns, mixed[oid].source if oid in mixed else "")
    return tables


def _digests(
    cursor: psycopg.Cursor[Any], tables: Mapping[str, _Table], unread: dict[str, str]
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


def _batch(cursor: psycopg.Cursor[Any], tables: list[_Table]) -> list[tuple[str, TableDigest]]:
    digests = []
    with cursor.connection.transaction():
        cursor.execute("; ".join(map(_digest_query, tables)).encode())
        for table, result in zip(tables, cursor.results(), strict=True):
            rows, overall, counts, sums = result.fetchone() or (0, None, [], [])
            columns = {
                column.name: ColumnDigest(rows if count is None else count, _wrapped(total))
                for column, count, total in zip(table.columns, counts, sums, strict=True)
            }
            key = _wrapped(overall) if table.key else None
            digests.append((table.name, TableDigest(rows, columns, key, None if table.key else _wrapped(overall))))
    return digests


def _large_objects(cursor: psycopg.Cursor[Any], unread: dict[str, str]) -> dict[str, TableDigest]:
    """Return the digest of the large objects: their numbers are the key, their bytes and privileges the columns."""
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
    names = ("data", "privileges")
    digests = {name: ColumnDigest(rows, _wrapped(total)) for name, total in zip(names, columns, strict=True)}
    return {LARGE_OBJECTS: TableDigest(rows, digests, _wrapped(key))}


def _behind(cursor: psycopg.Cursor[Any], tables: Mapping[str, _Table]) -> frozenset[str]:
    """Return the sequences whose next number is not above the maximum of their column."""
    cursor.execute(_NUMBERED)
    queries = [
        f"SELECT {sql.Literal(sequence).as_string()} WHERE (SELECT last_value + is_called::int FROM {sequence})"  # noqa: S608
        f" <= (SELECT max(t.{column}) FROM {tables[table].source})"
        for sequence, table, column in cursor.fetchall()
        if table in tables
    ]
    return (
        frozenset(name for (name,) in cursor.execute(" UNION ALL ".join(queries).encode())) if queries else frozenset()
    )


def _digest_query(table: _Table) -> str:
    """Return the query that counts rows and sums the hashes of keys or rows, then counts and sums each column."""
    seed = table.seed
    overall = f"hashint8extended({seed}, 0)" if table.key else table.whole
    # Arrays, because a result cannot have two columns for each of the 1,600 columns that a table can have.
    counts = ", ".join("NULL" if column.not_null else f"count(t.{column.name})" for column in table.columns)
    sums = ", ".join(f"sum({column.hash(seed)})" for column in table.columns)
    sums = f"ARRAY[{counts}]::bigint[], ARRAY[{sums}]::numeric[]"
    return f"SELECT count(*), sum({overall}), {sums} FROM {table.source}"  # noqa: S608 - the server quoted the names


def _wrapped(total: Decimal | None) -> int:
    return int(total or 0) % _MODULUS
