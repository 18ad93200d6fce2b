"""Checks before `alembic revision` or `alembic merge` writes a file."""

import tempfile
from pathlib import Path
from typing import Any

from alembic import context

from adapter.outbound.postgres.errors import DatabaseConfigurationError

MOST_LETTERS = 32  # of a revision id: Alembic makes alembic_version.version_num a varchar(32)
SHORTER = f"Give the revision an id of at most {MOST_LETTERS} letters, in its file and in the next one's down_revision."


def writes_file_only() -> bool:
    """Return whether the command writes a file and needs no database."""
    revision_context = _revision_context()
    return _is_of("merge") or (
        revision_context is not None and not revision_context.command_args["autogenerate"] and not _is_of("check")
    )


def refuse_long_id() -> None:
    """Refuse a new revision whose id is too long for the version table, or whose file cannot be written.

    Raises:
        DatabaseConfigurationError: The id is too long, or no version folder is writable.
    """
    if not (_is_of("merge") or _is_of("revision")):
        return
    options = context.config.cmd_opts
    revision_id = getattr(options, "rev_id", None) or ""
    if len(revision_id) > MOST_LETTERS:
        raise DatabaseConfigurationError(
            f"The version table cannot hold a revision id of {len(revision_id)} letters; it takes {MOST_LETTERS}.",
            "Choose a shorter --rev-id, or leave it out.",
        )
    folders = [Path(folder) for folder in context.script._version_locations]  # noqa: SLF001 - it is not public
    if not any(_takes_files(folder) for folder in folders):
        raise DatabaseConfigurationError(
            f"No new revision can be written to {folders[0]}: this user may not write there, or it is read only.",
            "Run it as the owner of the folder, in a checkout that can be written to, or name one with --version-path.",
        )


def _takes_files(folder: Path) -> bool:
    """Return whether a file can be created in a folder; for root the permissions do not answer that."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _revision_context() -> Any:
    return context._proxy.context_opts.get("revision_context")  # type: ignore[attr-defined]  # noqa: SLF001


def _is_of(command: str) -> bool:
    """Return whether this Alembic command runs env.py."""
    function = context._proxy.context_opts.get("fn")  # type: ignore[attr-defined]  # noqa: SLF001
    return getattr(function, "__qualname__", "").startswith(f"{command}.<locals>")
