"""Where a statement comes from: a line of a revision's file, and an operation of Alembic."""

from __future__ import annotations

import functools
import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_of_revision(revision: str) -> bool:
    """Return whether a driver's cursor was called by a revision, and not by SQLAlchemy or one of its events."""
    for frame in _frames():
        path = frame.f_code.co_filename
        if _real(path) == revision:
            return True
        if f"{os.sep}sqlalchemy{os.sep}" in path:
            return False
    return False


def line_of(path: str) -> int | None:
    """Return the line of a file that is being executed."""
    return next((frame.f_lineno for frame in _frames() if _real(frame.f_code.co_filename) == path), None)


@functools.cache
def _real(path: str) -> str:
    return os.path.realpath(path)


def operation() -> str | None:
    """Name the Alembic operation that is being invoked; None for `op.execute` and for plain connections."""
    found = None
    for frame in _frames():
        name = frame.f_code.co_filename.replace(os.sep, "/")
        if name.endswith("alembic/operations/base.py") and frame.f_code.co_name == "invoke":
            words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", type(frame.f_locals["operation"]).__name__)
            found = "_".join(words).lower().removesuffix("_op")
        elif name.endswith("alembic/operations/batch.py") and frame.f_code.co_name == "flush":
            found = frame.f_locals.get("opname", "batch_alter_table")
    return None if found in {"execute_sql", "execute"} else found


def _frames() -> Iterator[Any]:
    frame = sys._getframe(1)  # noqa: SLF001 - the stack is the only witness of the line
    while frame is not None:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]
