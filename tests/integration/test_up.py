"""`migrate up -c`: a real database of any Alembic project is upgraded by its own env.py."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.history import History
from tests.integration.test_faults import SLEEPS, rows, when
from tests.support import PROJECT_ROOT, process_environment, run, value, wait_until

pytestmark = pytest.mark.one_major

_LOGGING = """
import logging
logging.basicConfig(level=logging.INFO, format="%(levelname)s [%(name)s] %(message)s")
"""
_RUN = """
    context.configure(connection=connection, version_table="shop revisions", transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
_SYNC = f"""{_LOGGING}
from alembic import context
from sqlalchemy import create_engine, text

with create_engine("postgresql+psycopg://shop:secret@db.invalid:5433/shop").connect() as connection:
{_RUN}
"""
_ASYNC = f"""{_LOGGING}
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
{_RUN}

async def main():
    async with create_async_engine("postgresql+asyncpg://shop:secret@db.invalid:5433/shop").connect() as connection:
        await connection.run_sync(run)

asyncio.run(main())
"""
# It holds on to Ctrl-C, so that it is killed; the server does not notice that before the end of the statement.
_STUBBORN = _SYNC.replace("with create", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwith create", 1)
_LOGGED = "INFO [alembic.runtime.migration] Running upgrade"


@pytest.fixture
def shop(history: History) -> History:
    """A project with two revisions, whose env.py names a server that does not exist."""
    history.add("r1", None, 'op.execute("CREATE TABLE shops (id int PRIMARY KEY)")')
    history.add("r2", "r1", 'op.execute("ALTER TABLE shops ADD name text")')
    return history


def _ini(history: History, env: str) -> Path:
    path = history.plain_ini()
    (path.parent / "env.py").write_text(env, encoding="utf-8")
    return path


def _up(config: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("adapter.inbound.cli.migrate", "up", "-c", str(config), *more, **environment)


@pytest.mark.few(1)
@pytest.mark.parametrize("env", [_SYNC, _ASYNC], ids=["sync", "async"])
def test_to_the_head(shop: History, empty_url: str, env: str) -> None:
    """Revisions run on the database that is named; log lines go to stderr, and the status to stdout."""
    config = _ini(shop, env)
    first, second = _up(config, "--url", empty_url), _up(config, DATABASE_URL=empty_url)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert [line.partition("upgrade ")[2] for line in first.stderr.splitlines() if _LOGGED in line] == [
        " -> r1, r1",
        "r1 -> r2, r2",
    ]
    assert _LOGGED not in second.stderr
    for result in (first, second):
        assert "current   r2 (head)" in result.stdout
        assert "pending   nothing" in result.stdout
        assert "drift     not compared" in result.stdout
        assert "Try next" not in result.stdout
    with psycopg.connect(empty_url) as connection:
        assert value(connection, 'SELECT version_num FROM "shop revisions"') == "r2"
        assert value(connection, "SELECT count(*) FROM shops") == 0


def test_no_database_is_named(shop: History) -> None:
    """Where nobody names the database of another project, nothing runs."""
    result = _up(path := _ini(shop, _SYNC))

    assert (result.returncode, result.stdout) == (2, "")
    assert "error: no database is named" in result.stderr
    assert f"migrate up -c {path} --url" in result.stderr


def test_a_wrong_url(shop: History) -> None:
    """A server that does not answer is named without the password."""
    result = _up(_ini(shop, _SYNC), "--url", "postgresql://ana:s3cret@127.0.0.1:1/shop")

    assert result.returncode == 3
    assert result.stderr.startswith("error: No Postgres server answers at postgresql://ana:***@127.0.0.1:1/shop")
    assert "s3cret" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("upgrade", "message", "hint"),
    [
        (
            'op.execute("ALTER TABLE nobody ADD name text")',
            'Revision r3 failed (r3.py, line 11): relation "nobody" does not exist. The database is at r2.',
            "There is no such table",
        ),
        ("int('x')", "Revision r3 failed (r3.py, line 11): ValueError: invalid literal", "Correct the revision"),
    ],
)
def test_a_revision_that_fails(shop: History, empty_url: str, upgrade: str, message: str, hint: str) -> None:
    """The message names the revision, its line and where the database is; what was committed before is kept."""
    shop.add("r3", "r2", upgrade)
    result = _up(_ini(shop, _SYNC), "--url", empty_url)

    assert (result.returncode, result.stdout) == (3, "")
    assert f"error: {message}" in result.stderr
    assert f"hint: {hint}" in result.stderr
    assert ("Traceback" in result.stderr) == ("ValueError" in message)
    with psycopg.connect(empty_url) as connection:
        assert value(connection, 'SELECT version_num FROM "shop revisions"') == "r2"


@pytest.mark.few(1)
@pytest.mark.parametrize("env", [_SYNC, _ASYNC], ids=["sync", "async"])
def test_a_lock_that_cannot_be_had(shop: History, empty_url: str, env: str) -> None:
    """A lock timeout in the URL counts, and ends the upgrade with a sentence that names who holds the lock."""
    config = _ini(shop, env)
    assert _up(config, "--url", empty_url).returncode == 0
    shop.add("r3", "r2", 'op.execute("ALTER TABLE shops ADD city text")')
    with psycopg.connect(empty_url) as other:
        other.execute("LOCK TABLE shops")
        pid = other.info.backend_pid
        result = _up(config, "--url", f"{empty_url}&options=-clock_timeout%3D3s")

    assert result.returncode == 3
    assert (
        "error: Revision r3 failed (r3.py, line 11). A lock could not be acquired in time at postgresql://"
        in result.stderr
    )
    assert f"; held by process {pid} (user postgres, no application name, idle in " in result.stderr
    assert "): LOCK TABLE shops. The database is at r2." in result.stderr
    assert f"hint: Wait for it, or end it: SELECT pg_terminate_backend({pid}); Then run" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("env", "ending", "cause"),
    [
        (_SYNC, "pg_terminate_backend", "The server ended the session (terminating connection due to administrator"),
        (
            _ASYNC,
            "pg_terminate_backend",
            "terminating connection due to administrator command). The database is at r2.",
        ),
        (_ASYNC, "pg_cancel_backend", "The server cancelled the statement"),
    ],
    ids=["sync", "async", "cancelled"],
)
def test_ended_by_an_administrator(shop: History, empty_url: str, env: str, ending: str, cause: str) -> None:
    """A session or a statement that somebody ends is said with its cause, and with where the database is."""
    shop.add("r3", "r2", "op.execute('SELECT pg_sleep(50)')")
    thread = when(empty_url, SLEEPS, lambda pid: rows(empty_url, f"SELECT {ending}({pid})"))
    result = _up(_ini(shop, env), "--url", empty_url)
    thread.join()

    assert result.returncode == 3
    assert "error: Revision r3 failed (r3.py, line 11). " in result.stderr
    assert cause in result.stderr
    assert "The database is at r2.\nhint: What was not committed has been rolled back" in result.stderr
    assert "Traceback" not in result.stderr


def test_two_databases(shop: History, empty_url: str) -> None:
    """A second address is refused before anything is run, because both would be led to one database."""
    twice = "with create_engine('postgresql+psycopg://db.invalid/{}').connect() as connection:\n"
    body = "    connection.execute(text('SELECT 1'))\n"
    env = _SYNC.replace(
        "with create_engine", twice.format("a") + body + twice.format("b") + body + "\nwith create_engine"
    )
    result = _up(_ini(shop, env), "--url", empty_url)

    assert result.returncode == 2
    assert "the project connects to two databases, a on db.invalid and b on db.invalid" in result.stderr
    with psycopg.connect(empty_url) as connection:
        assert value(connection, "SELECT count(*) FROM pg_class WHERE relname LIKE 'shop%'") == 0


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("env", "code", "message"),
    [
        ("import nowhere", 2, "env.py failed (env.py, line 1): ModuleNotFoundError: No module named 'nowhere'"),
        ("import os; os.environ['SHOP']", 2, "env.py failed (env.py, line 1): KeyError: 'SHOP'"),
        ("import os; os.kill(os.getpid(), 9)", 3, "The upgrade ended too early: the process ended with code -9"),
    ],
)
def test_an_env_that_fails(shop: History, empty_url: str, env: str, code: int, message: str) -> None:
    """What is wrong with env.py is said with its line."""
    result = _up(_ini(shop, env), "--url", empty_url)

    assert result.returncode == code
    assert f"error: {message}" in result.stderr


