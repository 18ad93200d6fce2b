"""Writes commands so that the reader's shell finds them: with their path if they are not on PATH."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_OPTION = r"-\w|--[a-z]"
_WORD = "upgrade|downgrade|current|history|heads|revision|check|merge|stamp"
_MIGRATE = (
    "status|up|plan|preflight|deploy|history|backup|restore|analyze|verify|db|stats|record|locks|rules|new-service"
)
_ALEMBIC = re.compile(rf"(?<![\w./-])alembic(?= (?:{_WORD})\b)")
# Commands with one of their words behind them; a sentence about `alembic` is left alone.
_CALL = re.compile(
    r"(?<![\w./-])(?:"
    rf"alembic(?= (?:{_WORD}|{_OPTION}))"
    rf"|migrate(?= (?:{_MIGRATE}|{_OPTION}))"
    rf"|backend(?= (?:demo|search|ingest|document|user|product|order|{_OPTION})))"
)


def reachable(text: str, options: Sequence[str] = ()) -> str:
    """Return a text whose commands can be run as they stand there, from this folder.

    Args:
        text: The text.
        options: What each call of `alembic` in it needs that has no option yet, such as `-c` with a file.
    """
    if options:
        text = _ALEMBIC.sub(" ".join(["alembic", *options]).replace("\\", r"\\"), text)
    return _CALL.sub(lambda found: _path(found[0]), text)


def _path(name: str) -> str:
    program = Path(sys.executable).parent / name
    if shutil.which(name) is not None or not program.exists():
        return name
    relative = os.path.relpath(program)
    return str(program) if relative.startswith("..") else relative
