"""A database without the rows that a statement of a revision refuses; all others stay, with the edges of their types.

The server says which rows these are: the statement runs on ever smaller parts of its table, in transactions that are
rolled back.
"""
# ruff: noqa: S608 - the server quoted the names

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.history import HistoryEntry
from domain.migration.trace import RevisionTrace

Session = psycopg.Connection[Any]

_OF_ROWS = frozenset({"22", "23"})  # classes of SQLSTATE: data exception, integrity constraint violation
_MOST_TRIES = 200
_PATIENCE = 10.0  # seconds for all tries
# Locks that only a statement takes which changes the table itself; the rows are deleted under a weaker one.
_CHANGED = """
SELECT DISTINCT format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE l.pid = pg_backend_pid() AND c.relkind = 'r'
   AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""
_IS_ALONE = """
SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_inherits
                    WHERE inhparent = to_regclass(%(table)s) OR inhrelid = to_regclass(%(table)s))
"""


def with_accepted_rows(databases: RevisionDatabases, entry: HistoryEntry, failed: RevisionTrace) -> Database:
    """Create a database at a revision's parents, without those rows that a statement of the revision refuses.

    Args:
        databases: Creates the database.
        entry: The revision.
        failed: Its trace on all rows.

    Raises:
        CannotBuildError: The error is not one of single rows of one table, most rows are refused, other rows refer to
            them, or it takes too long to find out.
    """
    statements = _up_to_error(failed)
    with databases.at(entry.parents).being_built() as database:
        try:
            _take_out_refused(database.session(), list(failed.tables), statements)
        except psycopg.Error as error:
            raise CannotBuildError("the statement cannot be tried by itself") from error
    return database


def _up_to_error(failed: RevisionTrace) -> list[str]:
    """Return the texts of the statements up to the one that fails."""
    place = next((place for place, statement in enumerate(failed.upgrade) if statement.error), None)
    if place is None or (failed.upgrade[place].sqlstate or "")[:2] not in _OF_ROWS:
        raise CannotBuildError("it fails for another reason than its rows")
    statements = failed.upgrade[: place + 1]
    if any(statement.transaction is None or statement.count > 1 for statement in statements):
        raise CannotBuildError("its statements are not those of one transaction")
    return [statement.sql for statement in statements]


def _take_out_refused(session: Session, tables: Sequence[str], statements: Sequence[str]) -> None:
    table = _table_of(session, tables, statements)
    (is_alone,) = session.execute(_IS_ALONE, {"table": table}).fetchone() or (False,)
    rows = [str(row) for (row,) in session.execute(f"SELECT ctid::text FROM ONLY {table}".encode())]
    if not is_alone or not rows:
        raise CannotBuildError("its rows lie in several tables")
    trial = _Trial(session, table, statements)
    refused = list(trial.refused(rows))
    if 2 * len(refused) > len(rows):
        raise CannotBuildError("it refuses most rows")
    session.execute(f"DELETE FROM ONLY {table} WHERE ctid = ANY (%s::tid[])".encode(), (refused,))
    left = [str(row) for (row,) in session.execute(f"SELECT ctid::text FROM ONLY {table}".encode())]
    if not trial.accepts(left):
        raise CannotBuildError("it refuses rows beside each other")


def _table_of(session: Session, tables: Sequence[str], statements: Sequence[str]) -> str:
    """Return the table that the last statement writes or changes."""
    with session.transaction(force_rollback=True):
        for table in tables:
            _delete(session, table, "true")
        before = {name for (name,) in session.execute(_CHANGED.encode())}
        for statement in statements[:-1]:
            session.execute(statement.encode())
        written = _written_by(session, statements[-1])
        if written is not None:
            return written
        session.execute(statements[-1].encode())
        changed = {str(name) for (name,) in session.execute(_CHANGED.encode())} - before
    found = changed & {*tables}
    if len(found) != 1:
        raise CannotBuildError("it changes several tables, or none")
    return found.pop()


def _written_by(session: Session, statement: str) -> str | None:
    """Return the table whose rows a statement updates; None for a statement without a plan."""
    try:
        with session.transaction():
            ((plan,),) = session.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {statement}".encode()).fetchall()
    except psycopg.errors.SyntaxError:
        return None
    node = plan[0]["Plan"]
    if node["Node Type"] != "ModifyTable" or node.get("Operation") != "Update":
        raise CannotBuildError("it updates no rows")
    return sql.Identifier(str(node["Schema"]), str(node["Relation Name"])).as_string(session)


def _delete(session: Session, table: str, condition: str, *parameters: object) -> None:
    """Delete rows of a table without its triggers, so that other rows may still refer to them for the moment."""
    session.execute("SET LOCAL session_replication_role = replica")
    session.execute(f"DELETE FROM ONLY {table} WHERE {condition}".encode(), parameters or None)
    session.execute("SET LOCAL session_replication_role = origin")
    session.execute(f"SET LOCAL statement_timeout = '{_PATIENCE:g}s'".encode())


@dataclass
class _Trial:
    """The trial of a statement on some rows of its table.

    Attributes:
        session: An autocommit session of a superuser.
        table: The table.
        statements: The statements of the revision up to this one.
        tries: The number of tries so far.
        deadline: When to give up, on the monotonic clock, in seconds.
    """

    session: Session
    table: str
    statements: Sequence[str]
    tries: int = 0
    deadline: float = field(default_factory=lambda: time.monotonic() + _PATIENCE)

    def refused(self, rows: Sequence[str]) -> Iterator[str]:
        """Return those of some rows that the statement refuses, each by itself."""
        if self.accepts(rows):
            return
        if len(rows) == 1:
            yield rows[0]
            return
        half = len(rows) // 2
        yield from self.refused(rows[:half])
        yield from self.refused(rows[half:])

    def accepts(self, rows: Sequence[str]) -> bool:
        """Return whether the statement succeeds when the table has some of its rows only."""
        self.tries += 1
        if self.tries > _MOST_TRIES or time.monotonic() > self.deadline:
            raise CannotBuildError("it refuses many rows, or takes long")
        try:
            with self.session.transaction(force_rollback=True):
                _delete(self.session, self.table, "ctid <> ALL (%s::tid[])", list(rows))
                for statement in self.statements:
                    self.session.execute(statement.encode())
        except psycopg.Error as error:
            if (error.sqlstate or "")[:2] not in _OF_ROWS:
                raise
            return False
        return True
