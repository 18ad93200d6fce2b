"""Ctrl-C in the middle of `migrate verify` and `migrate analyze`: nothing stays behind, and proofs go on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.database import embedded
from adapter.outbound.database.migration.sandbox import PREFIX, TEMPLATE_PREFIX
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

SECONDS = 60


@pytest.fixture
def project(history: History) -> Path:
    """A project whose second revision takes long; gives its configuration."""
    history.add("r1", None, 'op.execute("CREATE TABLE people (id int PRIMARY KEY)")', 'op.drop_table("people")')
    history.add("r2", "r1", 'op.execute("SELECT pg_sleep(40)")', "pass")
    return history.plain_ini()


@pytest.mark.parametrize("sandbox", ["of a server", "embedded"])
@pytest.mark.parametrize("command", ["verify", "analyze"])
def test_ctrl_c(
    project: Path, history: History, server: Server, sandbox_url: str, tmp_path: Path, command: str, sandbox: str
) -> None:
    """The process, its children, its databases and its temporary files are gone at once; what was proved is kept."""
    folder, temporary = tmp_path / "sandbox", tmp_path / "temporary"
    temporary.mkdir()
    where = ["--pg", str(server.major)] if sandbox == "embedded" else ["--sandbox-url", sandbox_url]
    certificates = project.parent / "certificates.json"
    if command == "verify":
        where += ["--certificates", str(certificates)]
    arguments = [sys.executable, "-m", "adapter.inbound.cli.migrate", command, "base:heads", "-c", str(project), *where]
    environment = process_environment(TMPDIR=str(temporary), HEXALEMBIC_SANDBOX_DIR=str(folder))
    process = subprocess.Popen(
        arguments,
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # as a shell does
    )
    try:
        url = sandbox_url
        if sandbox == "embedded":
            _until(lambda: embedded.status(server.major, folder).running)
            url = embedded.status(server.major, folder).server.url("postgres")
        _until(lambda: _sleeps(url))
        children = _descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS / 2)
        assert (process.returncode, errors) == (130, "interrupted\n")
        assert children
        _until(lambda: not [child for child in children if Path(f"/proc/{child}").exists()])
        assert _databases(url) == []
        assert list(temporary.iterdir()) == []
        if command == "verify":
            history.add("r2", "r1", 'op.execute("SELECT 1")')
            result = subprocess.run(
                [*arguments, "--format", "json"], cwd=PROJECT_ROOT, env=environment, capture_output=True, check=False
            )
            report = json.loads(result.stdout)
            assert [each["revision"] for each in report["revisions"]] == ["r2"]
            assert report["certified"] == ["r1"]
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        embedded.stop(server.major, folder, force=True)


def _until(holds: Callable[[], bool]) -> None:
    """Wait for something that happens in a moment."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def _sleeps(url: str) -> bool:
    """Tell whether the long revision runs."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(40)%' AND state = 'active'"
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone() != (0,)


def _databases(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        names = [name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]
    return [name for name in names if name.startswith(PREFIX) and not name.startswith(TEMPLATE_PREFIX)]


def _descendants(pid: int) -> list[int]:
    children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    return [one for child in children for one in (child, *_descendants(child))]
