"""Loads the revisions of a migrations directory; a file that cannot be loaded is named."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.outbound.postgres.errors import DatabaseConfigurationError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


def load_heads(script: "ScriptDirectory") -> tuple[str, ...]:
    """Return the heads of a history, all of whose files have been loaded.

    Raises:
        DatabaseConfigurationError: A file has a fault, or names a parent that no file is.
        alembic.util.CommandError: Alembic itself says what is wrong with the history.
    """
    from alembic.util import CommandError

    try:
        return tuple(script.get_heads())
    except CommandError:
        raise
    except KeyError as error:
        raise (_missing_parent(script) or _unloadable(error)) from error
    except Exception as error:
        raise _unloadable(error) from error


def _missing_parent(script: "ScriptDirectory") -> DatabaseConfigurationError | None:
    revisions = list(script._load_revisions())  # noqa: SLF001 - the map that has a public name cannot be made
    known = {revision.revision for revision in revisions}
    for revision in revisions:
        parents = revision._versioned_down_revisions  # noqa: SLF001 - the public form is one name, several or none
        if missing := next((one for one in parents if one not in known), None):
            return DatabaseConfigurationError(
                f"{_shown(revision.path)} follows revision {missing}, which no file is.",
                f"Bring back the file of revision {missing}, or name in {Path(revision.path).name} as down_revision "
                f"the revision that came before.",
            )
    return None


def _unloadable(error: Exception) -> DatabaseConfigurationError:
    """Describe why a file cannot be loaded; the place is where the error was raised, in the file or below it."""
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
    """Return which file Alembic loaded, and the line of it that the error came through."""
    from alembic.util import pyfiles

    path, line = "", None
    step = error.__traceback__
    while step is not None:
        frame = step.tb_frame
        if frame.f_code is pyfiles.load_module_py.__code__:
            path = str(frame.f_locals["path"])
        elif path and frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    return path, line


def _shown(path: str) -> str:
    """Return a path relative to the current folder, where it is inside."""
    file = Path(path)
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)
