"""What went wrong in a project, as data."""

from __future__ import annotations

import os
import socket
import traceback
from typing import Any


class RefusedError(Exception):
    """The project tried to connect to something that is not Postgres."""


class ElsewhereError(Exception):
    """A connection of the project's does not lead to the sandbox."""


_OURS = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - pathlib costs 10 ms
_LIBRARY = ("<", os.path.dirname(os.__file__) + os.sep, _OURS)  # noqa: PTH120
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_KINDS: dict[type[BaseException], str] = {SystemExit: "exit", RefusedError: "refused", ElsewhereError: "elsewhere"}


def is_of_project(path: str) -> bool:
    """Return whether a file is the project's own: neither a library's, nor Python's, nor ours."""
    return not any(
        form.startswith(_LIBRARY) or any(part in form for part in _INSTALLED) for form in (path, os.path.realpath(path))
    )


def failure(error: BaseException, path: str | None = None) -> dict[str, Any]:
    """Describe an error; `path` is the revision's file, whose line is looked for."""
    kind = next((name for error_class, name in _KINDS.items() if isinstance(error, error_class)), "exception")
    message = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else message_of(error)
    place, line = path and os.path.realpath(path), None
    if kind == "exception" and _is_network(error):
        kind = "network"
    if isinstance(error, SyntaxError):
        place, line = error.filename, error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        if place is not None:
            line = next((one.lineno for one in reversed(frames) if os.path.realpath(one.filename) == place), None)
    return {
        "error": message,
        "kind": kind,
        "type": type(error).__name__,
        "sqlstate": sqlstate_of(error),
        "path": place,
        "line": line,
    }


def _is_network(error: BaseException) -> bool:
    """Return whether an error came of a network that is not there: the kernel refused a socket, or no name is found."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, socket.gaierror) or (isinstance(seen, PermissionError) and seen.filename is None):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def culprit(error: BaseException) -> dict[str, Any]:
    """Describe what went wrong outside a revision's function, with the last file of the project it came through."""
    described = failure(error)
    if described["path"] is None:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if is_of_project(frame.filename):
                described["path"], described["line"] = frame.filename, frame.lineno
                break
    return described


def sqlstate_of(error: BaseException) -> str | None:
    """Return the server's code, whatever driver raised it; None where it was not the server."""
    for one in (error, getattr(error, "orig", None), error.__cause__):
        found = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        if found:
            return str(found)
    return None


def message_of(error: BaseException) -> str:
    """Return what the server said, without the statement that SQLAlchemy and libpq append."""
    for one in (error, getattr(error, "orig", None), error.__cause__):
        said = getattr(one, "diag", None) or one
        primary = getattr(said, "message_primary", None) or (
            getattr(said, "message", None) if getattr(said, "sqlstate", None) else None
        )
        if primary:
            detail = getattr(said, "message_detail", None) or getattr(said, "detail", None)
            return f"{primary}\n{detail}" if detail else str(primary)
    if isinstance(error, AssertionError) and not str(error) and _is_of_autocommit_block(error):
        return (
            "autocommit_block() cannot work: env.py has begun a transaction on the connection before"
            " context.configure(), and Alembic takes part in that; commit before it, or connect with AUTOCOMMIT"
        )
    return str(error).strip() or type(error).__name__


def _is_of_autocommit_block(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].name == "autocommit_block"
