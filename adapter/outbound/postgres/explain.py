"""Turns errors of drivers and servers into a message and a hint, each in one line."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from adapter.outbound.postgres.configuration_errors import describe_configuration
from adapter.outbound.postgres.connecting import reason_of_asyncpg
from adapter.outbound.postgres.encryption import describe_encryption
from adapter.outbound.postgres.errors import HINT, DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.full_disk import DISK_FULL, describe_os_error
from adapter.outbound.postgres.privileges import NO_PRIVILEGE, NO_SCHEMA, describe_closed_schemas, describe_lacking
from adapter.outbound.postgres.read_only import READ_ONLY, describe_read_only
from adapter.outbound.postgres.redaction import redact, shown
from adapter.outbound.postgres.url import DatabaseURL

# SQLSTATE values: PostgreSQL manual, appendix A.
LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK_DETECTED = "40P01"

_GONE = "08003"
Ask: TypeAlias = Callable[[str], list[Any]]

# Faults that end a session or a statement from outside; the statement itself is not wrong.
_FAULTS = {
    "57P01": "The server ended the session",
    "57P02": "The server stopped at once, or one of its processes crashed,",
    "57P03": "The server is starting or stopping",
    "57P04": "The database was dropped",
    "57P05": "The server ended the session, which was idle for longer than idle_session_timeout,",
    "57014": "The server cancelled the statement: somebody asked for it, or it ran longer than statement_timeout,",
    "25P03": "The server ended the session, which was idle in a transaction for longer than "
    "idle_in_transaction_session_timeout,",
    "25P04": "The server ended the session, whose transaction was longer than transaction_timeout,",
}
_TIMEOUTS = {
    "57P05": "idle_session_timeout",
    "57014": "statement_timeout",
    "25P03": "idle_in_transaction_session_timeout",
    "25P04": "transaction_timeout",
}
_CANCELLED, _IN_TIME = "statement_timeout", "statement timeout"  # somebody may have asked for it: the message says it
_STARTUP_PARAMETER = "unsupported startup parameter"  # of PgBouncer; Postgres says something else
_LOST = "The connection to the server was lost"


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error of asyncpg, psycopg or SQLAlchemy, or of its causes; None if there is none."""
    states = [state for link in _chain(error) if (state := _own_state(link))]
    # asyncpg reports a closed connection with its own state, which hides the server's earlier error
    return next((state for state in states if state != _GONE), _GONE if states else None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Return an error and its causes, from the last to the first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _own_state(error: BaseException) -> str | None:
    for holder in (error, getattr(error, "orig", None)):
        state = getattr(holder, "sqlstate", None)
        if isinstance(state, str):
            return state
    return None


def costs_more(error: BaseException) -> bool:
    """Return whether an error affects more than the query: the session, its time or the whole server."""
    state = sqlstate(error) or ""
    return not state or state[:2] in _OF_ALL or state == LOCK_NOT_AVAILABLE


# SQLSTATE classes that affect the session: connection, transaction, resources, operator intervention.
_OF_ALL = frozenset({"08", "25", "40", "53", "57"})


def server_message(error: BaseException) -> str:
    """Return the first line of the server's message, without additions of SQLAlchemy and the driver."""
    origin = getattr(error, "orig", None) or error
    text = str(origin).strip() or type(origin).__name__
    first = text.splitlines()[0]
    return redact(re.sub(r"^<class '[^']*'>: ", "", first))


def fault_of(error: BaseException) -> tuple[str, str] | None:
    """Return the fault that ended a session or a statement from outside, and the server's message.

    Returns:
        Both texts, or None if the statement itself failed or the error is not one of the database.
    """
    for link in _chain(error):
        if (state := _own_state(link)) in _FAULTS:
            return _FAULTS[state], server_message(link)
    for link in _chain(error):
        state = _own_state(link)
        # psycopg has one class without SQLSTATE for all errors that it detects itself.
        is_lost = state is None and "OperationalError" in _classes(getattr(link, "orig", link))
        is_invalidated = getattr(link, "connection_invalidated", False) or isinstance(link, ConnectionError)
        if is_lost or is_invalidated or (state or "").startswith("08"):
            return _LOST, server_message(link)
    return None


def remedy_of_fault(error: BaseException) -> str:
    """Return how to raise the timeout of the server that ended a session or a statement; empty for other faults."""
    for link in _chain(error):
        name = _TIMEOUTS.get(_own_state(link) or "")
        if name is not None and (name != _CANCELLED or _IN_TIME in server_message(link)):
            return f"Raise {name} (options=-c%20{name}%3D10min in the URL, or ALTER ROLE … SET)"
    return ""


def _classes(error: BaseException | None) -> set[str]:
    """Return the names of an error's classes, so that no driver must be imported."""
    return {class_.__name__ for class_ in type(error).__mro__}


def _has_gone(error: BaseException) -> bool:
    """Return whether the error or one of its causes ended an existing session."""
    return any(getattr(link, "connection_invalidated", False) for link in _chain(error))


def explain(
    error: BaseException, url: DatabaseURL | None = None, *, reads: bool = False, ask: Ask | None = None
) -> DatabaseError | None:
    """Return an error with a message and a hint for an error of a driver or the server.

    Args:
        error: The error of a connection or a statement.
        url: The URL of the database; None if it is not known.
        reads: Whether the command only reads, so that the hint must not propose privileges to write.
        ask: Runs a query over a connection like that of the error; by default over a new connection to the URL.

    Returns:
        The error to show instead, or None if only the traceback can explain it.
    """
    if isinstance(error, DatabaseError):
        return error
    if type(error).__name__ == "CommandError":  # Alembic's class; importing it would slow down every command
        message, _, hint = str(error).partition(HINT)
        explained = explain(error.__cause__) if isinstance(error.__cause__, DatabaseError) else None
        return (explained or describe_configuration("CommandError", message)) or DatabaseError(
            message, hint or "See alembic --help and the README of the migrations directory."
        )
    if configuration_error := describe_configuration(type(error).__name__, str(error)):
        return configuration_error
    if disk_error := next((full_disk for link in _chain(error) if (full_disk := describe_os_error(link))), None):
        return disk_error
    if isinstance(error, ModuleNotFoundError) and error.name in {"asyncpg", "psycopg", "greenlet"}:
        return DatabaseConfigurationError(
            f"The package {error.name} is not installed.", "Run: pip install -c constraints.txt -e ."
        )
    return _explain_database(error, url, reads, ask)


def described(error: BaseException) -> DatabaseError | None:
    """Return the error that a command shows: as `explain` returns it, or the server's own message.

    Returns:
        The error, or None if it is a defect, which needs its traceback.
    """
    explained = explain(error)
    if explained is None and sqlstate(error):
        return DatabaseError(
            f"the database refused: {server_message(error)}", "compare the schema with the code: alembic check"
        )
    return explained


@contextmanager
def explaining(url: DatabaseURL, *, reads: bool = False) -> Iterator[None]:
    """Raise the explanation of an error of the block in its place.

    Args:
        url: The URL of the database that the block uses.
        reads: Whether the block only reads, as for `explain`.
    """
    try:
        yield
    except Exception as error:
        explained = explain(error, url, reads=reads)
        if explained is None or explained is error:
            raise
        raise explained from error


def is_about_extension(error: BaseException) -> bool:
    """Return whether the server refused to create an extension, which only an administrator may."""
    return "extension" in server_message(error)


def _explain_database(
    error: BaseException, url: DatabaseURL | None, reads: bool, ask: Ask | None
) -> DatabaseError | None:
    if url is not None and (reason := reason_of_asyncpg(_chain(error), url)):
        error = reason
    values = {
        "where": str(url) if url is not None else "the database",
        "name": (url.database if url is not None else "") or "the database",
        "role": (url.user if url is not None else "") or "the role",
        "message": server_message(error),
        "source": url.source if url is not None else "DATABASE_URL",
        "correct": url.correction if url is not None else "correct DATABASE_URL",
        "otherwise": url.otherwise if url is not None else "unset DATABASE_URL to use the embedded Postgres",
    }
    state = sqlstate(error)
    if url is not None and (encryption_error := describe_encryption(_chain(error), state, values["message"], url)):
        return encryption_error
    if state == READ_ONLY:
        return describe_read_only(ask or partial(_ask, url), f" at {url}" if url is not None else "", values["message"])
    if state == NO_PRIVILEGE and not is_about_extension(error):
        statement = next((text for link in _chain(error) if (text := getattr(link, "statement", None))), "")
        return describe_lacking(ask or partial(_ask, url), values["message"], str(statement), reads=reads)
    if state == NO_SCHEMA and (closed := describe_closed_schemas(ask or partial(_ask, url), values["message"])):
        return closed
    for states, pattern, message, hint in _BY_STATE:
        if state in states and re.search(pattern, values["message"]):
            return DatabaseError(message.format(**values), hint.format(**values))
    return _explain_connection(error, values)


def _explain_connection(error: BaseException, values: dict[str, str]) -> DatabaseError | None:
    if isinstance(error, OSError) and error.filename is not None:
        return DatabaseConfigurationError(
            f"{shown(error.filename)} cannot be used ({error.strerror}).",
            "Run this as a user who may use it, or choose another place.",
        )
    if _STARTUP_PARAMETER in values["message"]:  # libpq gives no SQLSTATE for it
        return DatabaseError(
            "A connection pooler in front of {where} refused ({message}).".format(**values),
            "Name the server itself in {source}.".format(**values),
        )
    if _is_unreachable(error) and not _has_gone(error):
        return DatabaseError(
            "No Postgres server answers at {where} ({message}).".format(**values),
            "Start the server or {correct}; {otherwise}.".format(**values),
        )
    fault = fault_of(error)
    if fault is None:
        return None
    remedy = remedy_of_fault(error)
    again = f"{remedy}, then run the command again" if remedy else "run the command again once that is fixed"
    hint = f"What was not committed has been rolled back: {again}."
    return DatabaseError(f"{fault[0].removesuffix(',')} ({fault[1]}).", hint)


_DIRECT = "Name the server itself in {source}, or set pool_mode = session."

# SQLSTATEs, pattern of the server's message, our message, hint. The first match wins.
_BY_STATE: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        ("3D000",),
        "",
        "The database does not exist at {where} ({message}).",
        'Create it: createdb {name}, or as SQL: CREATE DATABASE "{name}"; or {correct}.',
    ),
    (
        ("55000",),
        "connections",
        "The database does not accept connections at {where} ({message}).",
        'An administrator runs: ALTER DATABASE "{name}" ALLOW_CONNECTIONS true; or {correct}.',
    ),
    (
        ("28000",),
        "not permitted to log in",
        "The server refused the login at {where} ({message}).",
        'An administrator runs: ALTER ROLE "{role}" LOGIN; or {correct}.',
    ),
    (
        ("28P01", "28000"),
        "",
        "The server refused the login at {where} ({message}).",
        "Correct user and password in {source}, percent-encoding % : / ? # @; at the server: pg_hba.conf, VALID UNTIL.",
    ),
    (("57P03",), "", "The server at {where} is not ready ({message}).", "Wait a moment and try again."),
    (
        ("53300",),
        'for role "',
        "The server at {where} has no free connection ({message}).",
        'Close connections of this role, or raise its limit: ALTER ROLE "{role}" CONNECTION LIMIT -1;',
    ),
    (
        ("53300",),
        'for database "',
        "The server at {where} has no free connection ({message}).",
        'Close connections to this database, or raise its limit: ALTER DATABASE "{name}" CONNECTION LIMIT -1;',
    ),
    (
        ("53300",),
        "",
        "The server at {where} has no free connection ({message}).",
        "Close idle connections, or raise max_connections.",
    ),
    (
        (DISK_FULL,),
        "",
        "The disk of the server at {where} is full ({message}).",
        "Free space there. What was not committed has been rolled back: then run the command again.",
    ),
    (
        ("55P03",),
        "",
        "A lock could not be acquired in time at {where} ({message}).",
        (
            "Try again when whoever holds it has finished: SELECT pid, xact_start, query FROM pg_stat_activity "
            "WHERE xact_start IS NOT NULL ORDER BY xact_start;"
        ),
    ),
    (
        (NO_PRIVILEGE,),
        "",
        "This role may not create the extension ({message}).",
        "An administrator runs once, in database {name}: CREATE EXTENSION vector;",
    ),
    (
        ("0A000", "58P01", "42704"),
        r"extension \"vector\"|vector\.control",
        "pgvector is not installed on the server at {where} ({message}).",
        "Install it there (Debian: apt install postgresql-<major>-pgvector), then run this again.",
    ),
    (
        ("26000", "42P05"),
        '"(__asyncpg_|_pg3_|")',  # names of prepared statements that drivers choose
        "A connection pooler is in front of {where} and gives each transaction another session ({message}).",
        _DIRECT,
    ),
    (("08P01",), "", "A connection pooler in front of {where} refused ({message}).", _DIRECT),
)


def _ask(url: DatabaseURL | None, query: str) -> list[Any]:
    import psycopg

    if url is None:
        return []
    with psycopg.connect(url.libpq, autocommit=True, client_encoding="utf8") as connection:
        return connection.execute(query.encode()).fetchall()


def _is_unreachable(error: BaseException) -> bool:
    origin = getattr(error, "orig", None)
    if isinstance(error, OSError) or isinstance(origin, OSError | TimeoutError):
        return True
    if isinstance(error, TimeoutError):
        return True
    # psycopg has one class for all connection failures, without SQLSTATE if no server answered. asyncpg has a separate
    # class for a connection that ended.
    names = _classes(error) | _classes(origin)
    text = str(origin or error)
    return bool(names & {"OperationalError", "CannotConnectNowError", "ConnectionDoesNotExistError"}) and bool(
        re.search(r"connect(ion)? .*(failed|refused|closed|timeout|timed out|reset)|could not translate|resolve", text)
    )
