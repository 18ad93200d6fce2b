"""Sandboxes on a server: what they create goes away, and nothing else does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.sandbox.names import PREFIX, TEMPLATE_PREFIX, template_key
from adapter.outbound.migration.sandbox.places import cache_directory
from adapter.outbound.migration.sandbox.sandbox import KEPT_TEMPLATES, ServerSandbox
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from tests.conftest import Server
from tests.integration.sandbox.statements import PROJECT, execute

pytestmark = pytest.mark.one_major

WAITING = """
import sys
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
with ServerSandbox(sys.argv[1]) as sandbox:
    print(sandbox.create(), flush=True)
    sys.stdin.read()
"""
SHARING = """
import sys
import psycopg
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
with ServerSandbox(sys.argv[1]) as sandbox:
    print("ready", flush=True)
    sys.stdin.readline()
    url = sandbox.create()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE made AS SELECT 7 AS v")
    sandbox.save_template(url, "shared")
    for _ in range(3):
        with psycopg.connect(sandbox.create("shared")) as connection:
            print(connection.execute("SELECT v FROM made").fetchone()[0], flush=True)
"""


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """URL of the server's own database; no sandbox database is there before and after."""
    _drop_sandboxes(server.url("postgres"))
    yield server.url("postgres")
    _drop_sandboxes(server.url("postgres"))


def _databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {str(name) for (name,) in connection.execute("SELECT datname FROM pg_database")}


def _sandboxes(url: str) -> set[str]:
    return {name for name in _databases(url) if name.startswith(PREFIX) and not name.startswith(TEMPLATE_PREFIX)}


