"""What stops an upgrade from outside ends in a sentence: the cause, where the database is, and how to go on."""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from adapter.bootstrap.backend import open_backend
from adapter.outbound.database.upgrade.advisory_lock import KEY
from adapter.outbound.postgres import embedded, engine
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.url import DatabaseURL
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

SLOW = "op.execute('CREATE TABLE b (x int)')\nop.execute('SELECT pg_sleep(50)')"
SLEEPS = "SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep.50' AND state = 'active'"


@pytest.fixture(params=["asyncpg", "psycopg"])
def configured(request: pytest.FixtureRequest, history: History, empty_url: str) -> Callable[..., Config]:
    """Return configurations whose connection is made by env.py with asyncpg, or handed over, of psycopg."""

    def configure(url: str = empty_url, **options: str) -> Config:
        config = history.config(url, **options)
        if request.param == "psycopg":
            config.attributes["connection"] = engine.tooling_engine(DatabaseURL.parse(url))
        return config

    return configure


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Ask the database itself."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def when(url: str, query: str, act: Callable[[int], object]) -> threading.Thread:
    """Do something with the number that a query finds, as soon as it finds one."""

    def wait() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if found := rows(url, query):
                act(found[0][0])
                return
            time.sleep(0.02)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def upgrade_fails(config: Config, target: str = "head") -> str:
    """Run an upgrade that must fail with a sentence, and give that."""
    with pytest.raises(CommandError) as caught:
        command.upgrade(config, target)
    said = str(caught.value)
    message, _, hint = said.partition("\n  hint: ")
    assert "\n" not in message + hint
    return said


def assert_no_lock(url: str) -> None:
    """No session holds the lock of the upgrades."""
    end = time.monotonic() + 5  # a session that was ended has a moment to go
    while rows(url, f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {KEY & 0xFFFF_FFFF}"):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        ("pg_terminate_backend", "The server ended the session in revision r2 (terminating connection due to admin"),
        ("pg_cancel_backend", "The server cancelled the statement: somebody asked for it, or it ran longer than"),
    ],
)
def test_ended_by_an_administrator(
    configured: Callable[..., Config], history: History, empty_url: str, ending: str, cause: str
) -> None:
    """A session that was ended, or a statement: what ran is rolled back, what was done stays, and both are said."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add("r2", "r1", SLOW)
    thread = when(empty_url, SLEEPS, lambda pid: rows(empty_url, f"SELECT {ending}({pid})"))
    said = upgrade_fails(configured(lock_timeout="3s"))
    thread.join()

    assert cause in said
    assert "The database is at r1. Revision r2 ran in a transaction, which was rolled back." in said
    assert said.endswith("hint: Once that is fixed, continue with: alembic -x lock_timeout=3s upgrade head")
    assert rows(empty_url, "SELECT to_regclass('b')") == [(None,)]
    assert_no_lock(empty_url)


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("setting", "body", "cause"),
    [
        ("statement_timeout", "op.execute('SELECT pg_sleep(50)')", "due to statement timeout"),
        (
            "idle_in_transaction_session_timeout",
            "import time\nop.execute('SELECT 1')\ntime.sleep(1.5)\nop.execute('SELECT 1')",
            "revision r2",
        ),
    ],
)
def test_timeouts_of_the_server(
    configured: Callable[..., Config], history: History, empty_url: str, setting: str, body: str, cause: str
) -> None:
    """A timeout that the database sets for its sessions is said like a cancelled statement or an ended session."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add("r2", "r1", body)
    rows_of = f"ALTER DATABASE hexalembic_empty SET {setting} = '300ms'"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(rows_of.encode())
    said = upgrade_fails(configured())

    assert cause in said
    assert "The database is at r1. Revision r2 ran in a transaction, which was rolled back." in said
    assert_no_lock(empty_url)


def test_ended_in_an_autocommit_block(configured: Callable[..., Config], history: History, empty_url: str) -> None:
    """A revision that commits by itself leaves what it had finished, and an invalid index, which is named."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add(
        "r2",
        "r1",
        "with op.get_context().autocommit_block():\n    op.execute('CREATE INDEX CONCURRENTLY \"Ix\" ON a (x)')",
    )
    command.upgrade(configured(), "r1")
    build = "SELECT pid FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'"
    with psycopg.connect(empty_url) as writer:
        writer.execute("INSERT INTO a VALUES (1)")
        thread = when(empty_url, build, lambda pid: rows(empty_url, f"SELECT pg_terminate_backend({pid})"))
        said = upgrade_fails(configured())
        thread.join()

    assert "The database is at r1. Revision r2 commits by itself (autocommit block)" in said
    assert 'invalid indexes: public."Ix".' in said
    assert "continue with: alembic upgrade head (unless the revision does so itself, before that: DROP INDEX" in said


def test_relative_target_after_a_fault(configured: Callable[..., Config], history: History, empty_url: str) -> None:
    """`+2` that did one step goes on with `+1`, and a downgrade names itself."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add("r2", "r1", SLOW, "op.execute('SELECT pg_sleep(50)')")
    end = lambda pid: rows(empty_url, f"SELECT pg_terminate_backend({pid})")  # noqa: E731
    thread = when(empty_url, SLEEPS, end)
    assert upgrade_fails(configured(), "+2").endswith("alembic upgrade +1")
    thread.join()

    command.stamp(configured(), "r2")
    thread = when(empty_url, SLEEPS, end)
    with pytest.raises(CommandError) as caught:
        command.downgrade(configured(), "-2")
    thread.join()
    assert "in the downgrade of r2" in str(caught.value)
    assert "The database is at r2. The downgrade of r2 ran in a transaction" in str(caught.value)
    assert str(caught.value).endswith("alembic downgrade -2")


