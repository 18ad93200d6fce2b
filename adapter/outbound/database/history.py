"""Loads the revisions of a migrations directory, and names a file that cannot be loaded."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapter.outbound.postgres.errors import DatabaseConfigurationError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

_PLACES = ("base", "head", "heads")  # of the history, as Alembic calls them


def load_heads(script: "ScriptDirectory") -> tuple[str, ...]:
    """Return the heads of a history after loading all of its files.

    Raises:
        DatabaseConfigurationError: A file cannot be loaded, names a parent that no file has, or has an id by which
            Alembic means a place in the history.
        alembic.util.CommandError: Alembic itself reports an error of the history.
    """
    from alembic.util import CommandError

    try:
        heads = tuple(script.get_heads())
    except CommandError:
        raise
    except KeyError as error:
        raise (_missing_parent(script) or _unloadable(error)) from error
    except Exception as error:
        raise _unloadable(error) from error
    _refuse_names_of_places(script)
    return heads


def is_known(script: "ScriptDirectory", revision: str) -> bool:
    """Return whether a history has a revision."""
    from alembic.util import CommandError

    try:
        return script.get_revision(revision) is not None
    except CommandError:
        return False


def _refuse_names_of_places(script: "ScriptDirectory") -> None:
    scripts: Mapping[Any, Any] = script.revision_map._revision_map  # noqa: SLF001 - Alembic itself looks for the places
    for name in _PLACES:
        revision = scripts.get(name)
        if revision is not None and revision.revision == name:
            raise DatabaseConfigurationError(
                f"The id of the revision in {Path(revision.path).name} is {name!r}, which Alembic takes for a place in "
                "the history.",
                "Give the revision another id, in its file and in the next one's down_revision.",
            )


def _missing_parent(script: "ScriptDirectory") -> DatabaseConfigurationError | None:
    revisions = list(script._load_revisions())  # noqa: SLF001 - the public revision map cannot be built
    revision_ids = {revision.revision for revision in revisions}
    for revision in revisions:
        parents = revision._versioned_down_revisions  # noqa: SLF001 - the public attribute is a name, a tuple or None
        if missing := next((parent for parent in parents if parent not in revision_ids), None):
            return DatabaseConfigurationError(
                f"{_shown(revision.path)} follows revision {missing}, which has no file.",
                f"Restore the file of revision {missing}, or name in {Path(revision.path).name} as down_revision "
                f"the revision that came before.",
            )
    return None


def _unloadable(error: Exception) -> DatabaseConfigurationError:
    """Return an error that explains why a file cannot be loaded, with the line of the file that raised it."""
    path, line = _place(error)
    where = f"{_shown(path)}, line {line}" if path else "A revision"
    if isinstance(error, SyntaxError):
        return DatabaseConfigurationError(
            f"{_shown(error.filename or path)}, line {error.lineno}: Python cannot read the file ({error.msg}).",
            f"Correct the line, then check it: {Path(sys.executable).name} -m py_compile {_shown(path)}",
        )
    if isinstance(error, ImportError):
        return DatabaseConfigurationError(
            f"{where}: the import failed ({error}).",
            "Install the package, or take the import out: a revision needs sqlalchemy and alembic only.",
        )
    return DatabaseConfigurationError(
        f"{where}: the file cannot be loaded ({type(error).__name__}: {error}).", "Correct that line of the file."
    )


def _place(error: Exception) -> tuple[str, int | None]:
    """Return the file that Alembic was loading, and the line in it that raised the error; empty and None if unknown."""
    from alembic.util import pyfiles

    path, line = "", None
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code is pyfiles.load_module_py.__code__:
            path = str(frame.f_locals["path"])
        elif path and frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return path, line


def _shown(path: str) -> str:
    """Return a path, relative to the current folder if it is inside."""
    file = Path(path)
    current_folder = Path.cwd()
    return str(file.relative_to(current_folder) if file.is_relative_to(current_folder) else file)
