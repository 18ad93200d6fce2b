"""`migrate record` and `migrate verify --statements`: what an application was seen to send is tried as old code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.bootstrap.verify import VerificationRequest, render_verification
from adapter.outbound.migration.traffic.recorder import read_statements
from domain.migration.statements import StatementsError
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

SCRIPT = """
import asyncio, os, subprocess, sys, time
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

url = os.environ["DATABASE_URL"].removeprefix("postgresql")
people = sa.table("people", sa.column("id"), sa.column("name"), sa.column("age"))


def send():
    engine = sa.create_engine("postgresql+psycopg" + url)
    with engine.begin() as connection:
        connection.execute(sa.text("SET search_path = public"))
        connection.execute(sa.text("SELECT version()"))
        connection.execute(sa.text("SELECT relname FROM pg_class LIMIT 1"))
        connection.execute(sa.text("CREATE TEMPORARY TABLE t (id int)"))
        connection.execute(people.insert(), [{"id": 901, "name": "s3cret", "age": 1},
                                              {"id": 902, "name": "b", "age": 2}])
        connection.execute(sa.text("SELECT name FROM people WHERE age = :age AND name LIKE 'a%'"), {"age": 4711})
        connection.execute(sa.select(people.c.name).where(people.c.id.in_([1, 2, 3])))
        connection.execute(sa.select(people.c.name).where(people.c.id.in_([1, 2])))
    engine.dispose()


async def send_later():
    engine = create_async_engine("postgresql+asyncpg" + url)
    async with engine.connect() as connection:
        await connection.execute(sa.update(people).values(age=5).where(people.c.name == "s3cret"))
    await engine.dispose()


if "child" in sys.argv:
    asyncio.run(send_later())
else:
    send()
    subprocess.run([sys.executable, __file__, "child"], check=True)
    if "wait" in sys.argv:
        print("waiting", flush=True)
        time.sleep(60)
    sys.exit(7)
"""


OWN = """
import os, runpy, sys
assert os.environ['WAS_HERE'] == 'yes'
sys.argv = ['backend', 'user', 'register', 'ana@example.org', 'Ana']
runpy.run_module('adapter.inbound.cli.backend', run_name='__main__')
"""


@pytest.fixture
def url(empty_url: str) -> str:
    """A database with one table."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL, age int)")
    return empty_url