def test_relative_target_after_a_lock_timeout(
    configured: Callable[..., Config], history: History, empty_url: str
) -> None:
    """Another try goes on with what is left of `+2`, and not two further."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')\nop.execute('CREATE TABLE c (x int)')")
    history.add("r2", "r1", "op.execute('CREATE TABLE b (x int)')")
    history.add("r3", "r2", "op.execute('ALTER TABLE c ADD y int')")
    history.add("r4", "r3", "op.execute('CREATE TABLE d (x int)')")
    command.upgrade(configured(), "r1")
    with psycopg.connect(empty_url) as reader:
        reader.execute("SELECT * FROM c")

        def give_way(_: int) -> None:
            time.sleep(0.3)
            reader.rollback()

        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        thread = when(empty_url, waits, give_way)
        command.upgrade(configured(lock_timeout="100ms"), "+2")
        thread.join()

    assert rows(empty_url, "SELECT version_num FROM alembic_version") == [("r3",)]


@contextmanager
def own_server(major: int) -> Iterator[tuple[str, Path]]:
    """Run a server of the test's own; give the URL of a database, and its data directory."""
    root = Path(tempfile.mkdtemp(prefix="hxf"))
    running = embedded.start(major, root, settings={"fsync": "off"})
    try:
        yield running.url(), running.data_directory
    finally:
        embedded.stop(major, root, force=True)
        embedded.release(running)
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.few(1)
@pytest.mark.parametrize("shutdown", [signal.SIGQUIT, signal.SIGINT], ids=["immediate", "fast"])
def test_server_stopped_in_the_middle(
    configured: Callable[..., Config], history: History, server: Server, shutdown: signal.Signals
) -> None:
    """A server that was stopped while a revision ran: nobody can read where the database is, and that is said."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add("r2", "r1", SLOW)
    with own_server(server.major) as (url, data):
        postmaster = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        thread = when(
            url, SLEEPS, lambda _: subprocess.run(["/bin/kill", f"-{shutdown.value}", str(postmaster)], check=True)
        )
        said = upgrade_fails(configured(url))
        thread.join()

    assert re.match(r"The (connection to the server was lost|server ended the session) in revision r2", said)
    assert "Which revisions the database has could not be read (" in said
    assert "Revision r2 ran in a transaction, which the server has rolled back." in said


def test_no_traceback_on_the_command_line(history: History, empty_url: str) -> None:
    """`alembic upgrade` whose session is ended prints two lines of it, and no traceback; the hint has its options."""
    history.add("r1", None, "op.execute('SELECT pg_sleep(50)')")
    path = history.ini().rename(history.folder / "our alembic.ini")
    path.write_text(path.read_text().replace("[alembic]\n", "[alembic]\n[shop]\n", 1))
    options = ["-c", str(path), "-n", "shop", "-x", "search_path=public, other"]
    process = subprocess.Popen(
        [sys.executable, "-m", "alembic", *options, "upgrade", "+1"],
        cwd=PROJECT_ROOT,
        env=process_environment(empty_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    when(empty_url, SLEEPS, lambda pid: rows(empty_url, f"SELECT pg_terminate_backend({pid})")).join()
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 255
    assert output.startswith("FAILED: The server ended the session in revision r1")
    assert output.count("\n") == 2
    assert f"alembic -c '{path}' -n shop -x 'search_path=public, other' upgrade +1" in output
    assert "Traceback" not in errors
    assert "Exception" not in errors


def test_backend_whose_session_is_ended(migrated_url: str) -> None:
    """A command of the application whose session is ended in the middle has a message and a hint, too."""

    async def use() -> None:
        async with open_backend("tester", DatabaseURL.parse(migrated_url)) as backend:
            await backend.list_products()

    waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    thread = when(migrated_url, waits, lambda pid: rows(migrated_url, f"SELECT pg_terminate_backend({pid})"))
    with psycopg.connect(migrated_url) as other:
        other.execute("LOCK TABLE products")
        with pytest.raises(DatabaseError) as caught:
            asyncio.run(use())
    thread.join()

    assert caught.value.exit_code == 3
    assert re.match("The server ended the session|The connection to the server was lost", caught.value.message)
    assert "run the command again" in caught.value.hint
