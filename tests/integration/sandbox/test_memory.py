"""Sandboxes whose databases are in memory."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapter.outbound.migration.sandbox import memory
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.sandbox.names import TEMPLATE_PREFIX
from adapter.outbound.postgres import embedded
from tests.integration.sandbox.statements import PROJECT, execute
from tests.support import open_to_others

pytestmark = pytest.mark.one_major


@pytest.fixture
def in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a sandbox below `tmp_path` takes for memory with room."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setenv("HEXALEMBIC_SANDBOX_MEMORY", str(folder))
    monkeypatch.setattr(memory, "_is_on", lambda *_: False)
    monkeypatch.setattr(memory, "ROOM", 0)
    open_to_others(tmp_path)
    yield folder
    for major in embedded.PACKAGES:
        embedded.stop(major, tmp_path / "server", force=True)


def _tablespace(url: str, which: str = "datname = current_database()") -> str:
    row = execute(url, f"SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE {which}")
    return str(row[0]) if row else ""


@pytest.mark.parametrize("major", [18, 16])
def test_databases_are_in_memory_and_templates_are_not(tmp_path: Path, in_memory: Path, major: int) -> None:
    """What is thrown away lies in memory; a template and its copies survive that the machine starts anew."""
    with EmbeddedSandbox(major, tmp_path / "server") as sandbox:
        made = sandbox.create()
        execute(made, "CREATE TABLE t AS SELECT 4 AS v")
        assert _tablespace(made) == memory.NAME
        assert _tablespace(sandbox.copy(made)) == memory.NAME
        sandbox.save_copy(made, "another key")
        assert sandbox.has_template("another key")
        assert _tablespace(made) == memory.NAME
        sandbox.save_template(made, "key")
        templates = f"starts_with(datname, '{TEMPLATE_PREFIX}') ORDER BY dattablespace <> 1663 DESC"
        assert _tablespace(sandbox.create(), templates) == "pg_default"
    assert list(in_memory.iterdir()) == []
    with EmbeddedSandbox(major, tmp_path / "server") as sandbox:
        assert execute(sandbox.create("another key"), "SELECT v FROM t") == (4,)
        again = sandbox.create("key")
        assert execute(again, "SELECT v FROM t") == (4,)
        assert _tablespace(again) == memory.NAME


@pytest.mark.few(1)
@pytest.mark.parametrize("gone", ["files", "data", "nothing"])
def test_what_a_killed_sandbox_left_in_memory(tmp_path: Path, in_memory: Path, gone: str) -> None:
    """After a kill, a restart of the machine, or the deletion of the server's data, the next one begins anew there."""
    code = "import os; from adapter.outbound.migration.sandbox import memory; memory.ROOM = 0\n"
    code += "memory._is_on = lambda *_: False\n"
    code += "from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox\n"
    code += "from pathlib import Path\n"
    code += (
        f"sandbox = EmbeddedSandbox(18, Path({str(tmp_path / 'server')!r}))\nsandbox.create()\nos.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False)
    (place,) = in_memory.iterdir()
    if gone == "files":  # the power failed: the server has to recover without them
        (postmaster,) = (tmp_path / "server").glob("*/postmaster.pid")
        os.kill(int(postmaster.read_text().split()[0]), signal.SIGKILL)
        shutil.rmtree(place)
    embedded.stop(18, tmp_path / "server", force=True)
    if gone == "data":
        (tmp_path / "server").rename(tmp_path / "elsewhere")
        shutil.rmtree(tmp_path / "elsewhere")
    where = tmp_path / ("other" if gone == "data" else "server")
    with EmbeddedSandbox(18, where) as sandbox:
        assert _tablespace(sandbox.create()) == memory.NAME
        assert len(list(in_memory.iterdir())) == 1
        assert (place in in_memory.iterdir()) == (gone != "data")
    assert list(in_memory.iterdir()) == []
    embedded.stop(18, where, force=True)


def test_sandboxes_side_by_side_share_the_memory(tmp_path: Path, in_memory: Path) -> None:
    """Several that come and go at once all work there; the last one gives it back."""

    def use(_number: int) -> set[str]:
        with EmbeddedSandbox(18, tmp_path / "server") as sandbox:
            return {_tablespace(sandbox.create()) for _ in range(3)}

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(use, range(12)))
    assert found == [{memory.NAME}] * 12
    assert list(in_memory.iterdir()) == []


@pytest.mark.few(1)
@pytest.mark.parametrize("trouble", ["no room", "none wanted", "somebody else's"])
def test_without_memory_the_disk_is_used(
    tmp_path: Path, in_memory: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """A sandbox works without memory: there is none left, it is switched off, or the folder in it is not its own."""
    if trouble == "no room":
        monkeypatch.setattr(memory, "ROOM", 2**60)
    elif trouble == "none wanted":
        monkeypatch.setenv("HEXALEMBIC_SANDBOX_MEMORY", "")
    else:
        with EmbeddedSandbox(18, tmp_path / "server"):
            (place,) = in_memory.iterdir()
        place.mkdir(mode=0o755)
    with EmbeddedSandbox(18, tmp_path / "server") as sandbox:
        made = sandbox.create()
        assert _tablespace(made) == "pg_default"
        assert sandbox.save_template(made, "key")
