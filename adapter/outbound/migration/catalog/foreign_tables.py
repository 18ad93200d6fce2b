"""Keeps the tool's own sessions away from foreign tables, because these may hold real data of another server.

Three measures do that, and none of them inspects the text of a statement:

- `restrict_nonsystem_relation_kind` (Postgres 17, and 16 from 16.4 on) refuses plans that read or write a foreign
  table, also through views, rules, triggers and functions. It does not cover rows that the executor routes to a
  partition.
- A foreign-data wrapper without a handler cannot do anything, so handlers are removed while rows are written.
- Where a foreign table is among the partitions or children of a table, only the local ones are read.

Source: the Postgres manual, chapters "Client Connection Defaults" and "Writing a Foreign Data Wrapper".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

SETTING = "restrict_nonsystem_relation_kind"
KIND = "foreign-table"

_RESTRICT = f"""
SELECT CASE WHEN current_setting('{SETTING}', true) IS NOT NULL
            THEN set_config('{SETTING}', '{KIND}', false) END
"""

# From the foreign tables up to all their ancestors, and from these down to all descendants.
_MIXED = """
WITH RECURSIVE above AS (
    SELECT i.inhparent AS root
      FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_inherits i ON i.inhrelid = f.ftrelid
    UNION
    SELECT i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.root
), tree AS (
    SELECT root, root AS member FROM above
    UNION
    SELECT t.root, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.member
)
SELECT t.root::int8,
       array_agg(format('%I.%I', n.nspname, c.relname) ORDER BY c.oid) FILTER (WHERE c.relkind = 'r'),
       format('%I.%I', r.nspname, r.relname),
       (SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = t.root AND a.attnum > 0 AND NOT a.attisdropped)
  FROM tree t
  JOIN pg_catalog.pg_class c ON c.oid = t.member JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN (SELECT c.oid, c.relname, n.nspname
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) r ON r.oid = t.root
 GROUP BY t.root, r.nspname, r.relname
"""

_TAKE_HANDLERS = """
WITH wrappers AS MATERIALIZED (
    SELECT oid, fdwhandler FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwhandler <> 0
), taken AS (
    UPDATE pg_catalog.pg_foreign_data_wrapper w SET fdwhandler = 0 FROM wrappers o WHERE o.oid = w.oid
)
SELECT oid::int8, fdwhandler::oid::int8 FROM wrappers
"""
_HAS_HANDLERS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwhandler <> 0)"
_GIVE_HANDLER = "UPDATE pg_catalog.pg_foreign_data_wrapper SET fdwhandler = %s::int8::oid WHERE oid = %s::int8::oid"


@dataclass(frozen=True)
class MixedTable:
    """A table with a foreign table among its partitions or children, at any depth.

    Attributes:
        name: The qualified name, quoted for SQL, like all names here.
        local: The tables of its tree that store rows in this database; includes the table itself unless it is
            partitioned.
        columns: The names of its columns.
    """

    name: str
    local: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def source(self) -> str:
        """Return the FROM item that replaces the table in a query, without an alias."""
        columns = ", ".join(self.columns)
        # ONLY of a partitioned table has no rows; it determines the types of the columns
        parts = [f"SELECT {columns} FROM ONLY {name}" for name in dict.fromkeys((self.name, *self.local))]  # noqa: S608 - quoted
        return f"({' UNION ALL '.join(parts)})"


def restrict(connection: psycopg.Connection[Any]) -> None:
    """Make the server refuse plans of this session on foreign tables; older servers lack the setting and ignore it."""
    connection.execute(_RESTRICT.encode())


def mixed_tables(connection: psycopg.Connection[Any]) -> dict[int, MixedTable]:
    """Return the tables that have foreign tables among their partitions or children, by oid."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return {
            oid: MixedTable(name, tuple(local or ()), tuple(columns or ()))
            for oid, local, name, columns in cursor.execute(_MIXED).fetchall()
        }


def take_handlers(connection: psycopg.Connection[Any]) -> list[tuple[int, int]]:
    """Remove the handlers from all foreign-data wrappers of a database.

    Only a superuser can create wrappers with a handler, so another role finds none in a database of the sandbox.

    Returns:
        The oids of the wrappers with the oids of their handlers.

    Raises:
        psycopg.errors.InsufficientPrivilege: A wrapper has a handler, and the role is not a superuser.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        if cursor.execute(_HAS_HANDLERS).fetchone() == (False,):
            return []
        return [(wrapper, handler) for wrapper, handler in cursor.execute(_TAKE_HANDLERS).fetchall()]


@contextmanager
def without_handlers(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Keep every session of the database from using foreign tables meanwhile, also through routed rows."""
    handlers = take_handlers(connection)
    try:
        yield
    finally:
        if handlers and not connection.closed:
            with connection.cursor() as cursor:
                cursor.executemany(_GIVE_HANDLER, [(handler, wrapper) for wrapper, handler in handlers])
