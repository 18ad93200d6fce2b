"""Locks of a statement that no transaction may hold, read by a second session."""

import psycopg
import pytest

from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.observer import Observer


@pytest.fixture
def statement(empty_url: str) -> psycopg.Connection:
    """The session of a statement, with a table `t` and its index `i`."""
    connection = psycopg.connect(empty_url, autocommit=True)
    connection.execute("CREATE TABLE t (n integer)")
    connection.execute("CREATE INDEX i ON t (n)")
    return connection


def _seen(url: str, statement: psycopg.Connection, sql: str) -> set[tuple[str, str]]:
    """What an observer sees in the middle of a transaction, by the names that relations have when it is committed."""
    with statement, statement.transaction():
        statement.execute(sql.encode())
        observer = Observer(Connection.parse(url), statement.info.backend_pid)
        observer.look()
        seen = observer.locks()
        observer.close()
        names: dict[int, str] = dict(statement.execute("SELECT oid::bigint, relname FROM pg_class").fetchall())
    return {(names[oid], mode) for oid, mode in seen}


def test_what_is_not_committed_is_nobodys_to_wait_for(empty_url: str, statement: psycopg.Connection) -> None:
    """An index that is being created is locked whole, which REINDEX CONCURRENTLY does too before it swaps the two."""
    assert _seen(empty_url, statement, "CREATE INDEX i2 ON t (n)") == {("t", "ShareLock")}


def test_what_was_there_before_is_seen(empty_url: str, statement: psycopg.Connection) -> None:
    """An index that others know is locked for them, whatever becomes of it."""
    seen = _seen(empty_url, statement, "REINDEX INDEX i")

    assert {("t", "ShareLock"), ("i", "AccessExclusiveLock")} <= seen


def test_a_dead_index_is_nobodys_to_wait_for(empty_url: str, statement: psycopg.Connection) -> None:
    """DROP INDEX CONCURRENTLY locks the index whole at its end, when no session uses it any more."""
    statement.execute("UPDATE pg_index SET indislive = false WHERE indexrelid = 'i'::regclass")

    assert _seen(empty_url, statement, "DROP INDEX i") == {("t", "AccessExclusiveLock")}
