"""Session settings of an upgrade: a short lock timeout, a long one for concurrent index builds, a known search path."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from adapter.outbound.database.upgrade.options import MigrationOptions

APPLICATION_NAME = "alembic"

_CONCURRENT = re.compile(
    r"\s*(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\b[^;]*?)\s+CONCURRENTLY\b", re.IGNORECASE
)
_SETTINGS = ("lock_timeout", "statement_timeout", "application_name", "search_path", "client_connection_check_interval")


def is_concurrent_build(sql: str) -> bool:
    """Return whether a statement builds, drops or rebuilds an index without blocking the table."""
    return _CONCURRENT.match(sql) is not None


@dataclass(frozen=True)
class Session:
    """The session of an upgrade before its settings were changed.

    Attributes:
        pid: The process of the session on the server.
        settings: The values of its settings by name; None for a setting that the server does not have.
    """

    pid: int
    settings: dict[str, str | None]


def read_session(connection: Connection) -> Session:
    """Read the session of a connection.

    No function of this file leaves a transaction open. Alembic would take it for the caller's own, log "Running
    upgrade", and apply nothing.
    """
    values = ", ".join(f"current_setting('{name}', true)" for name in _SETTINGS)
    row = connection.execute(text(f"SELECT pg_backend_pid(), {values}")).one()
    connection.rollback()
    return Session(int(row[0]), dict(zip(_SETTINGS, row[1:], strict=True)))


def read_lock_timeout(connection: Connection, options: MigrationOptions) -> float:
    """Return the shorter of the two lock timeouts in seconds, as the server reads them; 0 if neither is set."""
    # asyncpg expects a timedelta for an interval, hence the cast to text
    lock_timeout, concurrent = (f"nullif(CAST(CAST(:{name} AS text) AS interval), '0')" for name in ("one", "other"))
    durations = {"one": options.lock_timeout, "other": options.concurrent_lock_timeout}
    seconds = connection.scalar(text(f"SELECT extract(epoch FROM least({lock_timeout}, {concurrent}))"), durations)  # noqa: S608
    connection.commit()
    return float(seconds or 0)


@contextmanager
def session(connection: Connection, options: MigrationOptions, before: Session) -> Iterator[None]:
    """Apply the settings of migrations to a session, and restore the former settings at the end."""
    apply_settings(connection, options, local=False)
    with _long_timeout_for_concurrent_builds(connection, options, str(before.settings["statement_timeout"])):
        try:
            yield
        finally:
            give_back(connection, lambda: _restore(connection, before))


@contextmanager
def session_of_transactions(connection: Connection, options: MigrationOptions, _before: Session) -> Iterator[None]:
    """Apply the settings to each transaction: behind a pooler another client may have the session afterwards."""

    def begin(connection: Connection) -> None:
        apply_settings(connection, options, local=True)

    event.listen(connection, "begin", begin)
    try:
        yield
    finally:
        event.remove(connection, "begin", begin)


def give_back(connection: Connection, restore: Callable[[], None]) -> None:
    """Restore the state of a session in a separate transaction; close the session if that fails."""
    if connection.closed or connection.invalidated:
        return
    try:
        connection.rollback()
        restore()
        connection.commit()
    except (SQLAlchemyError, OSError):
        connection.invalidate()


def apply_settings(connection: Connection, options: MigrationOptions, *, local: bool = False) -> None:
    """Apply the settings to the session, also before each retry: a failed concurrent build leaves its own."""
    _set(connection, "lock_timeout", options.lock_timeout, local=local)
    _set(connection, "search_path", _search_path(connection, options.search_path), local=local)
    if local:
        return
    if not connection.scalar(text("SELECT current_setting('application_name')")):
        _set(connection, "application_name", APPLICATION_NAME)
    connection.commit()
    try:
        # The server then notices within a second that this process was killed, and stops its statement.
        _set(connection, "client_connection_check_interval", "1s")
        connection.commit()
    except DBAPIError:
        connection.rollback()  # Postgres 13 and servers on some operating systems do not have the setting.


def _restore(connection: Connection, before: Session) -> None:
    for name, value in before.settings.items():
        if value is not None:
            _set(connection, name, value)


def _search_path(connection: Connection, search_path: str) -> str:
    schema = connection.scalar(
        text(
            "SELECT quote_ident(nspname) FROM pg_catalog.pg_extension e "
            "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'vector'"
        )
    )
    schemas = [name.strip() for name in search_path.split(",")]
    return search_path if schema is None or schema in schemas else f"{search_path}, {schema}"


def _set(connection: Connection, name: str, value: str, *, local: bool = False) -> None:
    connection.execute(
        text("SELECT set_config(:name, :value, CAST(:local AS boolean))"),
        {"name": name, "value": value, "local": local},
    )


@contextmanager
def _long_timeout_for_concurrent_builds(
    connection: Connection, options: MigrationOptions, statement_timeout: str
) -> Iterator[None]:
    """Set other timeouts around each concurrent build, unless its revision has set them itself."""
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
