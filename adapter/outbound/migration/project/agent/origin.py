"""The origin of a statement: a line of a revision's file, and an operation of Alembic."""

from __future__ import annotations

import functools
import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_of_revision(revision: str) -> bool:
    """Return whether a driver's cursor was called by a revision, and not by SQLAlchemy or one of its events.

    Args:
        revision: Real path of the revision's file.
    """
    for frame in _frames():
        path = frame.f_code.co_filename
        if _real_path(path) == revision:
            return True
        if f"{os.sep}sqlalchemy{os.sep}" in path:
            return False
    return False


def line_of(path: str) -> int | None:
    """Return the line of a file that is being executed; None when the file is not on the stack.

    Args:
        path: Real path of the file.
    """
    return next((frame.f_lineno for frame in _frames() if _real_path(frame.f_code.co_filename) == path), None)


@functools.cache
def _real_path(path: str) -> str:
    return os.path.realpath(path)


def operation() -> str | None:
    """Return the name of the Alembic operation that is being invoked; None for `op.execute` and plain connections."""
    name = None
    for frame in _frames():
        path = frame.f_code.co_filename.replace(os.sep, "/")
        if path.endswith("alembic/operations/base.py") and frame.f_code.co_name == "invoke":
            words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", type(frame.f_locals["operation"]).__name__)
            name = "_".join(words).lower().removesuffix("_op")
        elif path.endswith("alembic/operations/batch.py") and frame.f_code.co_name == "flush":
            name = frame.f_locals.get("opname", "batch_alter_table")
    return None if name in {"execute_sql", "execute"} else name


def _frames() -> Iterator[Any]:
    frame = sys._getframe(1)  # noqa: SLF001 - only the stack has the line
    while frame is not None:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]
