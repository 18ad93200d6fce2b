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

# The usual advice for a revision, by SQLSTATE (PostgreSQL manual, appendix A).
_HINTS = {
    "22001": "The text is longer than the column: widen the column, or shorten the text first.",
    "22003": "A number does not fit in its type: use a larger type, or correct the rows first.",
    "22P02": "A value cannot be read as the new type: correct those rows in an earlier revision.",
    "23502": "Rows have no value there: add the column nullable or with a server_default, fill it, SET NOT NULL.",
    "23503": "A row refers to a row that is not there: delete or correct such rows in an earlier revision.",
    "23505": "Rows have the same value twice: merge or correct them in an earlier revision.",
    "23514": "Rows break the condition: correct them in an earlier revision, or add it NOT VALID and validate later.",
    "23P01": "Rows exclude each other: correct them in an earlier revision.",
    "25001": "This statement needs no transaction around it: with op.get_context().autocommit_block():",
    "2BP01": "Drop what depends on it first, in this revision.",
    "34000": "Such a cursor ended with its transaction: read the rows at once.",
    "42601": "Correct the statement.",
    "42701": "The column exists already, made by hand or by a run that was not stamped. Compare: alembic check",
    "42703": "There is no such column: check the name, and whether an earlier revision adds it.",
    "42704": "It does not exist: check the name, and whether an earlier revision creates it.",
    "42710": "It exists already, made by hand or by a run that was not stamped. Compare: alembic check",
    "42804": "Postgres cannot convert between the types by itself: say how, with postgresql_using.",
    "42830": "The column that is referred to needs a unique constraint first.",
    "42883": "There is no such function or operator for these types: cast them, or create it before.",
    "42P01": "There is no such table: check the name and the schema, and whether an earlier revision creates it.",
    "42P06": "The schema exists already, made by hand or by a run that was not stamped.",
    "42P07": "It exists already, made by hand or by a run that was not stamped. Compare: alembic check; if all of the "
    "revision is there: alembic stamp {revision}",
    "42P16": "Postgres cannot define the table like that: compare it with the existing objects.",
    "55000": "The object is not in a state that allows this; see the server's message.",
    "55006": "Another session uses it: end that session first.",
    "55P04": "A new value of an enum can be used after it is committed: add it in a revision of its own.",
}
_OTHER = "Correct the revision, or the rows that it meets, then run this again."
# The detail of these names a key or an object; the detail of others shows whole rows.
_DETAILED = {"23503", "23505", "23P01", "2BP01", "42804"}
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
    detail = _field(error, "detail") if state in _DETAILED else ""
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
    return _HINTS.get(state, "").format(revision=revision) or _field(error, "hint") or _OTHER


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