def record(url: str, folder: Path, *options: str, script: str = SCRIPT) -> tuple[int, dict[str, Any]]:
    """Record a script, and give the exit code and the file."""
    (folder / "app.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "record", "-o", str(folder / "s.json"), *options]
    result = subprocess.run(
        [*command, "--", sys.executable, str(folder / "app.py")],
        cwd=PROJECT_ROOT, env=process_environment(url), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in result.stderr, result.stderr
    return result.returncode, json.loads((folder / "s.json").read_text(encoding="utf-8"))


@pytest.mark.long
def test_what_is_recorded(url: str, tmp_path: Path) -> None:
    """Sync and async drivers, child processes; each form once, as `$1`; no settings, DDL or catalogs; the exit code."""
    code, found = record(url, tmp_path)
    by_sql = {one["sql"]: one for one in found["statements"]}

    assert code == 7
    assert found["schema"] == "hexalembic.statements/1"
    assert len(by_sql) == 4, by_sql
    assert by_sql["SELECT name FROM people WHERE age = $1 AND name LIKE 'a%'"] == {
        "sql": "SELECT name FROM people WHERE age = $1 AND name LIKE 'a%'",
        "table": "public.people",
        "parameters": ["4711"],
    }
    [update] = [one for sql, one in by_sql.items() if sql.startswith("UPDATE people SET age=$1")]
    assert update["parameters"] == ["5", "s3cret"]
    [insert] = [one for sql, one in by_sql.items() if sql.startswith("INSERT INTO people")]
    assert insert["parameters"][:3] == ["901", "s3cret", "1"]
    assert list(by_sql) == sorted(by_sql)


@pytest.mark.long
def test_values_can_be_kept_out(url: str, tmp_path: Path) -> None:
    """With --no-values no value is in the file, and the statements are still tried."""
    _, found = record(url, tmp_path, "--no-values")
    text = (tmp_path / "s.json").read_text(encoding="utf-8")

    assert "s3cret" not in text
    assert "4711" not in text
    assert {value for one in found["statements"] for value in one["parameters"]} == {None}


def test_an_interrupted_command_leaves_its_statements(url: str, tmp_path: Path) -> None:
    """Ctrl-C reaches the command and ends the recording, and the file is there."""
    (tmp_path / "app.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "record", "-o", str(tmp_path / "s.json"), "--"]
    process = subprocess.Popen(
        [*command, sys.executable, str(tmp_path / "app.py"), "wait"],
        cwd=PROJECT_ROOT, env=process_environment(url), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"waiting\n"
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)

    assert process.returncode != 0
    assert len(read_statements(tmp_path / "s.json")) == 4


def test_own_application_and_hidden_sitecustomize(migrated_url: str, tmp_path: Path) -> None:
    """The project's own command is recorded, and a `sitecustomize` of the application still runs."""
    (tmp_path / "sitecustomize.py").write_text("import os\nos.environ['WAS_HERE'] = 'yes'\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(PROJECT_ROOT)])
    (tmp_path / "app.py").write_text(OWN, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "adapter.inbound.cli.migrate", "record", "-o", str(tmp_path / "s.json"), "--",
         sys.executable, str(tmp_path / "app.py")],
        cwd=PROJECT_ROOT, env=process_environment(migrated_url, PYTHONPATH=path), capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    tables = {one.table for one in read_statements(tmp_path / "s.json")}

    assert result.returncode == 0, result.stderr
    assert "public.users" in tables


@pytest.mark.long
@pytest.mark.parametrize("values", ["--values", "--no-values"])
def test_verify_tries_recorded_statements(
    url: str, tmp_path: Path, history: History, server: Server, values: str
) -> None:
    """A recorded statement that names a renamed column is reported as broken, with `recorded`."""
    record(url, tmp_path, values)
    history.add(
        "r1",
        None,
        'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL, age int)")',
        'op.execute("DROP TABLE people")',
    )
    history.add(
        "r2",
        "r1",
        'op.execute("ALTER TABLE people RENAME age TO years")',
        'op.execute("ALTER TABLE people RENAME years TO age")',
    )
    config = history.plain_ini()
    config.write_text(
        config.read_text(encoding="utf-8") + f"\n[hexalembic]\nstatements = {tmp_path / 's.json'}\n", encoding="utf-8"
    )
    asked = VerificationRequest("r2", "compat", tmp_path / "certificates.json")
    report = verified(server, config, asked, rows=20)
    text = render_verification(report, "json", verbose=False, color=False)
    broken = json.loads(text)["revisions"][0]["old_code"]["broken"]

    recorded = {one["sql"].split()[0] for one in broken if one["recorded"]}
    assert recorded == {"SELECT", "UPDATE", "INSERT"}


def test_bad_input(tmp_path: Path) -> None:
    """A file of another kind, one that is not there, and a command that cannot be run are said in two lines."""
    head = '{"schema": "hexalembic.statements/1", '
    for text in ("{", "[]", '{"schema": "x", "statements": []}', head + '"statements": [1]}'):
        (tmp_path / "s.json").write_text(text, encoding="utf-8")
        with pytest.raises(StatementsError):
            read_statements(tmp_path / "s.json")
    with pytest.raises(StatementsError, match="cannot be read"):
        read_statements(tmp_path / "none.json")
    result = subprocess.run(
        [sys.executable, "-m", "adapter.inbound.cli.migrate", "record", "-o", str(tmp_path / "o"), "--", "no-such"],
        cwd=PROJECT_ROOT, env=process_environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert result.returncode == 2
    assert result.stderr.startswith("error: no-such cannot be run")