@pytest.mark.long
def test_variables_and_arguments(shop: History, empty_url: str) -> None:
    """The project gets the address in the variables that it names, and `-x` as Alembic gives it."""
    env = _SYNC.replace(
        'create_engine("postgresql+psycopg://shop:secret@db.invalid:5433/shop")',
        'create_engine(os.environ["SHOP_URL"] + "&application_name=" + context.get_x_argument()[0])',
    )
    shop.add("r3", "r2", "print(op.get_bind().exec_driver_sql('SHOW application_name').scalar())")
    arguments = ["--url", empty_url, "--env", "SHOP_URL=postgresql+psycopg", "-x", "from_x"]
    result = _up(_ini(shop, f"import os\n{env}"), *arguments)

    assert result.returncode == 0, result.stderr
    assert "from_x\n" in result.stderr


@pytest.mark.long
def test_two_heads(shop: History, empty_url: str) -> None:
    """The same sentence and code as those of analyze, by any env.py, before anything runs."""
    shop.add("r3", "r1", "pass")
    for config in (_ini(shop, _SYNC), shop.ini()):
        result = _up(config, "--url", empty_url)

        assert result.returncode == 2
        assert "error: there are 2 heads: r2, r3\nhint: Join them: " in result.stderr
        assert f'alembic -c {config} merge -m "merge" heads' in result.stderr
        assert "Running upgrade" not in result.stderr


