"""Finds the configuration file and the interpreter of a project."""

import shutil
import sys
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import shown

_FILE = "alembic.ini"


def configuration_file(config: Path | None, own: Path) -> Path:
    """Return the configuration file of a project: the named one, that of the current folder, or Hexalembic's own.

    Args:
        config: The file that the user has named; None for none.
        own: The folder of Hexalembic, whose file is taken inside of it.

    Raises:
        DatabaseConfigurationError: There is no such file.
    """
    if config is None:
        local_file = Path(_FILE)
        if local_file.is_file():
            return local_file.resolve()
        if Path.cwd().is_relative_to(own):
            return own / _FILE
        raise DatabaseConfigurationError(
            f"there is no alembic.ini in {shown(Path.cwd())}",
            f"name the project's with -c; that of Hexalembic is {own / _FILE}",
        )
    if not config.is_file():
        raise DatabaseConfigurationError(f"there is no file {shown(config)}", f"name the project's {_FILE} with -c")
    return config.resolve()


def interpreter(python: Path | None) -> str:
    """Return the path of the project's Python: the named one, or this one.

    Raises:
        DatabaseConfigurationError: There is no such program.
    """
    path = str(python or sys.executable)
    if shutil.which(path) is None:
        raise DatabaseConfigurationError(f"there is no Python {shown(path)}", "name the project's own with --python")
    return path
