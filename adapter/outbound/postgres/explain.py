"""Turns what drivers and servers raise into one line of what happened and one of what mends it."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

from adapter.outbound.postgres.connecting import reason_of_asyncpg
from adapter.outbound.postgres.encryption import describe_encryption
from adapter.outbound.postgres.errors import HINT, DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.full_disk import DISK_FULL, describe_os_error
from adapter.outbound.postgres.read_only import READ_ONLY, describe_read_only
from adapter.outbound.postgres.redaction import redact, shown
from adapter.outbound.postgres.url import DatabaseURL

# SQLSTATE values: PostgreSQL manual, appendix A.
LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK_DETECTED = "40P01"

_NO_PRIVILEGE = "42501"
_GONE = "08003"
Ask: TypeAlias = Callable[[str], list[Any]]

# What ends a session or a statement from outside: nothing is wrong with the statement.
_FAULTS = {
    "57P01": "The server ended the session",
    "57P02": "The server stopped at once, or one of its processes crashed,",
    "57P03": "The server is starting or stopping",
    "57P04": "The database was dropped",
    "57P05": "The server ended the session, which was idle for longer than idle_session_timeout",
    "57014": "The server cancelled the statement: somebody asked for it, or it ran longer than statement_timeout",
    "25P03": "The server ended the session, which was idle in a transaction for longer than "
    "idle_in_transaction_session_timeout",
    "25P04": "The server ended the session, whose transaction was longer than transaction_timeout",
}
_LOST = "The connection to the server was lost"


def sqlstate(error: BaseException) -> str | None:
    """Find the SQLSTATE in an error of asyncpg, psycopg or SQLAlchemy, or in what caused it."""
    states = [state for one in _chain(error) if (state := _own_state(one))]
    # asyncpg's own complaint that a connection is gone may be caused by what the server said before
    return next((state for state in states if state != _GONE), _GONE if states else None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Return an error, what caused it, or what it hides, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _own_state(error: BaseException) -> str | None:
    for holder in (error, getattr(error, "orig", None)):
        state = getattr(holder, "sqlstate", None)
        if isinstance(state, str):
            return state
    return None


def costs_more(error: BaseException) -> bool:
    """Return whether an error is about more than what was read: about the session, its time, the whole server."""
    state = sqlstate(error) or ""
    return not state or state[:2] in _OF_ALL or state == LOCK_NOT_AVAILABLE


# Classes of SQLSTATE: connection, transaction, resources, operator intervention.
_OF_ALL = frozenset({"08", "25", "40", "53", "57"})


def server_message(error: BaseException) -> str:
    """Return the server's own first line, without SQLAlchemy's and the driver's decoration."""
    origin = getattr(error, "orig", None) or error
    text = str(origin).strip() or type(origin).__name__
    first = text.splitlines()[0]
    return redact(re.sub(r"^<class '[^']*'>: ", "", first))


def fault_of(error: BaseException) -> tuple[str, str] | None:
    """Return what ended a session or a statement from outside, and what was said of it.

    Returns:
        None when it was the statement itself, or no fault of the database at all.
    """
    for one in _chain(error):
        if (state := _own_state(one)) in _FAULTS:
            return _FAULTS[state], server_message(one)
    for one in _chain(error):
        state = _own_state(one)
        # psycopg has one class, and no SQLSTATE, for all that it notices itself.
        lost = state is None and "OperationalError" in _classes(getattr(one, "orig", one))
        gone = getattr(one, "connection_invalidated", False) or isinstance(one, ConnectionError)
        if lost or gone or (state or "").startswith("08"):
            return _LOST, server_message(one)
    return None


def _classes(error: BaseException | None) -> set[str]:
    """Return the names of an error's classes: the drivers are not imported for them."""
    return {one.__name__ for one in type(error).__mro__}


def _has_gone(error: BaseException) -> bool:
    """Return whether the session of an error, or of one that it hides, was there and has gone."""
    return any(getattr(one, "connection_invalidated", False) for one in _chain(error))


def explain(
    error: BaseException, url: DatabaseURL | None = None, *, reads: bool = False, ask: Ask | None = None
) -> DatabaseError | None:
    """Return what an error means.

    Args:
        error: What was raised while connecting or while a statement ran.
        url: The database that was meant.
        reads: Whether the command only reads; then nothing that lets it write is proposed.
        ask: Asks the database, over a connection like that of the error; by default one is opened to the URL.

    Returns:
        The error to show instead, or None when only the traceback tells what is wrong.
    """
    if isinstance(error, DatabaseError):
        return error
    if type(error).__name__ == "CommandError":  # Alembic's: importing it would cost every command its start
        message, _, hint = str(error).partition(HINT)
        shown = explain(error.__cause__) if isinstance(error.__cause__, DatabaseError) else None
        return shown or DatabaseError(message, hint or "See alembic --help and the README of the migrations directory.")
    if full := next((found for one in _chain(error) if (found := describe_os_error(one))), None):
        return full
    if isinstance(error, ModuleNotFoundError) and error.name in {"asyncpg", "psycopg", "greenlet"}:
        return DatabaseConfigurationError(
            f"The package {error.name} is not installed.", "Run: pip install -c constraints.txt -e ."
        )
    return _explain_database(error, url, reads, ask)


