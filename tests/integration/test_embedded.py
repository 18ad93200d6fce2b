"""The embedded Postgres under real processes that come, go and are killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError

pytestmark = pytest.mark.one_major

PROJECT = Path(__file__).parents[2]
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


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let supervisors wait 0.3 seconds instead of 5."""
    monkeypatch.setenv("HEXALEMBIC_POSTGRES_LINGER", "0.3")


@pytest.fixture
def root() -> Iterator[Path]:
    """Return an empty root with a short path; nothing runs there afterwards."""
    with _emptied(Path(tempfile.mkdtemp(prefix="hx-", dir="/tmp")).resolve()) as path:
        yield path


@contextmanager
def _emptied(path: Path) -> Iterator[Path]:
    path.chmod(0o755)
    try:
        yield path
    finally:
        for directory in {path, *(each.parent for each in path.rglob("*.lease"))}:
            for major in embedded.PACKAGES:
                embedded.stop(major, directory, force=True)
        _wait_until(lambda: not _processes(path))
        shutil.rmtree(path)


class User:
    """Another process that uses the server."""

    def __init__(self, major: int, root: Path, cwd: Path = Path("/")) -> None:
        """Start it without waiting for the server."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(major), str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            text=True,
        )

    def url(self) -> str:
        """Wait until it has its server."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, "the user ended without a server"
        return line

    def leave(self, *, killed: bool = False) -> None:
        """End it, and wait for its end."""
        if killed:
            self.process.kill()
        with self.process:
            pass


@pytest.fixture
def user(root: Path) -> Iterator[Callable[[int], User]]:
    """Return a function that starts users of the root."""
    started: list[User] = []

    def start(major: int) -> User:
        started.append(User(major, root))
        return started[-1]

    yield start
    for each in started:
        if each.process.returncode is None:
            each.leave(killed=True)


_SUPERVISOR = " -m adapter.outbound.postgres.embedded.supervisor "


def _processes(root: Path) -> list[tuple[int, str]]:
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


def _wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _run(url: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _kill(root: Path, *pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: not {pid for pid, _ in _processes(root)} & set(pids))


def _postmaster(major: int, root: Path) -> int:
    pid = embedded.status(major, root).pid
    assert pid is not None
    return pid


def _supervisor(root: Path) -> int:
    (pid,) = [pid for pid, command in _processes(root) if "/postgres -D" not in command]
    return pid


@both_majors
def test_start_gives_a_server_with_pgvector(root: Path, major: int) -> None:
    """A started server has the asked major version, UTF-8, UTC, the default database and pgvector."""
    server = embedded.start(major, root, settings=SETTINGS)
    _run(server.url(), "create extension vector")
    facts = "current_setting('server_encoding'), current_setting('timezone'), current_setting('fsync')"
    number = "current_setting('server_version_num')::int / 10000"
    row = _run(server.url(), f"select {number}, current_database(), {facts}, '[1,2]'::vector::text, lower('Ä')")
    assert row == [(major, "hexalembic", "UTF8", "UTC", "off", "[1,2]", "ä")]
    assert embedded.start(major, root) == server
    embedded.release(server)


@both_majors
def test_long_paths_have_their_socket_elsewhere(root: Path, major: int) -> None:
    """A path too long for a socket works, and the socket's directory is private and goes with the server."""
    server = embedded.start(major, root / ("long name " * 12), settings=SETTINGS)
    assert server.socket_directory != server.data_directory
    assert server.socket_directory.stat().st_mode & 0o077 == 0
    assert _run(server.url(), "select 1") == [(1,)]
    embedded.release(server)
    _wait_until(lambda: not _processes(root))
    assert not server.socket_directory.exists()


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["with space", "quote\"s'", "a,b", "späße", "per%cent"])
def test_odd_paths_work(root: Path, name: str) -> None:
    """Characters that mean something to a shell, a URL or a list of directories do no harm in a path."""
    server = embedded.start(18, root / name, settings=SETTINGS)
    assert _run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


