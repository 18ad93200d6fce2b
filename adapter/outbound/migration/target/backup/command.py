"""Runs the user's own snapshot script as a backup, and keeps what it printed."""

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from adapter.outbound.migration.target.backup.programs import started
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.redaction import HIDDEN, redact, shown
from domain.migration.deployment.backup import Manifest

_MOST_LETTERS = 20_000  # of its output, from the end


def arguments(command: str) -> tuple[str, ...]:
    """Return a command's program and arguments, split as a shell splits them, which expands nothing.

    Raises:
        DatabaseConfigurationError: A quotation has no end.
    """
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise DatabaseConfigurationError(
            f"the backup command cannot be read: {error}", "close the quotation: --command \"snapshot.sh 'my disk'\""
        ) from None


def run_command(
    command: Sequence[str], connection: psycopg.Connection[Any], folder: Path, manifest: Manifest
) -> Manifest:
    """Run a command without a shell, and return the manifest with its output.

    The command gets the database in `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE` and `PGPASSWORD`, and in
    `HEXALEMBIC_BACKUP_FOLDER` a folder whose files become part of the backup.

    Raises:
        DatabaseConfigurationError: There is no such program.
        DatabaseError: It exits with something else than 0.
    """
    info = connection.info
    environment = {
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGUSER": info.user,
        "PGDATABASE": info.dbname,
        "HEXALEMBIC_BACKUP_FOLDER": str(folder),
        **({"PGPASSWORD": info.password} if info.password else {}),
    }
    try:
        with started(command, environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            output = "".join(process.stdout or ())
            code = process.wait()
    except (FileNotFoundError, PermissionError) as error:
        raise DatabaseConfigurationError(
            f"the backup command {shown(command[0])} cannot be run: {error.strerror}",
            "name a program that exists and may be run; a shell does not read the command",
        ) from error
    printed = _without_secrets(output[-_MOST_LETTERS:], info.password)
    if code:
        last = next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "it printed nothing")
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise DatabaseError(
            f"the backup command failed with {ended}: {last}", "mend it, then run this again: nothing else was done"
        )
    return replace(manifest, output=printed)


def _without_secrets(output: str, password: str) -> str:
    return redact(output.replace(password, HIDDEN) if password else output)
