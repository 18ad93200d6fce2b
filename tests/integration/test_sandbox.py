"""Sandboxes on a server by URL and on an embedded one: what they create goes away, and nothing else does."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.sandbox import memory
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.sandbox.names import PREFIX, TEMPLATE_PREFIX
from adapter.outbound.migration.sandbox.places import cache_directory
from adapter.outbound.migration.sandbox.sandbox import KEPT_TEMPLATES, ServerSandbox, template_key
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from tests.conftest import Server
from tests.support import open_to_others

pytestmark = pytest.mark.one_major

PROJECT = Path(__file__).parents[2]
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


def _execute(url: str, statement: str) -> Any:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


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
        _execute(first, "CREATE TABLE t (v int)")
        sandbox.drop(first)
        assert len(_sandboxes(url)) == 1
        in_use = psycopg.connect(second)
        assert sandbox.server_version == in_use.info.server_version
    assert _databases(url) == before
    assert _execute(migrated_url, "SELECT count(*) FROM alembic_version") == (1,)
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
        _execute(made, "CREATE TABLE t AS SELECT 1 AS v")
        assert not sandbox.has_template("key")
        left_open = psycopg.connect(made)
        sandbox.save_template(made, "key")
        left_open.close()
        assert sandbox.has_template("key")
        assert not sandbox.has_template("other key")
    with ServerSandbox(url) as sandbox:
        assert sandbox.has_template("key")
        _execute(sandbox.create("key"), "DELETE FROM t")
        assert _execute(sandbox.create("key"), "SELECT v FROM t") == (1,)


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
            _execute(made, "CREATE TABLE t AS SELECT 3 AS v")
            sandbox.save_template(made, "key")
        with EmbeddedSandbox(18, tmp_path) as sandbox:
            assert _execute(sandbox.create("key"), "SELECT v FROM t") == (3,)
            assert _execute(sandbox.create(), "SHOW fsync") == ("off",)
            assert set(tmp_path.iterdir()) > before
    finally:
        embedded.stop(18, tmp_path, force=True)


def test_a_server_that_is_not_there_is_an_error() -> None:
    """An address where nothing answers gives one error of ours."""
    with pytest.raises(DatabaseError, match="refused"):
        ServerSandbox("postgresql://nobody@127.0.0.1:1/postgres")


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


@pytest.mark.parametrize("major", [18, 16])
def test_each_database_has_its_own_roles(tmp_path: Path, major: int) -> None:
    """A role belongs to the database it was made in and to its copies: one drops it, the other keeps its grants."""
    with EmbeddedSandbox(major, tmp_path) as sandbox:
        first = sandbox.create()
        sandbox.show(first)
        _execute(first, "CREATE TABLE people (id int); CREATE ROLE reader NOLOGIN; CREATE ROLE team NOLOGIN")
        _execute(
            first, "GRANT SELECT ON people TO reader; GRANT team TO reader; ALTER ROLE reader SET work_mem = '8MB'"
        )
        second = sandbox.copy(first)
        other = sandbox.create()
        granted = "SELECT relacl::text FROM pg_class WHERE relname = 'people'"

        sandbox.show(other)
        assert _execute(other, "SELECT count(*) FROM pg_roles WHERE rolname IN ('reader', 'team')") == (0,)
        _execute(other, "CREATE ROLE reader NOLOGIN")
        sandbox.show(second)
        assert "reader=r" in _execute(second, granted)[0]
        _execute(second, "REVOKE ALL ON people FROM reader; DROP ROLE reader")
        sandbox.show(first)
        assert "reader=r" in _execute(first, granted)[0]
        assert _execute(first, "SELECT pg_has_role('reader', 'team', 'member')") == (True,)
        assert _execute(first, "SELECT setconfig::text FROM pg_db_role_setting") == ("{work_mem=8MB}",)
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            _execute(first, "DROP ROLE reader")
        assert not sandbox.save_template(first, "with roles")
        _execute(first, "DROP OWNED BY reader; DROP ROLE reader; DROP ROLE team")
        assert sandbox.save_template(first, "without roles")
    with EmbeddedSandbox(major, tmp_path) as sandbox:
        database = sandbox.create("without roles")
        assert _execute(database, "SELECT count(*) FROM pg_roles WHERE rolname IN ('reader', 'team')") == (0,)


@pytest.mark.parametrize("major", [18, 16])
def test_a_copy_has_the_settings_and_privileges_of_its_source(tmp_path: Path, major: int) -> None:
    """What was set and granted on a database holds for its copies and its template, and a copy changes only itself."""
    setting = "SELECT current_setting('search_path') || current_setting('statement_timeout')"
    acl = "SELECT datacl::text FROM pg_database WHERE datname = current_database()"
    of_role = "SELECT setconfig::text FROM pg_db_role_setting WHERE setrole <> 0 AND setdatabase <> 0"

    def change(url: str, *changes: str) -> None:
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        for statement in changes:
            _execute(url, statement.replace("$db", f'"{name}"'))

    with EmbeddedSandbox(major, tmp_path) as sandbox:
        first = sandbox.create()
        change(
            first,
            'ALTER DATABASE $db SET search_path = "a b", public',
            "ALTER DATABASE $db SET statement_timeout = '5s'",
            "REVOKE CONNECT ON DATABASE $db FROM PUBLIC",
        )
        second = sandbox.copy(first)
        assert _execute(second, setting) == ('"a b", public5s',)
        assert _execute(second, acl) == _execute(first, acl)
        change(second, "ALTER DATABASE $db RESET ALL", "GRANT CONNECT ON DATABASE $db TO PUBLIC")
        assert _execute(first, setting) == ('"a b", public5s',)

        change(first, "CREATE ROLE reader NOLOGIN", "GRANT CONNECT ON DATABASE $db TO reader")
        change(first, "ALTER ROLE reader IN DATABASE $db SET work_mem = '8MB'")
        third = sandbox.copy(first)
        sandbox.show(third)
        assert "reader=c" in _execute(third, acl)[0]
        assert _execute(third, of_role) == ("{work_mem=8MB}",)
        change(third, "REVOKE CONNECT ON DATABASE $db FROM reader", "DROP ROLE reader")
        sandbox.show(first)
        assert "reader=c" in _execute(first, acl)[0]
        assert _execute(first, of_role) == ("{work_mem=8MB}",)
        change(first, "REVOKE CONNECT ON DATABASE $db FROM reader", "DROP ROLE reader")
        assert sandbox.save_template(first, "with settings")
    with EmbeddedSandbox(major, tmp_path) as sandbox:
        assert _execute(sandbox.create("with settings"), setting) == ('"a b", public5s',)


def test_roles_of_a_killed_sandbox_are_gone(tmp_path: Path) -> None:
    """The next sandbox on the server takes out what a killed one left, whatever was granted."""
    killed = """
