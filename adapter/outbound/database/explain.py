"""Turns what drivers and servers raise into one line of what happened and one of what mends it."""

import re

from adapter.outbound.database.errors import HINT, DatabaseConfigurationError, DatabaseError
from adapter.outbound.database.redaction import redact
from adapter.outbound.database.url import DatabaseURL

# SQLSTATE values: PostgreSQL manual, appendix A.
LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK_DETECTED = "40P01"


def sqlstate(error: BaseException) -> str | None:
    """Find the SQLSTATE in an error of asyncpg, psycopg or SQLAlchemy, or in what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        for holder in (seen, getattr(seen, "orig", None)):
            state = getattr(holder, "sqlstate", None)
            if isinstance(state, str):
                return state
        seen = seen.__cause__ or seen.__context__
    return None


def server_message(error: BaseException) -> str:
    """Give the server's own first line, without SQLAlchemy's and the driver's decoration."""
    origin = getattr(error, "orig", None) or error
    text = str(origin).strip() or type(origin).__name__
    first = text.splitlines()[0]
    return redact(re.sub(r"^<class '[^']*'>: ", "", first))


def explain(error: BaseException, url: DatabaseURL | None = None) -> DatabaseError | None:
    """Say what an error means.

    Args:
        error: What was raised while connecting or while a statement ran.
        url: The database that was meant.

    Returns:
        The error to show instead, or None when only the traceback tells what is wrong.
    """
    if isinstance(error, DatabaseError):
        return error
    if type(error).__name__ == "CommandError":  # Alembic's: importing it would cost every command its start
        message, _, hint = str(error).partition(HINT)
        shown = explain(error.__cause__) if isinstance(error.__cause__, DatabaseError) else None
        return shown or DatabaseError(message, hint or "See alembic --help and the README of the migrations directory.")
    if isinstance(error, ModuleNotFoundError) and error.name in {"asyncpg", "psycopg", "greenlet"}:
        return DatabaseConfigurationError(
            f"The package {error.name} is not installed.", "Run: pip install -c constraints.txt -e ."
        )
    values = {
        "where": str(url) if url is not None else "the database",
        "name": (url.database if url is not None else "") or "the database",
        "message": server_message(error),
    }
    state = sqlstate(error)
    for states, pattern, message, hint in _BY_STATE:
        if state in states and re.search(pattern, values["message"]):
            return DatabaseError(message.format(**values), hint.format(**values))
    if _is_unreachable(error):
        return DatabaseError(
            "No Postgres server answers at {where} ({message}).".format(**values),
            "Start the server or correct DATABASE_URL; unset DATABASE_URL to use the embedded Postgres.",
        )
    return None


# SQLSTATEs, what the server's message matches, what happened, what mends it. The first that fits wins.
_BY_STATE: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        ("3D000",),
        "",
        "The database does not exist at {where} ({message}).",
        'Create it: createdb {name}, or as SQL: CREATE DATABASE "{name}";',
    ),
    (
        ("28P01", "28000"),
        "",
        "The server refused to sign in at {where} ({message}).",
        "Correct user and password in DATABASE_URL (percent-encode : / ? # @), or the server's pg_hba.conf.",
    ),
    (("57P03",), "", "The server at {where} is not ready ({message}).", "Wait a moment and try again."),
    (
        ("53300",),
        "",
        "The server at {where} has no connection left ({message}).",
        "Close idle connections, or raise max_connections.",
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
        ("25006",),
        "",
        "The database at {where} only reads ({message}).",
        "Use the URL of the primary, not of a standby.",
    ),
)


def _is_unreachable(error: BaseException) -> bool:
    origin = getattr(error, "orig", None)
    if isinstance(error, OSError) or isinstance(origin, OSError | TimeoutError):
        return True
    if isinstance(error, TimeoutError):
        return True
    # psycopg has one class for every failure to connect, and no SQLSTATE when no server answered; asyncpg says that a
    # connection ended with a class of its own.
    names = {type(error).__name__, type(origin).__name__}
    text = str(origin or error)
    return bool(names & {"OperationalError", "CannotConnectNowError", "ConnectionDoesNotExistError"}) and bool(
        re.search(r"connect(ion)? .*(failed|refused|closed|timeout|timed out|reset)|could not translate|resolve", text)
    )
