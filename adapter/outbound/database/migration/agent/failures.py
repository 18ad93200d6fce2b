"""What went wrong in a project, as data."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any


class RefusedError(Exception):
    """The project tried to connect to something that is not Postgres."""


def failure(error: BaseException, path: str | None = None) -> dict[str, Any]:
    """Describe an error; `path` is the revision's file, whose line is looked for."""
    kind = "exit" if isinstance(error, SystemExit) else "refused" if isinstance(error, RefusedError) else "exception"
    message = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else message_of(error)
    place, line = path and os.path.realpath(path), None
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


def culprit(error: BaseException) -> dict[str, Any]:
    """Describe what went wrong outside a revision's function, with the last file of the project it came through."""
    described = failure(error)
    if described["path"] is None:
        library = (sys.prefix, sys.base_prefix, "<", os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if not os.path.realpath(frame.filename).startswith(library) and not frame.filename.startswith(library):
                described["path"], described["line"] = frame.filename, frame.lineno
                break
    return described


def sqlstate_of(error: BaseException) -> str | None:
    """Give the server's code, whatever driver raised it; None where it was not the server."""
    for one in (error, getattr(error, "orig", None), error.__cause__):
        found = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        if found:
            return str(found)
    return None


def message_of(error: BaseException) -> str:
    """Give what the server said, without the statement that SQLAlchemy and libpq append."""
    for one in (error, getattr(error, "orig", None), error.__cause__):
        said = getattr(one, "diag", None) or one
        primary = getattr(said, "message_primary", None) or (
            getattr(said, "message", None) if getattr(said, "sqlstate", None) else None
        )
        if primary:
            detail = getattr(said, "message_detail", None) or getattr(said, "detail", None)
            return f"{primary}\n{detail}" if detail else str(primary)
    return str(error).strip() or type(error).__name__
