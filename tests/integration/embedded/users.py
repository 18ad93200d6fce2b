"""Processes that use the embedded server."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.postgres import embedded
from tests.support import wait_until

PROJECT = Path(__file__).parents[3]
SETTINGS = {"fsync": "off"}
USER = """
import sys
from pathlib import Path
from adapter.outbound.postgres import embedded
server = embedded.start(int(sys.argv[1]), Path(sys.argv[2]), settings={"fsync": "off"})
print(server.url(), flush=True)
sys.stdin.read()
"""
both_majors = pytest.mark.parametrize("major", [18, 16])


@contextmanager
def emptied(path: Path) -> Iterator[Path]:
    """Yield a root; stop everything in it afterwards, and delete it."""
    path.chmod(0o755)
    try:
        yield path
    finally:
        for directory in {path, *(each.parent for each in path.rglob("*.lease"))}:
            for major in embedded.PACKAGES:
                embedded.stop(major, directory, force=True)
        wait_until(lambda: not processes(path))
        shutil.rmtree(path)


_SUPERVISOR = " -m adapter.outbound.postgres.embedded.supervisor "


def processes(root: Path) -> list[tuple[int, str]]:
    """List the live processes of a root: postmasters and supervisors, but no users."""
    lines = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,stat=,args="],  # noqa: S607 - where ps is differs
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    rows = [line.split(maxsplit=2) for line in lines if str(root) in line]
    return [
        (int(row[0]), row[2])
        for row in rows
        if "Z" not in row[1] and ("/postgres -D" in row[2] or _SUPERVISOR in row[2])
    ]


def run(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Execute statements, and return the rows of the last one."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
