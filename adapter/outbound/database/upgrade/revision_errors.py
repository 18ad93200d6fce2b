"""Explains why a revision failed: the server's message, the line of the file, and the usual advice for the SQLSTATE."""

import os.path
import traceback
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from adapter.outbound.database.upgrade.new_files import MOST_LETTERS, SHORTER
from adapter.outbound.database.upgrade.progress import Progress
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import server_message, sqlstate
from adapter.outbound.postgres.revision_hints import DETAILED, OTHER, hint_for

_OF_FOREIGN_KEYS = "ATAddForeignKeyConstraint"  # the server's function, which is the same in every message language
_OTHER_TYPE = (
    "A foreign key needs columns of comparable types: change the type of one of them first, in the models too."
)
_TOO_LONG = "22001"
_TYPES = "42804"


def describe_revision_error(error: BaseException, progress: Progress) -> DatabaseError | None:
    """Return a readable error for an error of the database, a missing package, or the Python code of a revision.

    Returns:
        The error, or None if no revision ran, or if code that the revision calls failed, which needs the traceback.
    """
    step = progress.step
    if step is None or not (
        isinstance(error, SQLAlchemyError | ImportError) or _is_raised_in(error, step.revision.path)
    ):
        return None
    state = sqlstate(error) or ""
    revision = step.info.up_revision_id if step.info.is_stamp else step.revision.revision
    line = None if step.info.is_stamp else _line(error, step.revision.path)
    if state == _TOO_LONG and line is None and len(revision or "") > MOST_LETTERS:
        return DatabaseError(
            f"The version table cannot hold the revision id {revision!r} ({server_message(error)}).", SHORTER
        )
    subject = f"Revision {revision}" if step.is_upgrade else f"The downgrade of {revision}"
    where = f" ({Path(step.revision.path).name}, line {line})" if line else ""
    fate = "What it had committed is kept" if progress.commits_itself else "It has been rolled back"
    return DatabaseError(
        f"{subject} failed{where}: {_reason(error, state)} {fate}.", _hint(error, state, str(revision))
    )


def _reason(error: BaseException, state: str) -> str:
    if isinstance(error, ImportError):
        return f"the import failed ({error})."
    if not state:
        return f"{type(error).__name__}: {server_message(error).removesuffix('.')}."
    detail = _field(error, "detail") if state in DETAILED else ""
    return f"{server_message(error)}.{f' {detail.splitlines()[0]}' if detail else ''}"


def _hint(error: BaseException, state: str, revision: str) -> str:
    if isinstance(error, ImportError):
        return "Install the package, or take the import out: a revision needs sqlalchemy and alembic only."
    if isinstance(error, NameError):
        return "Import the name at the top of the file, or correct it; then run this again."
    if not isinstance(error, SQLAlchemyError):
        return "Correct that line of the file, then run this again."
    if state == _TYPES and _field(error, "source_function") == _OF_FOREIGN_KEYS:
        return _OTHER_TYPE
    return hint_for(state, revision) or _field(error, "hint") or OTHER


def _field(error: BaseException, name: str) -> str:
    """Return a field of the server's message, such as its detail or hint, whatever the driver; empty if it has none."""
    driver: Any = getattr(error, "orig", None)
    for driver_error in (getattr(driver, "__cause__", None), driver):
        diagnosis = getattr(driver_error, "diag", None)  # psycopg has the fields here, asyncpg on the error itself
        for holder, attribute in (
            (driver_error, name),
            (driver_error, f"server_{name}"),
            (diagnosis, f"message_{name}"),
            (diagnosis, name),
        ):
            value = getattr(holder, attribute, None)
            if isinstance(value, str):
                return value
    return ""


def _is_raised_in(error: BaseException, path: str) -> bool:
    """Return whether the revision's own code raised an error, so that its line says all that a traceback would."""
    revision_path = os.path.realpath(path)
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    return isinstance(error, Exception) and any(os.path.realpath(frame.filename) == revision_path for frame in frames)


def _line(error: BaseException, path: str) -> int | None:
    """Return the line of the revision's file that failed, or None if the error came from elsewhere."""
    revision_path = os.path.realpath(path)
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next((frame.lineno for frame in frames if os.path.realpath(frame.filename) == revision_path), None)
