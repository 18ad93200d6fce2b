"""Finds the pg_dump and pg_restore of a server's major version."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError

_PACKAGED = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/opt/homebrew/opt/postgresql@{}/bin")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)[.\w]*")
_PATIENCE = 10.0  # seconds that a program may take to print its version


@dataclass(frozen=True)
class Client:
    """Programs of one version of Postgres.

    Attributes:
        folder: Where they are.
        version: What pg_dump says of itself, such as `pg_dump (PostgreSQL) 18.6`.
    """

    folder: Path
    version: str

    def program(self, name: str) -> str:
        """Return the path of a program."""
        return str(self.folder / name)


def client_of(major: int) -> Client:
    """Return the client of a major version: on PATH, where pg_config says, where packages put it, or the embedded one.

    A client of another major version is not used: an older one refuses, and a newer one writes what the server's own
    pg_restore may not read.

    Raises:
        DatabaseConfigurationError: There is none of this version.
    """
    others: dict[str, Path] = {}
    for folder in _folders(major):
        version = _version(folder / "pg_dump")
        number = _VERSION.search(version)
        if number is None or not os.access(folder / "pg_restore", os.X_OK):
            continue
        if int(number[1]) == major:
            return Client(folder, version)
        others.setdefault(version, folder)
    found = ", ".join(f"{version} in {folder}" for version, folder in others.items())
    package = embedded.PACKAGES.get(major, ("", ""))[1]
    install = f"apt-get install postgresql-client-{major}" + (f", or pip install {package}" if package else "")
    raise DatabaseConfigurationError(
        f"the server is Postgres {major}, and no pg_dump of that version is here" + (f": {found}" if found else ""),
        f"install it ({install}), or put it on PATH",
    )


def _folders(major: int) -> Iterator[Path]:
    on_path = [Path(entry) for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry]
    configured = shutil.which("pg_config")
    folders = [
        *on_path,
        *([_bindir(configured)] if configured else []),
        *(Path(each.format(major)) for each in _PACKAGED),
    ]
    with suppress(DatabaseError):  # there is no embedded Postgres of this version
        folders.append(embedded.binary("pg_dump", major).parent)
    seen = set()
    for folder in folders:
        if folder not in seen and os.access(folder / "pg_dump", os.X_OK):
            seen.add(folder)
            yield folder


def _bindir(program: str) -> Path:
    return Path(_output(program, "--bindir") or os.devnull)


def _version(program: Path) -> str:
    return _output(str(program), "--version")


def _output(*command: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip().partition("\n")[0] if run.returncode == 0 else ""