def _drop_sandboxes(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in _databases(url):
            if name.startswith(PREFIX):
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _process(code: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_databases_go_away_and_others_stay(url: str, migrated_url: str) -> None:
    """A closed sandbox leaves no database, even one in use; every other database is as it was."""
    before = _databases(url)
    with ServerSandbox(url) as sandbox:
        first, second = sandbox.create(), sandbox.create()
        assert first != second
        execute(first, "CREATE TABLE t (v int)")
        sandbox.drop(first)
        assert len(_sandboxes(url)) == 1
        in_use = psycopg.connect(second)
        assert sandbox.server_version == in_use.info.server_version
    assert _databases(url) == before
    assert execute(migrated_url, "SELECT count(*) FROM alembic_version") == (1,)
    in_use.close()


def test_only_its_own_databases_are_dropped(url: str) -> None:
    """A sandbox refuses to drop or keep a database that it did not create, and says which."""
    with ServerSandbox(url) as sandbox:
        with pytest.raises(DatabaseError, match="'postgres' is no database of this sandbox"):
            sandbox.drop("postgres")
        with pytest.raises(DatabaseError, match="no database of this sandbox"):
            sandbox.save_template("template1", "key")
        with pytest.raises(DatabaseError, match="does not exist"):
            sandbox.create("no such template")


def test_a_template_is_copied_by_later_sandboxes(url: str) -> None:
    """What a template holds is in each copy, copies do not change it, and it outlives the sandbox."""
    with ServerSandbox(url) as sandbox:
        made = sandbox.create()
        execute(made, "CREATE TABLE t AS SELECT 1 AS v")
        assert not sandbox.has_template("key")
        left_open = psycopg.connect(made)
        sandbox.save_template(made, "key")
        left_open.close()
        assert sandbox.has_template("key")
        assert not sandbox.has_template("other key")
    with ServerSandbox(url) as sandbox:
        assert sandbox.has_template("key")
        execute(sandbox.create("key"), "DELETE FROM t")
        assert execute(sandbox.create("key"), "SELECT v FROM t") == (1,)


def test_two_processes_share_a_template(url: str) -> None:
    """Two processes that save the same template and copy it at the same time both succeed, and leave only it."""
    processes = [_process(SHARING, url) for _ in range(2)]
    assert [_line(process) for process in processes] == ["ready", "ready"]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, errors, output.split()) == (0, "", ["7", "7", "7"])
    assert _sandboxes(url) == set()
    assert len([name for name in _databases(url) if name.startswith(TEMPLATE_PREFIX)]) == 1


def test_ctrl_c_leaves_no_database(url: str) -> None:
    """A process that is interrupted drops its databases on its way out."""
    process = _process(WAITING, url)
    assert _line(process).startswith("postgresql://")
    assert len(_sandboxes(url)) == 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert _sandboxes(url) == set()


def test_leftovers_of_a_killed_process_are_dropped(url: str) -> None:
    """The next sandbox drops what a killed process left, and not what a living one uses."""
    killed, living = _process(WAITING, url), _process(WAITING, url)
    lines = [_line(killed), _line(living)]
    assert len(_sandboxes(url)) == 2
    killed.kill()
    killed.communicate(timeout=60)
    # the server may notice the lost session a moment later
    for _ in range(100):
        ServerSandbox(url).close()
        if len(_sandboxes(url)) == 1:
            break
    assert [name for name in _sandboxes(url) if name in lines[1]] == list(_sandboxes(url))
    living.communicate("", timeout=60)
    assert _sandboxes(url) == set()


def test_old_templates_make_room(url: str) -> None:
    """The templates that were used last are kept, whenever they were saved."""
    with ServerSandbox(url) as sandbox:
        assert sandbox.newest_template() is None
        for number in range(KEPT_TEMPLATES):
            sandbox.save_template(sandbox.create(), f"key {number}", "a note")
        assert sandbox.newest_template() == f"key {KEPT_TEMPLATES - 1}"
        sandbox.create("key 0")
        assert (sandbox.newest_template(), sandbox.template_note("key 0")) == ("key 0", "a note")
        for number in range(KEPT_TEMPLATES, KEPT_TEMPLATES + 2):
            sandbox.save_template(sandbox.create(), f"key {number}")
        kept = [number for number in range(KEPT_TEMPLATES + 2) if sandbox.has_template(f"key {number}")]
    assert kept == [0, *range(3, KEPT_TEMPLATES + 2)]


def test_an_embedded_sandbox_keeps_its_templates(tmp_path: Path) -> None:
    """The embedded sandbox has a server of its own below its directory, with its templates in it."""
    before = set(tmp_path.iterdir())
    try:
        with EmbeddedSandbox(18, tmp_path) as sandbox:
            assert sandbox.server_version // 10_000 == 18
            made = sandbox.create()
            execute(made, "CREATE TABLE t AS SELECT 3 AS v")
            sandbox.save_template(made, "key")
        with EmbeddedSandbox(18, tmp_path) as sandbox:
            assert execute(sandbox.create("key"), "SELECT v FROM t") == (3,)
            assert execute(sandbox.create(), "SHOW fsync") == ("off",)
            assert set(tmp_path.iterdir()) > before
    finally:
        embedded.stop(18, tmp_path, force=True)


def test_a_server_that_is_not_there_is_an_error() -> None:
    """An address where nothing answers is called that, with the option that names it; the server is not gone."""
    with pytest.raises(DatabaseError, match="No Postgres server answers") as caught:
        ServerSandbox("postgresql://nobody@127.0.0.1:1/postgres")

    assert "correct --sandbox-url" in caught.value.hint


def test_the_key_depends_on_contents_only(tmp_path: Path) -> None:
    """The key changes with a file's content or name, the version and the extra, and not with the order of files."""
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("1")
    two.write_text("2")
    key = template_key([one, two], 180006, "x")
    assert key == template_key([two, one], 180006, "x")
    assert len({key, template_key([one], 180006, "x"), template_key([one, two], 160010, "x")}) == 3
    assert key != template_key([one, two], 180006, "y")
    two.write_text("3")
    assert key != template_key([one, two], 180006, "x")


def test_the_cache_directory_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The embedded sandboxes live in the user's cache folder, unless the environment names another."""
    monkeypatch.delenv("HEXALEMBIC_SANDBOX_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "hexalembic" / "sandbox"
    monkeypatch.setenv("HEXALEMBIC_SANDBOX_DIR", str(tmp_path / "mine"))
    assert cache_directory() == tmp_path / "mine"
