"""Writes a new service into a folder, all of it or nothing."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from adapter.outbound.new_service.files import files_of
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.redaction import shown

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40  # letters: the database is called so, and sandboxes add to it


def write_service(folder: Path, name: str | None, root: Path) -> str:
    """Write a service; return its name.

    Args:
        folder: Where to; it must not exist, or be empty.
        name: The service's; by default that of the folder.
        root: Where this project's files are.

    Raises:
        DatabaseConfigurationError: The folder or the name cannot be used.
        DatabaseError: The files cannot be written.
    """
    folder = folder.absolute()
    chosen = name or re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")
    _check_name(chosen, root)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatabaseConfigurationError(
            f"{shown(str(folder))} exists already.", "Name a folder that does not exist, or an empty one."
        )
    try:
        files = list(files_of(root, chosen))
    except FileNotFoundError as error:
        raise DatabaseConfigurationError(
            f"A new service is made from Hexalembic's repository, of which {shown(str(error.filename))} is missing.",
            "Clone the repository, run its make migrate, then .venv/bin/migrate new-service there.",
        ) from error
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as draft_folder:
            service = Path(draft_folder, "service")
            for path, content, mode in files:
                file = service / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content, encoding="utf-8")
                file.chmod(mode)
            _format(service)
            if folder.exists():
                folder.rmdir()
            shutil.move(service, folder)
    except OSError as error:
        raise DatabaseError(
            f"{shown(str(folder))} cannot be written: {error.strerror}.", "Name a folder where this user may write."
        ) from error
    return chosen


def _format(folder: Path) -> None:
    """Format the code, because the name of the service may make a line longer or shorter."""
    subprocess.run([sys.executable, "-m", "ruff", "format", "--no-cache", "--quiet", "."], cwd=folder, check=True)


def _check_name(name: str, root: Path) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise DatabaseConfigurationError(
            f"{shown(name)!r} cannot be a service's name.",
            f"Name it with --name: lowercase letters, digits and single hyphens, at most {_LONGEST}.",
        )
    constraints = root / "constraints.txt"
    pinned = (
        re.findall(r"^([\w.-]+)==", constraints.read_text(encoding="utf-8"), re.MULTILINE)
        if constraints.is_file()
        else []
    )
    taken = {package.lower().replace("_", "-") for package in pinned} | {"hexalembic", "migrate", "python", "pip"}
    if name in taken:
        raise DatabaseConfigurationError(
            f"{name} is the name of a package or command that the service uses.", "Name it otherwise with --name."
        )