import os, signal, sys, psycopg
from pathlib import Path
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
sandbox = EmbeddedSandbox(18, Path(sys.argv[1]))
with psycopg.connect(sandbox.create(), autocommit=True) as connection:
    connection.execute("CREATE ROLE reader NOLOGIN; GRANT CREATE ON SCHEMA public TO reader")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", killed, str(tmp_path)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=False,
    )
    with EmbeddedSandbox(18, tmp_path) as sandbox:
        database = sandbox.create()
        assert _execute(database, "SELECT count(*) FROM pg_roles WHERE rolname = 'reader'") == (0,)
    assert done.returncode == -signal.SIGKILL


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
    row = _execute(
        url, f"SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE {which}"
    )
    return str(row[0]) if row else ""


@pytest.mark.parametrize("major", [18, 16])
def test_databases_are_in_memory_and_templates_are_not(tmp_path: Path, in_memory: Path, major: int) -> None:
    """What is thrown away lies in memory; a template and its copies survive that the machine starts anew."""
    with EmbeddedSandbox(major, tmp_path / "server") as sandbox:
        made = sandbox.create()
        _execute(made, "CREATE TABLE t AS SELECT 4 AS v")
        assert _tablespace(made) == memory.NAME
        assert _tablespace(sandbox.copy(made)) == memory.NAME
        sandbox.save_template(made, "key")
        assert _tablespace(sandbox.create(), f"starts_with(datname, '{TEMPLATE_PREFIX}')") == "pg_default"
    assert list(in_memory.iterdir()) == []
    with EmbeddedSandbox(major, tmp_path / "server") as sandbox:
        again = sandbox.create("key")
        assert _execute(again, "SELECT v FROM t") == (4,)
        assert _tablespace(again) == memory.NAME


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