@pytest.mark.long
@pytest.mark.parametrize("name", ["base", "heads"])
def test_an_id_that_is_a_place(shop: History, empty_url: str, name: str) -> None:
    """An id by which Alembic means something else is refused in two lines, by any env.py and command."""
    shop.add(name, "r2", "pass")
    config = _ini(shop, _SYNC)
    results = [_up(path, "--url", empty_url) for path in (config, shop.ini())]
    results.append(run("adapter.inbound.cli.migrate", "analyze", "-c", str(config)))

    for result in results:
        assert result.returncode == 2
        assert f"The id of the revision in {name}.py is {name!r}, which Alembic takes for a place" in result.stderr
        assert "hint: Give the revision another id" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("upgrade", "arguments", "code", "message", "hint"),
    [
        ("pass", (), 0, "Running upgrade  -> r0, r0", ""),
        ("pass", ("-x", "nothing=1"), 2, "error: An option -x is unknown.", "hint: Known are: url, lock_timeout"),
        (
            'op.execute("SELECT nothing")',
            ("-x", "lock_timeout=5s"),
            3,
            'error: Revision r0 failed (r0.py, line 11): column "nothing" does not exist. It has been rolled back.',
            "hint: There is no such column",
        ),
    ],
)
def test_this_environment(
    history: History, empty_url: str, upgrade: str, arguments: tuple[str, ...], code: int, message: str, hint: str
) -> None:
    """Log lines, errors, hints and exit codes of this project's env.py come through as they are."""
    history.add("r0", None, upgrade)
    result = _up(history.ini(), "--url", empty_url, *arguments)

    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert hint in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.long
def test_no_such_python(shop: History, empty_url: str) -> None:
    """An interpreter that is not there is named."""
    result = _up(_ini(shop, _SYNC), "--url", empty_url, "--python", "/nowhere/python")

    assert result.returncode == 2
    assert "there is no Python /nowhere/python" in result.stderr


@pytest.fixture
def sleeping(shop: History) -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Start an upgrade whose third revision sleeps for a minute, and wait until it does; gives the process."""
    shop.add("r3", "r2", "op.execute('SELECT pg_sleep(60)')")
    processes: list[subprocess.Popen[str]] = []

    def start(env: str, url: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "adapter.inbound.cli.migrate", "up", "-c", str(_ini(shop, env)), "--url", url],
            cwd=PROJECT_ROOT,
            env=process_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,  # as a shell does
        )
        processes.append(process)
        wait_until(lambda: _sleepers(url) == 1)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("env", "number", "code", "last_line"),
    [
        (_SYNC, signal.SIGINT, 130, "interrupted"),
        (_ASYNC, signal.SIGTERM, 143, "terminated"),
        (_STUBBORN, signal.SIGTERM, 143, "terminated"),
    ],
    ids=["sync", "async", "stubborn"],
)
def test_a_signal(
    sleeping: Callable[[str, str], subprocess.Popen[str]],
    empty_url: str,
    env: str,
    number: signal.Signals,
    code: int,
    last_line: str,
) -> None:
    """The statement is cancelled, the revision rolled back, and no process or session is left."""
    process = sleeping(env, empty_url)
    children = _children(process.pid)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors.splitlines()[-1]) == (code, last_line)
    assert "Traceback" not in errors
    assert children
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    wait_until(lambda: _sleepers(empty_url) == 0, seconds=5)
    with psycopg.connect(empty_url) as connection:
        assert value(connection, 'SELECT version_num FROM "shop revisions"') == "r2"


@pytest.mark.long
def test_log_lines_come_while_it_runs(sleeping: Callable[[str, str], subprocess.Popen[str]], empty_url: str) -> None:
    """Lines are handed on at once, not at the end."""
    process = sleeping(_SYNC, empty_url)
    assert process.stderr is not None
    while "r2 -> r3" not in process.stderr.readline():
        assert process.poll() is None
    assert _sleepers(empty_url) == 1


def _sleepers(url: str) -> int:
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'"
        return int(value(connection, query))


def _children(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    return [each for child in children for each in (child, *_children(child))]