def _explain_database(
    error: BaseException, url: DatabaseURL | None, reads: bool, ask: Ask | None
) -> DatabaseError | None:
    if url is not None and (reason := reason_of_asyncpg(_chain(error), url)):
        error = reason
    values = {
        "where": str(url) if url is not None else "the database",
        "name": (url.database if url is not None else "") or "the database",
        "message": server_message(error),
        "source": url.source if url is not None else "DATABASE_URL",
        "correct": url.correction if url is not None else "correct DATABASE_URL",
        "otherwise": url.otherwise if url is not None else "unset DATABASE_URL to use the embedded Postgres",
    }
    state = sqlstate(error)
    if url is not None and (refused := describe_encryption(_chain(error), state, values["message"], url)):
        return refused
    if state == READ_ONLY:
        return describe_read_only(ask or partial(_ask, url), values["where"], values["message"])
    if state == _NO_PRIVILEGE and reads:
        return DatabaseError(
            "This role may not read something ({message}).".format(**values),
            "Let its owner run, in database {name}: GRANT SELECT ON <what is named> TO <role>;".format(**values),
        )
    for states, pattern, message, hint in _BY_STATE:
        if state in states and re.search(pattern, values["message"]):
            return DatabaseError(message.format(**values), hint.format(**values))
    return _explain_connection(error, values)


def _explain_connection(error: BaseException, values: dict[str, str]) -> DatabaseError | None:
    if isinstance(error, OSError) and error.filename is not None:
        return DatabaseConfigurationError(
            f"{shown(error.filename)} cannot be used ({error.strerror}).",
            "Run this as a user who may, or name another place.",
        )
    if _is_unreachable(error) and not _has_gone(error):
        return DatabaseError(
            "No Postgres server answers at {where} ({message}).".format(**values),
            "Start the server or {correct}; {otherwise}.".format(**values),
        )
    fault = fault_of(error)
    again = "What was not committed has been rolled back: run the command again when that is mended."
    return DatabaseError(f"{fault[0]} ({fault[1]}).", again) if fault else None


_DIRECT = "Name the server itself in DATABASE_URL, or set pool_mode = session."

# SQLSTATEs, what the server's message matches, what happened, what mends it. The first that fits wins.
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
        "The database lets nobody connect at {where} ({message}).",
        'An administrator runs: ALTER DATABASE "{name}" ALLOW_CONNECTIONS true; or {correct}.',
    ),
    (
        ("28P01", "28000"),
        "",
        "The server refused to sign in at {where} ({message}).",
        "Correct user and password in {source}, percent-encoding % : / ? # @, or the server's pg_hba.conf.",
    ),
    (("57P03",), "", "The server at {where} is not ready ({message}).", "Wait a moment and try again."),
    (
        ("53300",),
        "",
        "The server at {where} has no connection left ({message}).",
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
        "A lock could not be had in time at {where} ({message}).",
        (
            "Try again when whoever holds it has finished: SELECT pid, xact_start, query FROM pg_stat_activity "
            "WHERE xact_start IS NOT NULL ORDER BY xact_start;"
        ),
    ),
    (
        ("42501",),
        "extension",
        "This role may not create the extension ({message}).",
        "An administrator runs once, in database {name}: CREATE EXTENSION vector;",
    ),
    (
        ("42501",),
        "",
        "This role lacks a privilege ({message}).",
        (
            "Run as the owner of the objects, or let an administrator, in database {name}: "
            "GRANT USAGE, CREATE ON SCHEMA public TO <role>;"
        ),
    ),
    (
        ("0A000", "58P01", "42704"),
        r"extension \"vector\"|vector\.control",
        "pgvector is not installed on the server at {where} ({message}).",
        "Install it there (Debian: apt install postgresql-<major>-pgvector), then run this again.",
    ),
    (
        ("26000", "42P05"),
        '"(__asyncpg_|_pg3_|")',  # names that drivers choose
        "A connection pooler stands before {where} and gives each transaction another session ({message}).",
        _DIRECT,
    ),
    (("08P01",), "", "A connection pooler before {where} refused ({message}).", _DIRECT),
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
    # psycopg has one class for every failure to connect, and no SQLSTATE when no server answered; asyncpg says that a
    # connection ended with a class of its own.
    names = _classes(error) | _classes(origin)
    text = str(origin or error)
    return bool(names & {"OperationalError", "CannotConnectNowError", "ConnectionDoesNotExistError"}) and bool(
        re.search(r"connect(ion)? .*(failed|refused|closed|timeout|timed out|reset)|could not translate|resolve", text)
    )
