"""Behind PgBouncer: refused where a client has no session of its own, and at work where it has one, or only reads."""

import signal
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.util import CommandError

from adapter.outbound.database.upgrade.advisory_lock import KEY
from adapter.outbound.postgres import engine
from adapter.outbound.postgres.url import DatabaseURL
from tests.conftest import Server
from tests.history import History
from tests.integration.pgbouncer import pgbouncer
from tests.support import PROJECT_ROOT, alembic_config, process_environment, run

pytestmark = pytest.mark.one_major

POOLS: list[dict[str, Any]] = [{}, {"server_round_robin": 1}, {"default_pool_size": 1}, {"min_pool_size": 8}]


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Ask the database itself."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def assert_untouched(url: str) -> None:
    """Nothing was created, and no session holds the lock of the upgrades."""
    locks = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {KEY & 0xFFFF_FFFF}"
    assert rows(url, locks) == []
    assert rows(url, "SELECT to_regclass('users'), to_regclass('alembic_version')") == [(None, None)]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("settings", POOLS, ids=str)
def test_transaction_mode_is_refused(
    server: Server, empty_url: str, history: History, settings: dict[str, Any], driver: str
) -> None:
    """Whatever the pool's size and order, an upgrade is refused before anything runs, with the server's own address."""
    history.add("r1", None, "op.execute('CREATE TABLE users ()')")
    with pgbouncer(server, "transaction", **settings) as url:
        for _ in range(3):
            config = history.config(url)
            if driver == "psycopg":
                config.attributes["connection"] = engine.tooling_engine(DatabaseURL.parse(url))
            with pytest.raises(CommandError, match="pooler in transaction mode") as caught:
                command.upgrade(config, "head")
    assert f"({server.host}" in str(caught.value) or "the socket in " in str(caught.value)
    assert_untouched(empty_url)


@pytest.mark.long
@pytest.mark.parametrize("settings", POOLS[:3], ids=str)
def test_session_mode_works(server: Server, empty_url: str, history: History, settings: dict[str, Any]) -> None:
    """A pool that keeps one session for a client is as good as the server, even one that has a single session."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')", "op.execute('DROP TABLE a')")
    plain = str(history.plain_ini())
    with pgbouncer(server, "session", **settings) as url:
        command.upgrade(history.config(url), "head")
        command.downgrade(history.config(url), "base")
        result = run("adapter.inbound.cli.migrate", "up", "-c", plain, "--url", url)
        assert result.returncode == 0, result.stderr
        command.downgrade(history.config(url), "base")
        command.stamp(history.config(url), "head")

    assert rows(empty_url, "SELECT version_num FROM alembic_version") == [("r1",)]


@pytest.mark.long
def test_four_upgrades_at_once_are_refused(server: Server, empty_url: str) -> None:
    """Four processes through one pool in transaction mode: none runs anything, and no lock is left behind."""
    with pgbouncer(server, "transaction", default_pool_size=2) as url:
        for _ in range(2):
            processes = [
                subprocess.Popen(
                    [sys.executable, "-m", "alembic", "upgrade", "head"],
                    cwd=PROJECT_ROOT,
                    env=process_environment(url),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                for _ in range(4)
            ]
            for process in processes:
                output, errors = process.communicate(timeout=120)
                # Python with asyncpg has crashed at its very end, after all was said, in one of some hundred processes.
                assert process.returncode in {255, -signal.SIGSEGV}, errors
                assert "pooler" in output
                assert "hint: Name the server itself" in output
                assert "Traceback" not in errors
                assert "Running upgrade" not in errors
        assert_untouched(empty_url)


@pytest.mark.long
def test_every_command_that_writes_is_refused(server: Server, empty_url: str, history: History) -> None:
    """Upgrade, downgrade, stamp and `migrate up` are refused; the last one with the code for configuration.

    The env.py of another project, which knows of no pooler, changes nothing about that.
    """
    history.add("r1", None, "op.execute('CREATE TABLE users ()')")
    config = str(history.plain_ini())
    with pgbouncer(server, "transaction") as url:
        for arguments in (["upgrade", "head"], ["downgrade", "base"], ["stamp", "head"]):
            result = run("alembic", *arguments, url=url)
            assert result.returncode == 255
            assert result.stdout.startswith("FAILED: A connection pooler in transaction mode")
        for result in (
            run("adapter.inbound.cli.migrate", "up", url=url),
            run("adapter.inbound.cli.migrate", "up", "-c", config, "--url", url),
        ):
            assert result.returncode == 2, result.stdout + result.stderr
            assert "error: A connection pooler in transaction mode" in result.stderr
            assert "hint: Name the server itself" in result.stderr
    assert_untouched(empty_url)


@pytest.mark.long
def test_a_sandbox_behind_a_pooler_is_called_that(server: Server, empty_url: str, history: History) -> None:
    """PgBouncer refuses what a sandbox asks for when it connects: the server is not down, and is to be named itself."""
    history.add("r1", None, "pass")
    with pgbouncer(server, "session") as url:
        arguments = ["analyze", "-c", str(history.plain_ini()), "--sandbox-url", url]
        result = run("adapter.inbound.cli.migrate", *arguments)
    assert result.returncode == 3
    assert result.stderr.startswith("error: A connection pooler in front of postgresql://"), result.stderr
    assert "hint: Name the server itself in --sandbox-url" in result.stderr
    assert_untouched(empty_url)


@pytest.mark.long
def test_statement_mode_is_refused(server: Server, empty_url: str) -> None:
    """A pool that allows no transactions at all refuses by itself; it is called a pooler, too."""
    with pgbouncer(server, "statement") as url:
        for arguments in (["alembic", "upgrade", "head"], ["adapter.inbound.cli.migrate", "status"]):
            result = run(*arguments, url=url)
            said = result.stdout + result.stderr
            assert "A connection pooler in front of" in said
            assert "hint: Name the server itself" in said
            assert "Traceback" not in said
    assert_untouched(empty_url)


@pytest.mark.long
def test_commands_that_read_work(server: Server, empty_url: str) -> None:
    """What only reads works in transaction mode, again and again, and leaves no setting in a session of the pool."""
    command.upgrade(alembic_config(empty_url), "head")
    with pgbouncer(server, "transaction", default_pool_size=2) as url:
        for arguments in (
            ["adapter.inbound.cli.migrate", "status", "--check"],
            ["adapter.inbound.cli.migrate", "stats"],
        ) * 2:
            result = run(*arguments, url=url)
            assert result.returncode == 0, result.stdout + result.stderr
        for _ in range(2):  # asyncpg prepares whatever it sends
            result = run("alembic", "current", url=url)
            assert result.returncode == 0 or result.stdout.startswith("FAILED: A connection pooler is in front of ")
        with psycopg.connect(url) as one, psycopg.connect(url) as other:
            for connection in (one, other):
                settings = "SELECT current_setting('lock_timeout'), current_setting('search_path')"
                assert connection.execute(settings).fetchone() == ("0", '"$user", public')