def test_private_directories_are_passed_and_left_as_they_are(root: Path) -> None:
    """A root below a private directory works, also for the superuser, and its mode stays."""
    root.chmod(0o700)
    server = embedded.start(18, root / "data", settings=SETTINGS)
    assert _run(server.url(), "select 1") == [(1,)]
    assert root.stat().st_mode & 0o777 == 0o700
    embedded.release(server)
    _wait_until(lambda: not _processes(root))


@both_majors
def test_a_private_checkout_works(root: Path, major: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the programs themselves are below a private directory, as in a checkout of mode 0700, they start too."""
    installed = embedded.binary("postgres", major).parents[2]
    shutil.copytree(installed / "pginstall", root / installed.name / "pginstall")
    shutil.copy(installed / "__init__.py", root / installed.name)
    libraries = installed.with_name(f"{installed.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, root / libraries.name)
    root.chmod(0o700)
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{PROJECT}")
    result = subprocess.run(
        [sys.executable, "-c", USER, str(major), str(root / "data")],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("postgresql://postgres@/")
    assert f"{root / installed.name}" in (root / "data" / str(major) / "postmaster.opts").read_text()


@pytest.mark.few(1)
@both_majors
@pytest.mark.parametrize("killed", [False, True])
def test_the_server_lives_exactly_as_long_as_its_users(
    root: Path, major: int, user: Callable[[int], User], killed: bool
) -> None:
    """Two users share a server; it outlives the first and ends after the last, however they end."""
    first, second = user(major), user(major)
    url = first.url()
    assert second.url() == url
    pid = _postmaster(major, root)
    first.leave(killed=killed)
    time.sleep(1.5)  # five times the linger
    assert _postmaster(major, root) == pid
    assert _run(url, "select 1") == [(1,)]
    second.leave(killed=killed)
    _wait_until(lambda: not _processes(root))
    assert not embedded.status(major, root).running


def test_a_connected_client_keeps_the_server(root: Path, user: Callable[[int], User]) -> None:
    """A plain client that only has the URL keeps the server until it disconnects."""
    only = user(18)
    with psycopg.connect(only.url()) as connection:
        only.leave()
        time.sleep(1.5)
        assert connection.execute("select 1").fetchone() == (1,)
        with pytest.raises(DatabaseError, match=r"0 process\(es\) and 1 connected client"):
            embedded.stop(18, root)
    _wait_until(lambda: not _processes(root))


@both_majors
def test_a_killed_server_heals(root: Path, major: int) -> None:
    """After SIGKILL of the postmaster the next start serves again, with everything that was committed."""
    server = embedded.start(major, root, settings=SETTINGS)
    _run(server.url(), "create table kept as select 42 as answer")
    _kill(root, _postmaster(major, root))
    assert embedded.start(major, root, settings=SETTINGS) == server
    assert _run(server.url(), "select answer from kept") == [(42,)]
    embedded.release(server)


@both_majors
def test_a_killed_supervisor_is_replaced(root: Path, major: int, user: Callable[[int], User]) -> None:
    """After SIGKILL of the supervisor the next user brings a new one that adopts the running server and ends it."""
    first = user(major)
    first.url()
    pid = _postmaster(major, root)
    _kill(root, _supervisor(root))
    first.leave(killed=True)
    second = user(major)
    second.url()
    assert _postmaster(major, root) == pid
    _supervisor(root)
    second.leave()
    _wait_until(lambda: not _processes(root))


def test_the_last_user_replaces_a_killed_supervisor(root: Path, user: Callable[[int], User]) -> None:
    """When the supervisor was killed, the last user that leaves sees to it that the server ends."""
    only = user(18)
    only.url()
    _kill(root, _supervisor(root))
    only.leave()
    _wait_until(lambda: not _processes(root))


def test_both_killed_heals(root: Path) -> None:
    """After SIGKILL of the supervisor and the postmaster the next start serves again."""
    server = embedded.start(18, root, settings=SETTINGS)
    _kill(root, *(pid for pid, _ in _processes(root)))
    embedded.start(18, root, settings=SETTINGS)
    assert _run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


@both_majors
def test_a_foreign_process_in_the_pid_file_is_not_believed(root: Path, major: int) -> None:
    """A stale pid file whose number another live process has now does not prevent a start, nor is that process hurt."""
    server = embedded.start(major, root, settings=SETTINGS)
    stale = (server.data_directory / "postmaster.pid").read_text()
    lock = server.socket_directory / ".s.PGSQL.5432.lock"
    stale_lock = lock.read_text()
    embedded.stop(major, root, force=True)
    with subprocess.Popen(["sleep", "60"]) as foreign:  # noqa: S607 - where sleep is differs
        for path, text in ((server.data_directory / "postmaster.pid", stale), (lock, stale_lock)):
            path.write_text("\n".join([str(foreign.pid), *text.split("\n")[1:]]))
        assert embedded.status(major, root).pid is None
        embedded.start(major, root, settings=SETTINGS)
        assert _run(server.url(), "select 1") == [(1,)]
        assert foreign.poll() is None
        foreign.kill()
    embedded.release(server)


@both_majors
def test_a_directory_of_another_major_is_left_alone(root: Path, major: int) -> None:
    """Where another major's data directory is, start and reset say so and change nothing."""
    other = 34 - major
    server = embedded.start(major, root, settings=SETTINGS)
    embedded.release(server)
    embedded.stop(major, root, force=True)
    (root / str(major)).rename(root / str(other))
    before = sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*"))
    for act in (embedded.start, embedded.reset):
        with pytest.raises(DatabaseConfigurationError, match=f"belongs to Postgres {major}, not {other}") as caught:
            act(other, root)
        assert "move" in caught.value.hint
    assert sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*")) == before


def test_reset_deletes_only_what_was_created_here(root: Path) -> None:
    """Neither reset nor start touches a directory that `start` has not created."""
    mine = root / "18"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for text in (None, "18\n"):
        if text:
            (mine / "PG_VERSION").write_text(text)
        for act in (embedded.start, embedded.reset):
            with pytest.raises(DatabaseConfigurationError):
                act(18, root)
    assert (mine / "thesis.txt").read_text() == "years of work"


@pytest.mark.long
@both_majors
def test_eight_at_once_share_one_server(root: Path, major: int, user: Callable[[int], User]) -> None:
    """Eight processes that start at once on an empty root all get the same answering server."""
    users = [user(major) for _ in range(8)]
    urls = {each.url() for each in users}
    assert len(urls) == 1
    assert _run(urls.pop(), "select 1") == [(1,)]
    assert len(_processes(root)) == 2
    assert embedded.status(major, root).processes == 8
    for each in users:
        each.leave(killed=True)
    _wait_until(lambda: not _processes(root))


@pytest.mark.long
def test_users_killed_during_the_first_start_do_no_harm(root: Path, user: Callable[[int], User]) -> None:
    """Users and supervisors killed at any moment of the first start leave nothing that the next start trips over."""
    for _ in range(6):
        unlucky = user(18)
        time.sleep(random.uniform(0.1, 1))
        unlucky.leave(killed=True)
        for pid, command in _processes(root):
            if "/postgres -D" not in command:
                os.kill(pid, signal.SIGKILL)
    server = embedded.start(18, root, settings=SETTINGS)
    assert _run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


@pytest.mark.long
def test_arrivals_during_the_shutdown_are_served(root: Path, user: Callable[[int], User]) -> None:
    """A user that arrives while the supervisor is about to stop gets an answering server."""
    for _ in range(8):
        visitor = user(18)
        assert _run(visitor.url(), "select 1") == [(1,)]
        visitor.leave()
        time.sleep(random.uniform(0.2, 0.6))
    _wait_until(lambda: not _processes(root))


def test_keep_lets_the_server_run_without_users(root: Path) -> None:
    """With `keep` the server stays without users, until `stop`."""
    server = embedded.start(18, root, settings=SETTINGS, keep=True)
    embedded.release(server)
    time.sleep(1.5)
    status = embedded.status(18, root)
    assert (status.running, status.keep, status.processes, status.clients) == (True, True, 0, 0)
    assert status.version is not None
    assert status.version.startswith("18.")
    assert embedded.stop(18, root)
    assert not _processes(root)
    assert not embedded.status(18, root).keep
    assert not embedded.stop(18, root)


def test_stop_and_reset_refuse_while_somebody_uses_it(root: Path, user: Callable[[int], User]) -> None:
    """Stop and reset refuse while a process uses the server, and `force` overrules; reset deletes the data."""
    user(18).url()
    for act in (embedded.stop, embedded.reset):
        with pytest.raises(DatabaseError, match=r"used? by 1 process\(es\)"):
            act(18, root)
    assert embedded.status(18, root).running
    assert embedded.reset(18, root, force=True)
    assert not (root / "18").exists()
    assert not _processes(root)
    assert not embedded.reset(18, root)


@pytest.mark.long
def test_a_deleted_root_heals(root: Path) -> None:
    """When the data are deleted under a running server, that server ends and the next start gets a new one."""
    server = embedded.start(18, root, settings=SETTINGS)
    pid = _postmaster(18, root)
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    embedded.start(18, root, settings=SETTINGS)
    _wait_until(lambda: pid not in {each for each, _ in _processes(root)})
    time.sleep(1)
    assert _run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


def test_a_forked_child_does_not_keep_the_lease(root: Path) -> None:
    """A child forked by a user does not hold the server after the user gave it back."""
    server = embedded.start(18, root, settings=SETTINGS)
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        embedded.release(server)
        _wait_until(lambda: not _processes(root))
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("version", ["15", "latest"])
def test_unknown_versions_are_named(root: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A version without binaries is refused with the ones there are."""
    monkeypatch.setenv("HEXALEMBIC_POSTGRES_VERSION", version)
    with pytest.raises(DatabaseConfigurationError, match=version) as caught:
        embedded.start(root=root)
    assert "18, 16" in caught.value.hint


def test_a_server_that_cannot_start_says_why(root: Path) -> None:
    """When Postgres refuses to start, the error quotes its log, and nothing keeps running."""
    with pytest.raises(DatabaseError, match="unrecognized configuration parameter"):
        embedded.start(18, root, settings={"no_such_setting": "1"})
    _wait_until(lambda: not _processes(root))
    server = embedded.start(18, root, settings=SETTINGS)
    assert _run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


def _migrate_db(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from adapter.inbound.cli.migrate import main; main()", "db", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "HEXALEMBIC_POSTGRES_DIR": str(root)},
        text=True,
        check=False,
    )


@pytest.mark.long
@both_majors
def test_the_commands(root: Path, major: int) -> None:
    """`migrate db` prints the URL alone, passes psql its arguments and exit code, and deletes only with --yes."""
    pg = ["--pg", str(major)]
    assert json.loads(_migrate_db(root, "status", "--format", "json", *pg).stdout)["running"] is False
    assert _migrate_db(root, "start", *pg).returncode == 0
    url = _migrate_db(root, "url", *pg).stdout
    assert _run(url.removesuffix("\n"), "select 1") == [(1,)]
    assert _migrate_db(root, "psql", *pg, "-XAtc", "select 1 + 1").stdout == "2\n"
    assert _migrate_db(root, "psql", *pg, "-X", "-v", "ON_ERROR_STOP=1", "-c", "select nothing").returncode == 1
    status = json.loads(_migrate_db(root, "status", "--format", "json", *pg).stdout)
    assert (status["running"], status["keep"], status["url"]) == (True, True, url.removesuffix("\n"))
    assert "until `migrate db stop`" in _migrate_db(root, "status", *pg).stdout
    refused = _migrate_db(root, "reset", *pg)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert _migrate_db(root, "stop", *pg).stdout == "stopped\n"
    assert _migrate_db(root, "stop", *pg).stdout == "it was not running\n"
    assert (root / str(major)).is_dir()
    assert _migrate_db(root, "reset", "--yes", *pg).returncode == 0
    assert not (root / str(major)).exists()
