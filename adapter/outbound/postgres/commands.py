"""Writes commands so that the reader's shell finds them: with their path if they are not on PATH."""

import os
import re
import shutil
import sys
from pathlib import Path

_OPTION = r"-\w|--[a-z]"
# A command followed by one of its subcommands or options; a sentence about `alembic` does not match.
_CALL = re.compile(
    r"(?<![\w./-])(?:"
    rf"alembic(?= (?:upgrade|downgrade|current|history|heads|revision|check|merge|stamp|{_OPTION}))"
    rf"|migrate(?= (?:status|up|analyze|verify|db|stats|record|locks|rules|new-service|{_OPTION}))"
    rf"|backend(?= (?:demo|search|ingest|document|user|product|order|{_OPTION})))"
)


def reachable(text: str) -> str:
    """Return a text whose commands can be run as written from the current folder."""
    return _CALL.sub(lambda match: _path(match[0]), text)


def _path(name: str) -> str:
    program = Path(sys.executable).parent / name
    if shutil.which(name) is not None or not program.exists():
        return name
    relative = os.path.relpath(program)
    return str(program) if relative.startswith("..") else relative
