"""The embedded server lives as long as its users, and heals from kills."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from tests.integration.embedded.users import PROJECT, SETTINGS, USER, both_majors, processes, run
from tests.support import wait_until

pytestmark = pytest.mark.one_major


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


def _kill(root: Path, *pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not {pid for pid, _ in processes(root)} & set(pids))


def _postmaster(major: int, root: Path) -> int:
    pid = embedded.status(major, root).pid
    assert pid is not None
    return pid


def _supervisor(root: Path) -> int:
    (pid,) = [pid for pid, command in processes(root) if "/postgres -D" not in command]
    return pid


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
    assert run(url, "select 1") == [(1,)]
    second.leave(killed=killed)
    wait_until(lambda: not processes(root))
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
    wait_until(lambda: not processes(root))


@both_majors
def test_a_killed_server_heals(root: Path, major: int) -> None:
    """After SIGKILL of the postmaster the next start serves again, with everything that was committed."""
    server = embedded.start(major, root, settings=SETTINGS)
    run(server.url(), "create table kept as select 42 as answer")
    _kill(root, _postmaster(major, root))
    assert embedded.start(major, root, settings=SETTINGS) == server
    assert run(server.url(), "select answer from kept") == [(42,)]
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
    wait_until(lambda: not processes(root))


def test_the_last_user_replaces_a_killed_supervisor(root: Path, user: Callable[[int], User]) -> None:
    """When the supervisor was killed, the last user that leaves sees to it that the server ends."""
    only = user(18)
    only.url()
    _kill(root, _supervisor(root))
    only.leave()
    wait_until(lambda: not processes(root))


def test_both_killed_heals(root: Path) -> None:
    """After SIGKILL of the supervisor and the postmaster the next start serves again."""
    server = embedded.start(18, root, settings=SETTINGS)
    _kill(root, *(pid for pid, _ in processes(root)))
    embedded.start(18, root, settings=SETTINGS)
    assert run(server.url(), "select 1") == [(1,)]
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
        assert run(server.url(), "select 1") == [(1,)]
        assert foreign.poll() is None
        foreign.kill()
    embedded.release(server)


@pytest.mark.long
@both_majors
def test_eight_at_once_share_one_server(root: Path, major: int, user: Callable[[int], User]) -> None:
    """Eight processes that start at once on an empty root all get the same answering server."""
    users = [user(major) for _ in range(8)]
    urls = {each.url() for each in users}
    assert len(urls) == 1
    assert run(urls.pop(), "select 1") == [(1,)]
    assert len(processes(root)) == 2
    assert embedded.status(major, root).processes == 8
    for each in users:
        each.leave(killed=True)
    wait_until(lambda: not processes(root))


@pytest.mark.long
def test_users_killed_during_the_first_start_do_no_harm(root: Path, user: Callable[[int], User]) -> None:
    """Users and supervisors killed at any moment of the first start leave nothing that the next start trips over."""
    for _ in range(6):
        unlucky = user(18)
        time.sleep(random.uniform(0.1, 1))
        unlucky.leave(killed=True)
        for pid, command in processes(root):
            if "/postgres -D" not in command:
                os.kill(pid, signal.SIGKILL)
    server = embedded.start(18, root, settings=SETTINGS)
    assert run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


@pytest.mark.long
def test_arrivals_during_the_shutdown_are_served(root: Path, user: Callable[[int], User]) -> None:
    """A user that arrives while the supervisor is about to stop gets an answering server."""
    for _ in range(8):
        visitor = user(18)
        assert run(visitor.url(), "select 1") == [(1,)]
        visitor.leave()
        time.sleep(random.uniform(0.2, 0.6))
    wait_until(lambda: not processes(root))


@pytest.mark.long
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
    assert not processes(root)
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
    assert not processes(root)
    assert not embedded.reset(18, root)


@pytest.mark.long
def test_a_deleted_root_heals(root: Path) -> None:
    """When the data are deleted under a running server, that server ends and the next start gets a new one."""
    server = embedded.start(18, root, settings=SETTINGS)
    pid = _postmaster(18, root)
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    embedded.start(18, root, settings=SETTINGS)
    wait_until(lambda: pid not in {each for each, _ in processes(root)})
    time.sleep(1)
    assert run(server.url(), "select 1") == [(1,)]
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
        wait_until(lambda: not processes(root))
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
