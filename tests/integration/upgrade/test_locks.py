"""Upgrades that wait for locks, give way, are killed, or run beside others."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from adapter.outbound.database.upgrade.advisory_lock import KEY
from adapter.outbound.postgres import engine
from adapter.outbound.postgres.url import DatabaseURL
from tests.catalogs import assert_equal, catalog
from tests.history import History
from tests.integration.upgrade.runs import HEAD, current, scalar
from tests.support import PROJECT_ROOT, alembic_config, process_environment, run, wait_until

pytestmark = pytest.mark.one_major

REVISIONS = len(list(ScriptDirectory.from_config(alembic_config("")).walk_revisions()))


@contextmanager
def open_transaction(url: str, sql: str, *, isolation: str = "READ COMMITTED") -> Iterator[psycopg.Connection[Any]]:
    """Keep a transaction open that executed a statement."""
    with psycopg.connect(url) as connection:
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        connection.execute(sql)
        yield connection
        connection.rollback()


def start_upgrade(url: str, *x_arguments: str) -> subprocess.Popen[str]:
    """Start `alembic upgrade head` in a process of its own."""
    arguments = [part for argument in x_arguments for part in ("-x", argument)]
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", *arguments, "upgrade", "head"],
        cwd=PROJECT_ROOT,
        env=process_environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", [3, pytest.param(8, marks=pytest.mark.long)])
def test_upgrades_at_once_all_end_well(empty_url: str, number: int) -> None:
    """Processes that start `upgrade head` at once all exit with 0, and each revision runs once."""
    processes = [start_upgrade(empty_url) for _ in range(number)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * number, "\n".join(outputs)
    assert "\n".join(outputs).count("Running upgrade") == REVISIONS
    assert current(empty_url) == HEAD


@pytest.mark.some(1)
@pytest.mark.long
@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.long)])
def test_killed_upgrades_heal(empty_url: str, migrated_url: str, kills: int) -> None:
    """`kill -9` at random moments, each followed by a re-run, ends at the catalog of an undisturbed upgrade."""
    undisturbed = catalog(migrated_url)
    moments = random.Random(20261122)
    killed = 0
    for _ in range(kills):
        process = start_upgrade(empty_url)
        assert process.stdout is not None
        # Random among the revisions, so that a slow start of Python does not make every kill come too early.
        for _ in range(moments.randrange(3, REVISIONS)):
            process.stdout.readline()
        time.sleep(moments.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        command.upgrade(alembic_config(empty_url), "head")

        assert_equal(undisturbed, catalog(empty_url))
        command.downgrade(alembic_config(empty_url), "base")

    assert killed >= kills // 2 + 1  # the others had ended before the signal came


def test_lock_timeout_is_retried_where_it_gave_way(empty_url: str) -> None:
    """A revision that meets a lock gives way, is tried again, and the upgrade goes on; done revisions stay done."""
    command.upgrade(alembic_config(empty_url), "b64f20e9d7a8")
    with open_transaction(empty_url, "LOCK TABLE profiles IN ACCESS SHARE MODE"):
        process = start_upgrade(empty_url, "lock_timeout=100ms", "lock_retries=30")
        wait_until(lambda: blocked(empty_url) > 0)
        time.sleep(0.3)
    output = process.communicate(timeout=60)[0]

    assert process.returncode == 0, output
    assert "Gave way to other transactions" in output
    assert "Running upgrade 57c3d81fa2b9 -> b64f20e9d7a8" not in output
    assert current(empty_url) == HEAD


def test_lock_that_never_ends_is_an_error_that_says_what_to_do(empty_url: str) -> None:
    """When every try meets the lock, the command fails with the statement and its holder, and what was done stays."""
    command.upgrade(alembic_config(empty_url), "b64f20e9d7a8")
    with open_transaction(empty_url, "LOCK TABLE profiles IN ACCESS SHARE MODE") as holder:
        pid = holder.info.backend_pid
        result = run("alembic", "-x", "lock_timeout=500ms", "-x", "lock_retries=1", "upgrade", "head", url=empty_url)

    assert result.returncode == 255
    assert "in 2 tries" in result.stdout
    assert "ALTER TABLE profiles ADD COLUMN locale" in result.stdout
    assert f"held by process {pid} (user postgres, no application name, idle in transaction since" in result.stdout
    assert "): LOCK TABLE profiles IN ACCESS SHARE MODE." in result.stdout
    assert f"hint: End it: SELECT pg_terminate_backend({pid});" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert current(empty_url) == "b64f20e9d7a8"


def test_deadlock_is_retried(empty_url: str, history: History) -> None:
    """A revision that Postgres chose as the victim of a deadlock runs again and ends."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')\nop.execute('CREATE TABLE b (x int)')")
    history.add(
        "r2",
        "r1",
        "op.execute(\"SET LOCAL deadlock_timeout = '10ms'\")\n"
        "op.execute('LOCK TABLE a')\nop.execute('SELECT pg_sleep(0.5)')\nop.execute('LOCK TABLE b')\n"
        "op.execute('CREATE TABLE done ()')",
    )
    command.upgrade(history.config(empty_url), "r1")
    failed: list[BaseException] = []

    def upgrade() -> None:
        try:
            command.upgrade(history.config(empty_url, lock_timeout="5s"), "r2")
        except BaseException as error:  # noqa: BLE001 - asserted below
            failed.append(error)

    thread = threading.Thread(target=upgrade)
    with psycopg.connect(empty_url) as other:
        other.execute("SET deadlock_timeout = '10s'")
        other.execute("LOCK TABLE b")
        thread.start()
        wait_until(lambda: scalar(empty_url, "SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass") > 0)
        other.execute("LOCK TABLE a")
        other.rollback()
    thread.join(timeout=30)

    assert failed == []
    assert current(empty_url) == "r2"


