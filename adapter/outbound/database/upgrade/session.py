"""Session settings of an upgrade: a short lock timeout, a long one for concurrent index builds, a known search path."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from adapter.outbound.database.upgrade.options import MigrationOptions

APPLICATION_NAME = "alembic"

_CONCURRENT = re.compile(
    r"\s*(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\b[^;]*?)\s+CONCURRENTLY\b", re.IGNORECASE
)
_SETTINGS = ("lock_timeout", "statement_timeout", "application_name", "search_path", "client_connection_check_interval")


def is_concurrent_build(sql: str) -> bool:
    """Tell whether a statement builds, drops or rebuilds an index without blocking the table."""
    return _CONCURRENT.match(sql) is not None


@contextmanager
def session(connection: Connection, options: MigrationOptions, *, in_callers_transaction: bool) -> Iterator[None]:
    """Set a session up for migrations, and give back what was set before.

    Args:
        connection: The connection that migrations run on.
        options: The options of this call.
        in_callers_transaction: The caller began a transaction and will end it: settings then last as long as it does.
            Else nothing is left uncommitted here, or Alembic would take the open transaction for the caller's own,
            say "Running upgrade", and apply nothing.
    """
    if in_callers_transaction:
        apply_settings(connection, options, local=True)
        yield
        return
    before = {name: connection.scalar(text(f"SELECT current_setting('{name}', true)")) for name in _SETTINGS}
    connection.commit()
    apply_settings(connection, options, local=False)
    with _long_timeout_for_concurrent_builds(connection, options, str(before["statement_timeout"])):
        try:
            yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()
                for name, value in before.items():
                    if value is not None:
                        _set(connection, name, value)
                connection.commit()


def apply_settings(connection: Connection, options: MigrationOptions, *, local: bool = False) -> None:
    """Set the session's settings; also before each retry, as a failed concurrent build leaves its own behind."""
    _set(connection, "lock_timeout", options.lock_timeout, local=local)
    _set(connection, "search_path", _search_path(connection, options.search_path), local=local)
    if local:
        return
    if not connection.scalar(text("SELECT current_setting('application_name')")):
        _set(connection, "application_name", APPLICATION_NAME)
    connection.commit()
    try:
        # The server then notices within a second that this process was killed, and does not work on for nobody.
        _set(connection, "client_connection_check_interval", "1s")
        connection.commit()
    except DBAPIError:
        connection.rollback()  # Postgres 13, and servers on systems that cannot tell, do not have it.


def _search_path(connection: Connection, wanted: str) -> str:
    schema = connection.scalar(
        text(
            "SELECT quote_ident(nspname) FROM pg_catalog.pg_extension e "
            "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'vector'"
        )
    )
    listed = [name.strip() for name in wanted.split(",")]
    return wanted if schema is None or schema in listed else f"{wanted}, {schema}"


def _set(connection: Connection, name: str, value: str, *, local: bool = False) -> None:
    connection.execute(
        text("SELECT set_config(:name, :value, CAST(:local AS boolean))"),
        {"name": name, "value": value, "local": local},
    )


@contextmanager
def _long_timeout_for_concurrent_builds(
    connection: Connection, options: MigrationOptions, statement_timeout: str
) -> Iterator[None]:
    """Give each concurrent build its own timeouts, unless its revision chose some."""
    short, long = options.lock_timeout, options.concurrent_lock_timeout

    def switch(cursor: Any, old: str, new: str, statement_timeout: str) -> None:
        cursor.execute(
            f"SELECT set_config('lock_timeout', '{new}', false), "
            f"set_config('statement_timeout', '{statement_timeout}', false) "
            f"WHERE current_setting('lock_timeout')::interval = '{old}'::interval"
        )

    def before(_connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if is_concurrent_build(statement):
            switch(cursor, short, long, "0")

    def after(_connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if is_concurrent_build(statement):
            switch(cursor, long, short, statement_timeout)

    event.listen(connection, "before_cursor_execute", before)
    event.listen(connection, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", before)
        event.remove(connection, "after_cursor_execute", after)
