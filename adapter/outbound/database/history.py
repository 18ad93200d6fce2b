"""Loads the revisions of a migrations directory, and names a file that cannot be loaded."""

import configparser
import sys
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapter.outbound.postgres.configuration_errors import describe_file
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.history_errors import TWICE, describe_history

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

_PLACES = ("base", "head", "heads")  # of the history, as Alembic calls them


def load_script(config: "Config") -> "ScriptDirectory":
    """Return the folder of revisions that a configuration names.

    Raises:
        DatabaseConfigurationError: The file of the configuration cannot be read.
        alembic.util.CommandError: Its settings lead to no folder.
        ValueError: A setting has a value that Alembic does not know.
    """
    from alembic.script import ScriptDirectory

    toml = Path(config.toml_file_name or "")
    try:
        _ = config.file_config  # Alembic reads it first
    except (configparser.Error, UnicodeDecodeError) as error:
        raise describe_file(error, Path(config.config_file_name or "")) from error
    try:
        return ScriptDirectory.from_config(config)
    except configparser.Error as error:
        raise describe_file(error, Path(config.config_file_name or "")) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise describe_file(error, toml) from error
    except (KeyError, TypeError) as error:  # of Alembic's `value % …`
        raise DatabaseConfigurationError(
            f"{toml.name} cannot be read: a percent sign stands alone in [tool.alembic].",
            "Write each percent sign as %%.",
        ) from error


def load_heads(script: "ScriptDirectory") -> tuple[str, ...]:
    """Return the heads of a history after loading all of its files.

    Raises:
        DatabaseConfigurationError: A file cannot be loaded, names a parent that no file has, has the id of another
            file, or one by which Alembic means a place in the history.
        alembic.util.CommandError: Alembic itself reports an error of the history.
    """
    from alembic.util import CommandError

    try:
        with _warnings_as_errors():
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


@contextmanager
def _warnings_as_errors() -> Iterator[None]:
    """Raise Alembic's warning that an id is there twice; hide the one of a missing parent, which becomes an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=TWICE)
        warnings.filterwarnings("ignore", message=r"Revision \S+ referenced from .* is not present")
        yield


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
    from alembic.util import to_tuple

    revisions = list(script._load_revisions())  # noqa: SLF001 - the public revision map cannot be built
    known = {name for revision in revisions for name in (revision.revision, *revision.branch_labels)}
    for revision in revisions:
        for verb, variable, names in (
            ("follows", "down_revision", revision.down_revision),
            ("depends on", "depends_on", revision.dependencies),
        ):
            if missing := next((name for name in to_tuple(names, default=()) if name not in known), None):
                return DatabaseConfigurationError(
                    f"{_shown(revision.path)} {verb} revision {missing}, which has no file.",
                    f"Restore the file of revision {missing}, or name in {Path(revision.path).name} as {variable} "
                    "the revision that came before.",
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
    if not path and (explained := describe_history(type(error).__name__, str(error))):
        return explained
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
