"""The database that a user names for another project."""

import os
import shlex
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import shown


def named_url(config: Path, url: str | None, command: str) -> str:
    """Return the URL of the database: that of the call, or `DATABASE_URL`.

    Args:
        config: The configuration file of the project, for the hint.
        url: The URL of the call; None for none.
        command: The command, for the hint.

    Raises:
        DatabaseConfigurationError: There is neither.
    """
    named = url or os.environ.get("DATABASE_URL", "").strip()
    if not named:
        file = shlex.quote(shown(_relative(config)))
        raise DatabaseConfigurationError(
            "no database is named, and the one that env.py of another project connects to is not known here",
            f"name it: {command} -c {file} --url postgresql://user@host/database, or set DATABASE_URL",
        )
    return named


def _relative(path: Path) -> Path:
    """Return a path from the current folder, if it is inside."""
    folder = Path.cwd()
    return path.relative_to(folder) if path.is_relative_to(folder) else path
