"""Ctrl-C, SIGTERM and SIGHUP in `migrate verify` and `migrate analyze`: nothing stays behind, and proofs go on."""

import functools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from alembic import command

from adapter.outbound.migration.sandbox.names import PREFIX, TEMPLATE_PREFIX
from adapter.outbound.migration.sandbox.role import BASE
from adapter.outbound.postgres import embedded
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment, wait_until

pytestmark = pytest.mark.one_major

SECONDS = 120


@pytest.fixture
def project(history: History) -> Path:
    """A project whose second revision takes long; gives its configuration."""
    history.add("r1", None, 'op.execute("CREATE TABLE people (id int PRIMARY KEY)")', 'op.drop_table("people")')
    history.add("r2", "r1", 'op.execute("SELECT pg_sleep(40)")', "pass")
    return history.plain_ini()


INTERRUPT, TERMINATE, HANG_UP = (
    (signal.SIGINT, 130, "interrupted\n"),
    (signal.SIGTERM, 143, "terminated\n"),
    (signal.SIGHUP, 129, "hung up\n"),
)


@pytest.mark.some(3)
@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "sandbox", "ended"),
    [
        ("verify", "of a server", INTERRUPT),
        ("verify", "embedded", INTERRUPT),
        ("analyze", "of a server", INTERRUPT),
        ("analyze", "embedded", INTERRUPT),
        ("verify", "of a server", TERMINATE),
        ("analyze", "embedded", TERMINATE),
        ("verify", "embedded", HANG_UP),
    ],
    ids=lambda value: value[2].strip() if isinstance(value, tuple) else value,
)
def test_in_the_middle(
    project: Path,
    history: History,
    server: Server,
    sandbox_url: str,
    tmp_path: Path,
    command: str,
    sandbox: str,
    ended: tuple[signal.Signals, int, str],
) -> None:
    """The process, its children, its databases and its temporary files are gone at once; what was proved is kept."""
    number, code, said = ended
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
            wait_until(lambda: embedded.status(server.major, folder).running)
            url = embedded.status(server.major, folder).server.url("postgres")
        wait_until(lambda: _sleeps(url))
        children = _descendants(process.pid)
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=SECONDS / 2)
        assert (process.returncode, errors) == (code, said)
        assert children
        wait_until(lambda: _are_gone(children))
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