def test_concurrent_build_waits_longer_than_the_lock_timeout(empty_url: str) -> None:
    """CREATE INDEX CONCURRENTLY outwaits an old transaction although `lock_timeout` is short, without another try."""
    command.upgrade(alembic_config(empty_url), "8a6e05d1c2f4")
    with open_transaction(empty_url, "SELECT count(*) FROM users", isolation="REPEATABLE READ"):
        process = start_upgrade(empty_url, "lock_timeout=100ms")
        wait_until(
            lambda: scalar(empty_url, "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'")
        )
        time.sleep(0.5)
    output = process.communicate(timeout=60)[0]

    assert process.returncode == 0, output
    assert "Gave way" not in output
    assert scalar(empty_url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


def test_interrupted_concurrent_build_leaves_no_invalid_index(empty_url: str) -> None:
    """An invalid index under the revision's name is dropped and built again, not skipped by IF NOT EXISTS."""
    command.upgrade(alembic_config(empty_url), "8a6e05d1c2f4")
    with (
        psycopg.connect(empty_url, autocommit=True) as connection,
        open_transaction(empty_url, "SELECT count(*) FROM users", isolation="REPEATABLE READ"),
    ):
        connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(
                "CREATE INDEX CONCURRENTLY idx_chunks_embedding ON chunks USING hnsw (embedding vector_cosine_ops)"
            )
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert scalar(empty_url, invalid) == 1
    command.upgrade(alembic_config(empty_url), "head")

    assert scalar(empty_url, invalid) == 0
    assert current(empty_url) == HEAD


def test_revision_chooses_its_own_timeout_of_a_concurrent_build(empty_url: str, history: History) -> None:
    """A `lock_timeout` that a revision sets for its concurrent build is the one in force."""
    history.add(
        "r1",
        None,
        "op.execute('CREATE TABLE a (x int)')\n"
        "with op.get_context().autocommit_block():\n"
        "    op.execute(\"SET lock_timeout = '7s'\")\n"
        "    op.execute('CREATE INDEX CONCURRENTLY ix ON a (x)')\n"
        "    op.execute(\"CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS value\")",
    )
    command.upgrade(history.config(empty_url), "head")

    assert scalar(empty_url, "SELECT value FROM seen") == "7s"


def test_settings_that_a_revision_sees(empty_url: str, history: History) -> None:
    """Each revision, after a concurrent build too, runs with the short timeout, a name and an explicit search path."""
    names = "'lock_timeout', 'application_name', 'search_path', 'client_connection_check_interval'"
    note = (
        'op.execute("INSERT INTO seen SELECT name, current_setting(name) FROM pg_settings WHERE name IN ('
        + names
        + ')")'
    )
    history.add("r1", None, f"op.execute('CREATE TABLE seen (name text, value text)')\n{note}")
    history.add(
        "r2",
        "r1",
        "with op.get_context().autocommit_block():\n"
        "    op.execute('CREATE INDEX CONCURRENTLY ix ON seen (name)')\n"
        f"    {note}",
    )
    history.add("r3", "r2", note)
    command.upgrade(history.config(empty_url, lock_timeout="3s"), "head")
    with psycopg.connect(empty_url) as connection:
        seen = connection.execute("SELECT name, array_agg(DISTINCT value), count(*) FROM seen GROUP BY 1").fetchall()

    assert {name: (values, count) for name, values, count in seen} == {
        "lock_timeout": (["3s"], 3),
        "application_name": (["alembic"], 3),
        "search_path": (["public"], 3),
        "client_connection_check_interval": (["1s"], 3),
    }


def test_search_path_holds_the_schema_of_pgvector(empty_url: str, history: History) -> None:
    """Where an administrator put pgvector into a schema of its own, revisions find its types all the same."""
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE SCHEMA extensions")
        connection.execute("CREATE EXTENSION vector SCHEMA extensions")
    history.add("r1", None, "op.execute('CREATE TABLE a (x vector(3))')")
    command.upgrade(history.config(empty_url), "head")

    assert scalar(empty_url, "SELECT 'a'::regclass::text") == "a"


def test_what_failed_does_not_undo_what_was_done(empty_url: str, history: History) -> None:
    """A failing revision leaves those before it applied and stamped, a concurrent build among them included."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add(
        "r2",
        "r1",
        "with op.get_context().autocommit_block():\n    op.execute('CREATE INDEX CONCURRENTLY ix ON a (x)')",
    )
    history.add("r3", "r2", "op.execute('CREATE TABLE b ()')\nop.execute('SELECT 1/0')")
    with pytest.raises(Exception, match="division by zero"):
        command.upgrade(history.config(empty_url), "head")

    assert current(empty_url) == "r2"
    assert scalar(empty_url, "SELECT to_regclass('b')") is None


def test_another_upgrade_that_does_not_end_is_named(empty_url: str) -> None:
    """Past `-x wait_for_upgrade`, the command fails and names the process that holds the lock."""
    with psycopg.connect(empty_url, application_name="a deployment") as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        result = run("alembic", "-x", "wait_for_upgrade=1", "upgrade", "head", url=empty_url)
        pid = holder.info.backend_pid

    assert result.returncode == 255
    assert f"process {pid} (user postgres, 'a deployment', idle in transaction since " in result.stdout
    assert f"SELECT pg_terminate_backend({pid});" in result.stdout
    assert "Traceback" not in result.stderr


def test_looking_takes_no_lock(migrated_url: str) -> None:
    """`current` and `check` answer while an upgrade of the same database runs."""
    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (KEY,))

        assert run("alembic", "current", url=migrated_url).returncode == 0
        assert run("alembic", "check", url=migrated_url).returncode == 0


def blocked(url: str) -> int:
    """Count the backends that wait for a lock."""
    count: int = scalar(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return count


def test_the_holder_of_a_lock_is_named(empty_url: str, history: History) -> None:
    """Who holds the lock is named on both drivers; what this role may not see of it is said to be hidden."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add("r2", "r1", "op.execute('ALTER TABLE a ADD y int')")
    with psycopg.connect(empty_url, autocommit=True) as administrator:
        administrator.execute("DROP ROLE IF EXISTS owner_without_superuser")
        administrator.execute("CREATE ROLE owner_without_superuser LOGIN")
        administrator.execute("ALTER DATABASE hexalembic_empty OWNER TO owner_without_superuser")
    url = empty_url.replace("://postgres@", "://owner_without_superuser@")
    command.upgrade(history.config(url), "r1")
    plain = history.config(url, lock_timeout="200ms", lock_retries="0")
    handed = history.config(url, lock_timeout="200ms", lock_retries="0")
    handed.attributes["connection"] = engine.tooling_engine(DatabaseURL.parse(url))
    for config in (plain, handed):
        with open_transaction(url, "SELECT  'x' AS one,\n x FROM a") as holder:
            holder.execute("SET application_name = 'a report'")
            holder.execute("SELECT  'x' AS one,\n x FROM a")
            with pytest.raises(CommandError) as caught:
                command.upgrade(config, "head")
            pid = holder.info.backend_pid
        said = str(caught.value)
        assert "in 1 try" in said
        assert "statement: ALTER TABLE a ADD y int" in said
        assert f"held by process {pid} (user owner_without_superuser, 'a report', idle in transaction since 2" in said
        assert "): SELECT 'x' AS one, x FROM a.\n  hint: End it: " in said
        with open_transaction(empty_url, "SELECT x FROM a"), pytest.raises(CommandError) as caught:
            command.upgrade(config, "head")
        assert "its state and query are hidden from role owner_without_superuser" in str(caught.value)
        assert "GRANT pg_read_all_stats TO owner_without_superuser)" in str(caught.value)
    assert current(empty_url) == "r1"


def test_concurrent_build_that_gives_up_names_its_own_option(empty_url: str, history: History) -> None:
    """A concurrent build waits for `concurrent_lock_timeout`: the hint names that, and the holder is named, too."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    build = "op.execute('CREATE INDEX CONCURRENTLY i ON a (x)')"
    history.add("r2", "r1", f"with op.get_context().autocommit_block():\n    {build}")
    command.upgrade(history.config(empty_url), "r1")
    with open_transaction(empty_url, "INSERT INTO a VALUES (1)") as holder:
        with pytest.raises(CommandError) as caught:
            command.upgrade(history.config(empty_url, concurrent_lock_timeout="500ms", lock_retries="0"), "head")
        pid = holder.info.backend_pid

    assert f"held by process {pid} (" in str(caught.value)
    assert "wait longer with -x concurrent_lock_timeout=" in str(caught.value)
    assert "with -x lock_timeout=" not in str(caught.value)
