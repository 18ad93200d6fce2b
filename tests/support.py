"""What tests of several folders share."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from alembic.config import Config

PROJECT_ROOT = Path(__file__).resolve().parents[1]


def alembic_config(url: str) -> Config:
    """Return the project's Alembic configuration for one database, silent."""
    config = Config(PROJECT_ROOT / "alembic.ini", stdout=io.StringIO())
    config.attributes["url"] = url
    config.attributes["configure_logger"] = False
    return config


def run(*command: str, url: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m <command>` as a user would, and give its output and exit code."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT,
        env=process_environment(url, **environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until a condition holds; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def process_environment(url: str | None = None, **environment: str) -> dict[str, str]:
    """Return the environment of a child process that uses one database."""
    given = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **environment}
    if url is not None:
        given["DATABASE_URL"] = url
    return given


def open_to_others(folder: Path) -> None:
    """Let the user that a server runs as read a test's folder; what is open above it, such as /tmp, stays as it is."""
    for each in (folder, *folder.parents[:2]):
        mode = each.stat().st_mode
        if mode & 0o005 != 0o005:
            each.chmod(mode | 0o055)


def value(connection: psycopg.Connection[Any], query: str) -> Any:
    """Return the first value of a query."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
