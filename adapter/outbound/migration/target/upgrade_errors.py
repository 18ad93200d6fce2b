"""Errors of an upgrade of a real database, each in one line with a hint."""

from pathlib import Path

from adapter.outbound.migration.project.results import AgentError, AgentResult, AgentRun
from adapter.outbound.postgres.errors import HINT, DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.explain import LOCK_NOT_AVAILABLE, explain
from adapter.outbound.postgres.holders import Holder, end_them, join
from adapter.outbound.postgres.revision_hints import DETAILED, OTHER, hint_for
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.one_line import in_one_line

# SQLSTATEs of sessions that end: connection exceptions, the server's operators, timeouts of idle or long sessions.
_OF_SESSIONS = ("08", "57P", "25P03", "25P04")
# What drivers raise without a SQLSTATE where they notice that themselves.
_OF_DRIVERS = frozenset({"OperationalError", "InterfaceError", "ConnectionResetError", "BrokenPipeError"})
_MOST_LETTERS = 500  # of a message
_HISTORY = "alembic history shows the revisions, and alembic current where the database is."
_UNKNOWN = "Can't locate revision"
_AHEAD = "The database is ahead: deploy the code that has this revision."


def upgrade_error(
    result: AgentResult, url: DatabaseURL, current: tuple[str, ...] | None, holders: tuple[Holder, ...] = ()
) -> DatabaseError | None:
    """Return the error that ended an upgrade; None where it came to its end.

    Args:
        result: The result of the upgrade.
        url: The database.
        current: The revisions that it is at now; None where that cannot be read.
        holders: The sessions for whose locks it waited at its end.
    """
    error = result.error
    if error is None:
        return None
    failed = next((run for run in reversed(result.runs) if run.error is not None), None)
    if error.kind in {"elsewhere", "refused"}:
        return _led_elsewhere(error, url)
    if error.kind in {"died", "forged"}:
        return DatabaseError(
            f"The upgrade ended too early: {error.message}.{_place_of_database(current)}",
            "See what it has printed above; then run this again.",
        )
    if error.type == "CommandError" or error.kind == "history":
        return _of_alembic(error)
    if failed is not None:
        return _of_revision(failed, url, current, holders)
    return _of_environment(error, url)


def failed_sqlstate(result: AgentResult) -> str | None:
    """Return the SQLSTATE that ended an upgrade, also where env.py has put an error of its own in its place."""
    failed = next((run.error for run in reversed(result.runs) if run.error is not None), None)
    return next((error.sqlstate for error in (failed, result.error) if error is not None and error.sqlstate), None)


def is_lost(result: AgentResult) -> bool:
    """Return whether the connection, or the process of the project, came to its end in the midst of an upgrade.

    What was committed only the database knows then.
    """
    failed = next((run.error for run in reversed(result.runs) if run.error is not None), None)
    return any(
        error.kind == "died"
        or (error.sqlstate or "").startswith(_OF_SESSIONS)
        or (error.sqlstate is None and error.type in _OF_DRIVERS)
        for error in (failed, result.error)
        if error is not None
    )


def needs_traceback(result: AgentResult) -> bool:
    """Return whether Python failed, and neither the server nor Alembic, so that only the traceback explains it."""
    error = result.error
    return (
        error is not None
        and error.kind == "exception"
        and error.sqlstate is None
        and error.type not in {"CommandError", "ImportError", "ModuleNotFoundError"}
        and _explained(error, None) is None
    )


def _led_elsewhere(error: AgentError, url: DatabaseURL) -> DatabaseError:
    if error.kind == "elsewhere":
        return DatabaseConfigurationError(
            f"{_line(error.message)}, and not to {url}: nothing was run there{_place(error)}",
            "Let it read its address from alembic.ini or from a variable, and name that with --env NAME.",
        )
    return DatabaseConfigurationError(
        f"{_line(error.message)}{_place(error)}",
        "A project of several databases is upgraded by alembic upgrade itself.",
    )


def _of_alembic(error: AgentError) -> DatabaseError:
    message, _, hint = error.message.partition(HINT)
    advice = _AHEAD if _UNKNOWN in message else _HISTORY
    configuration = error.kind == "history" or error.exit_code == DatabaseConfigurationError.exit_code
    return (DatabaseConfigurationError if configuration else DatabaseError)(
        message if hint else _line(message), hint or advice
    )


def _of_revision(
    run: AgentRun, url: DatabaseURL, current: tuple[str, ...] | None, holders: tuple[Holder, ...]
) -> DatabaseError:
    error = run.error
    assert error is not None  # noqa: S101 - it is why this run was chosen
    state = error.sqlstate or ""
    subject = f"Revision {run.revision} failed{_place(error)}"
    if explained := _explained(error, url):
        if state == LOCK_NOT_AVAILABLE and holders:
            explained = _held(explained, holders)
        return DatabaseError(f"{subject}. {explained.message}{_place_of_database(current)}", explained.hint)
    primary, _, detail = error.message.strip().partition("\n")
    name = "" if state else f"{error.type}: "
    more = f" {_line(detail)}" if detail and state in DETAILED else ""
    return DatabaseError(
        f"{subject}: {name}{_line(primary)}.{more}{_place_of_database(current)}",
        hint_for(state, run.revision) or OTHER,
    )


def _held(error: DatabaseError, holders: tuple[Holder, ...]) -> DatabaseError:
    """Return the explanation of a lock timeout with the sessions that hold the lock, and what ends them."""
    end = end_them(holders)
    hint = f"Wait for it, or end it: {end} Then run this again." if end else error.hint
    return DatabaseError(f"{error.message.removesuffix('.')}; held by {join(holders)}.", hint)


def _of_environment(error: AgentError, url: DatabaseURL) -> DatabaseError:
    if explained := _explained(error, url):
        return explained
    file = Path(error.path).name if error.path else "The project"
    kind = "it called sys.exit: " if error.kind == "exit" else f"{error.type}: "
    message = f"{file} failed{_place(error)}: {kind}{_line(error.message)}"
    if error.type in {"ModuleNotFoundError", "ImportError"}:
        return DatabaseConfigurationError(message, "Run it in the Python that has the packages: --python PATH")
    if error.sqlstate is not None:
        return DatabaseError(message, "Correct what the server has refused, then run this again.")
    return DatabaseConfigurationError(message, "Pass what it needs with --env NAME=VALUE or -x NAME=VALUE.")


def _explained(error: AgentError, url: DatabaseURL | None) -> DatabaseError | None:
    """Return the general explanation of an error of the server or of a driver; None if there is none."""
    if error.type == "CommandError":
        return None
    raised: type[Exception] = type(error.type or Exception.__name__, (Exception,), {"sqlstate": error.sqlstate})
    return explain(raised(error.message.partition("\n")[0]), url)


def _place_of_database(current: tuple[str, ...] | None) -> str:
    if current is None:
        return " Which revisions the database has could not be read."
    return f" The database is at {', '.join(current) or 'no revision'}."


def _place(error: AgentError) -> str:
    return f" ({Path(error.path).name}, line {error.line})" if error.path and error.line else ""


def _line(text: str) -> str:
    return in_one_line(text.strip().partition("\n")[0], _MOST_LETTERS).rstrip(".")
