"""Names commands so that the reader's shell finds them: with their path where PATH does not lead to them."""

import os
import re
import shutil
import sys
from pathlib import Path

_OPTION = r"-\w|--[a-z]"
# Commands with one of their words behind them; a sentence about `alembic` is left alone.
_CALL = re.compile(
    r"(?<![\w./-])(?:"
    rf"alembic(?= (?:upgrade|downgrade|current|history|heads|revision|check|merge|stamp|{_OPTION}))"
    rf"|migrate(?= (?:status|up|analyze|verify|db|stats|record|locks|rules|new-service|{_OPTION}))"
    rf"|backend(?= (?:demo|search|ingest|document|user|product|order|{_OPTION})))"
)


def reachable(text: str) -> str:
    """Return a text whose commands can be run as they stand there, from this folder."""
    return _CALL.sub(lambda found: _path(found[0]), text)


def _path(name: str) -> str:
    beside = Path(sys.executable).parent / name
    if shutil.which(name) is not None or not beside.exists():
        return name
    shown = os.path.relpath(beside)
    return str(beside) if shown.startswith("..") else shown