@pytest.mark.some(1)
@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_at_any_moment(project: Path, tmp_path: Path, number: signal.Signals) -> None:
    """From its first import to its last statement, a second signal included: nothing is left of the process."""
    folder, temporary = tmp_path / "sandbox", tmp_path / "temporary"
    temporary.mkdir()
    arguments = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "base:heads", "-c", str(project)]
    environment = process_environment(TMPDIR=str(temporary), HEXALEMBIC_SANDBOX_DIR=str(folder))
    embedded.start(18, folder, walled=True)  # what is interrupted is not its first start, which takes longest
    url = embedded.status(18, folder).server.url("postgres")
    moments = random.Random(20261129)
    try:
        for _ in range(6):
            process = subprocess.Popen(
                arguments,
                cwd=PROJECT_ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
            wait_until(functools.partial(_listens, process.pid))
            time.sleep(moments.uniform(0, 2.5))
            children = _descendants(process.pid)
            os.kill(process.pid, number)
            time.sleep(0.05)
            os.kill(process.pid, number)
            _, errors = process.communicate(timeout=SECONDS)
            assert process.returncode == 128 + number, errors
            assert "Traceback" not in errors
            wait_until(functools.partial(_are_gone, children))
            assert _databases(url) == []
            assert list(temporary.iterdir()) == []
    finally:
        embedded.stop(18, folder, force=True)
        embedded.release(embedded.status(18, folder).server)


@pytest.mark.long
def test_nohup(project: Path, tmp_path: Path) -> None:
    """Where SIGHUP is ignored, as nohup has it, the command goes on."""
    folder = tmp_path / "sandbox"
    arguments = ["nohup", sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "head", "-c", str(project)]
    process = subprocess.Popen(
        arguments,
        cwd=PROJECT_ROOT,
        env=process_environment(HEXALEMBIC_SANDBOX_DIR=str(folder)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: embedded.status(18, folder).running)
        url = embedded.status(18, folder).server.url("postgres")
        wait_until(lambda: _sleeps(url))
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.terminate()
        assert process.wait(SECONDS) == 143
        assert _databases(url) == []
    finally:
        process.kill()
        process.wait()
        embedded.stop(18, folder, force=True)


def _are_gone(processes: list[int]) -> bool:
    return not any(Path(f"/proc/{one}").exists() for one in processes)


def _listens(pid: int) -> bool:
    """Return whether a process has a handler for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def _sleeps(url: str) -> bool:
    """Return whether the long revision runs."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(40)%' AND state = 'active'"
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone() != (0,)


def _databases(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        names = [name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]
    ours = [name for name in names if name.startswith(PREFIX) and name != BASE]
    return [name for name in ours if not name.startswith(TEMPLATE_PREFIX)]


def _descendants(pid: int) -> list[int]:
    children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    return [one for child in children for one in (child, *_descendants(child))]


@pytest.mark.few(1)
@pytest.mark.parametrize("command", ["analyze", "verify"])
@pytest.mark.parametrize("fault", ["immediate", "fast", "session"])
def test_the_sandbox_ends_in_the_middle(project: Path, tmp_path: Path, command: str, fault: str) -> None:
    """A sandbox whose server stops, or whose session somebody ends, is said in two lines; nothing gets a verdict."""
    folder = tmp_path / "sandbox"
    process = subprocess.Popen(
        [sys.executable, "-m", "adapter.inbound.cli.migrate", command, "r2", "-c", str(project), "--jobs", "1"],
        cwd=PROJECT_ROOT,
        env=process_environment(HEXALEMBIC_SANDBOX_DIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: embedded.status(18, folder).running)
        server = embedded.status(18, folder)
        url = server.server.url("postgres")
        wait_until(lambda: _sleeps(url))
        if fault == "session":
            with psycopg.connect(url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(40)%'"
                    " AND state = 'active' AND pid <> pg_backend_pid()"
                )
        else:
            assert server.pid is not None
            os.kill(server.pid, signal.SIGQUIT if fault == "immediate" else signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
        embedded.stop(18, folder, force=True)

    assert (process.returncode, output.strip()) == (3, "")
    assert "Traceback" not in errors
    lines = [line for line in errors.splitlines() if line.startswith(("error:", "hint:", "warning:"))]
    assert len(lines) == (2 if fault == "session" else 3)
    # whoever notices first says it: the revision's session, or the sandbox's own
    said = {
        "session": r"error: The session in which revision r2 ran was ended \(terminating connection",
        "fast": r"error: The (sandbox's server ended the session|session in which revision r2 ran was ended) \(term",
        "immediate": r"error: The connection to the server was lost \(",
    }
    assert re.search(said[fault], errors)
    assert "run the command again" in errors.lower()


@pytest.mark.few(1)
@pytest.mark.parametrize("ended", [INTERRUPT, TERMINATE, HANG_UP], ids=lambda value: value[2].strip())
def test_alembic_that_waits_for_a_lock(
    history: History, empty_url: str, ended: tuple[signal.Signals, int, str]
) -> None:
    """A signal ends plain `alembic upgrade` with a line and a shell's exit code; no session and no lock is left."""
    number, code, said = ended
    history.add("r1", None, "op.execute('CREATE TABLE people (id int)')")
    history.add("r2", "r1", "op.execute('ALTER TABLE people ADD x int')")
    run = functools.partial(subprocess.Popen, cwd=PROJECT_ROOT, env=process_environment(empty_url), text=True)
    arguments = [sys.executable, "-m", "alembic", "-c", str(history.ini()), "-x", "lock_timeout=30s", "upgrade"]
    assert run([*arguments, "r1"]).wait() == 0
    with psycopg.connect(empty_url) as holder, psycopg.connect(empty_url, autocommit=True) as watcher:
        holder.execute("LOCK TABLE people")
        process = run([*arguments, "r2"], stderr=subprocess.PIPE, process_group=0, preexec_fn=_usual_signals)
        others = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'alembic'"
        wait_until(lambda: watcher.execute(f"SELECT {others} AND wait_event_type = 'Lock'".encode()).fetchall() != [])
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == code
        assert [line for line in errors.splitlines() if not line.startswith("INFO")] == [said.strip()]
        wait_until(lambda: watcher.execute(f"SELECT {others}".encode()).fetchall() == [])
        locks = watcher.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert locks.fetchall() == []


@pytest.mark.long
def test_alembic_under_nohup(history: History, empty_url: str) -> None:
    """A hang-up that is ignored stays ignored: the upgrade comes to its end."""
    history.add("r1", None, "op.execute('SELECT pg_sleep(3)')")
    process = subprocess.Popen(
        ["/usr/bin/nohup", sys.executable, "-m", "alembic", "-c", str(history.ini()), "upgrade", "head"],
        cwd=PROJECT_ROOT,
        env=process_environment(empty_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with psycopg.connect(empty_url, autocommit=True) as watcher:
        sleeping = b"SELECT FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep.3' AND state = 'active'"
        wait_until(lambda: watcher.execute(sleeping).fetchall() != [])
        process.send_signal(signal.SIGHUP)
        assert process.wait(SECONDS) == 0


def test_handlers_of_a_caller(history: History, empty_url: str) -> None:
    """Whoever calls Alembic as a library has the signals' default, or its own handlers, while that runs."""
    seen = "op.get_context().config.attributes['seen'] = signal.getsignal(signal.SIGTERM)"
    history.add("r1", None, f"import signal\n{seen}")
    for handler in (signal.SIG_DFL, lambda *_: None):
        before = signal.signal(signal.SIGTERM, handler)
        try:
            config = history.config(empty_url)
            command.upgrade(config, "head")
            assert config.attributes["seen"] is handler
            command.downgrade(config, "base")
        finally:
            signal.signal(signal.SIGTERM, before)


def _usual_signals() -> None:
    """Have no signal ignored, whatever started the tests."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
