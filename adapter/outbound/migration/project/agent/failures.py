"""Errors in a project, as data for the reports."""

from __future__ import annotations

import ast
import linecache
import os
import socket
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from .protocol import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .protocol import FailureKind


class RefusedError(Exception):
    """An error that refuses a connection to something else than Postgres, or a command about other databases."""


class ElsewhereError(Exception):
    """An error that refuses a connection which does not lead to the sandbox."""


class HistoryError(Exception):
    """An error that refuses a history; behind its first line stands a hint."""


_OURS = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - pathlib costs 10 ms
_LIBRARY = ("<", os.path.dirname(os.__file__) + os.sep, _OURS)  # noqa: PTH120
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_SCRIPTS: list[str] = []
_KINDS: dict[type[BaseException], FailureKind] = {
    SystemExit: "exit",
    RefusedError: "refused",
    ElsewhereError: "elsewhere",
    HistoryError: "history",
}


def know_scripts(folders: Iterable[str]) -> None:
    """Take the files in the folders of env.py and of the revisions for the project's, also where they are installed."""
    _SCRIPTS[:] = [os.path.realpath(folder) + os.sep for folder in folders]


def is_of_project(path: str) -> bool:
    """Return whether a file is the project's own, and not part of a library, of Python, or of this agent.

    Compiled code names a file that is not there: the source that it was made of.
    """
    if not os.path.exists(path):  # noqa: PTH110 - pathlib costs 10 ms
        return False
    forms = (path, os.path.realpath(path))
    is_installed = any(form.startswith(_LIBRARY) or any(part in form for part in _INSTALLED) for form in forms)
    return not is_installed or forms[1].startswith(tuple(_SCRIPTS))


def failure(error: BaseException, path: str | None = None) -> Failure:
    """Return the data of an error, without its traceback.

    Args:
        error: The error.
        path: Path of the revision's file, in which the line of the error is looked for; None for no file.
    """
    error = _original(error)
    kinds = (kind for error_class, kind in _KINDS.items() if isinstance(error, error_class))
    kind: FailureKind = next(kinds, "exception")
    message = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else message_of(error)
    file, line = path and os.path.realpath(path), None
    if kind == "exception" and _is_network(error):
        kind = "network"
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        if file is not None:
            line = next((frame.lineno for frame in reversed(frames) if os.path.realpath(frame.filename) == file), None)
    return Failure(
        message,
        kind,
        type(error).__name__,
        sqlstate_of(error),
        file,
        line,
        traceback="",
        exit_code=exit_code_of(error),
        raised=isinstance(error, SystemExit) or _is_raised(error),
    )


def _original(error: BaseException) -> BaseException:
    """Return the error behind the one that SQLAlchemy raises where a block is left whose connection was lost."""
    while type(error).__name__ == "PendingRollbackError" and error.__context__ is not None:
        error = error.__context__
    return error


def _is_raised(error: BaseException) -> bool:
    """Return whether the innermost line of an error is a `raise` or an `assert` in a file of the project.

    A function in C has no line: its error seems to come from the line that calls it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or not is_of_project(frames[-1].filename):
        return False
    path, line = frames[-1].filename, frames[-1].lineno or 0
    try:
        nodes = list(ast.walk(ast.parse("".join(linecache.getlines(path)))))
    except (SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, (ast.Raise, ast.Assert)) and node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in nodes
    )


def _is_network(error: BaseException) -> bool:
    """Return whether the missing network caused an error: the kernel refused a socket, or a host name is unknown."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror) or (isinstance(cause, PermissionError) and cause.filename is None):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def culprit(error: BaseException) -> Failure:
    """Return the data of an error outside a revision's function, with the innermost file of the project."""
    data = failure(error)
    if data.path is None:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if is_of_project(frame.filename):
                return replace(data, path=frame.filename, line=frame.lineno)
    return data


def exit_code_of(error: BaseException) -> int | None:
    """Return the exit code that an error or its cause asks for; None where it asks for none."""
    codes = (getattr(cause, "exit_code", None) for cause in (error.__cause__, error))
    return next((code for code in codes if isinstance(code, int)), None)


def sqlstate_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error of any driver; None when the error is not the server's."""
    cause: BaseException | None = error
    while cause is not None:
        for source in (cause, getattr(cause, "orig", None)):
            sqlstate = getattr(source, "sqlstate", None) or getattr(source, "pgcode", None)
            if sqlstate:
                return str(sqlstate)
        cause = cause.__cause__
    return None


def message_of(error: BaseException) -> str:
    """Return the server's message, without the statement that SQLAlchemy and libpq append."""
    original = getattr(error, "orig", None)
    # what SQLAlchemy raises for asyncpg has no message: the error of asyncpg itself is its cause
    for cause in (error, original, getattr(original, "__cause__", None), error.__cause__):
        diagnostics = getattr(cause, "diag", None) or cause
        primary = getattr(diagnostics, "message_primary", None) or (
            getattr(diagnostics, "message", None) if getattr(diagnostics, "sqlstate", None) else None
        )
        if primary:
            detail = getattr(diagnostics, "message_detail", None) or getattr(diagnostics, "detail", None)
            return f"{primary}\n{detail}" if detail else str(primary)
    if isinstance(error, AssertionError) and not str(error) and _is_of_autocommit_block(error):
        return (
            "autocommit_block() cannot work: env.py has begun a transaction on the connection before"
            " context.configure(), and Alembic joins it; commit before it, or connect with AUTOCOMMIT"
        )
    # the driver's own error says it without the names of classes and the statement that SQLAlchemy puts around it
    causes = (getattr(original, "__cause__", None), original, error)
    return next((text for cause in causes if cause is not None and (text := str(cause).strip())), type(error).__name__)


def _is_of_autocommit_block(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].name == "autocommit_block"
