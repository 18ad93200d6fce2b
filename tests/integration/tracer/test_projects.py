"""Projects that the agent runs: their env.py, their connections and their histories."""

import ast
import sys
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.project.agent_process import AGENT
from adapter.outbound.migration.project.client import run_agent
from domain.migration.trace import RowCounts
from tests.history import History
from tests.integration.tracer.cases import SHARE_UPDATE
from tests.integration.tracer.jobs import job, run_of

pytestmark = pytest.mark.one_major


def test_own_connections_land_in_the_sandbox(history: History, empty_url: str) -> None:
    """A connection that a revision opens to another address, with either driver, is one to the sandbox."""
    history.add(
        "only",
        None,
        "import asyncio, threading\n"
        "import asyncpg, psycopg\n"
        "with psycopg.connect('postgresql://nobody:secret@192.0.2.1:1/elsewhere?connect_timeout=1') as own:\n"
        "    own.execute('CREATE TABLE by_psycopg (id int)')\n"
        "async def work():\n"
        "    own = await asyncpg.connect('postgresql://nobody@192.0.2.1:1/elsewhere', timeout=5)\n"
        "    await own.execute('CREATE TABLE by_asyncpg (id int)')\n"
        "    await own.close()\n"
        "thread = threading.Thread(target=lambda: asyncio.run(work()))\n"
        "thread.start()\n"
        "thread.join()\n"
        "engine = sa.create_engine('postgresql+psycopg://nobody@192.0.2.1:1/elsewhere')\n"
        "with engine.begin() as connection:\n"
        "    connection.execute(sa.text('CREATE TABLE by_engine (id int)'))",
    )
    result = run_agent(job(history.ini(), empty_url))
    assert result.error is None, result.error
    with psycopg.connect(empty_url) as connection:
        tables = connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'by%' ORDER BY 1").fetchall()
    assert tables == [("by_asyncpg",), ("by_engine",), ("by_psycopg",)]


def test_another_kind_of_database_is_refused(history: History, empty_url: str) -> None:
    """An engine of SQLite is refused by name, not opened."""
    history.add("only", None, "sa.create_engine('sqlite://').connect()")
    error = run_of(run_agent(job(history.ini(), empty_url))).error
    assert error is not None
    assert error.kind == "refused"
    assert "sqlite" in error.message


def test_a_syntax_error_is_data(history: History, empty_url: str) -> None:
    """A revision that does not compile is named with its line."""
    history.add("only", None, "this is no Python")
    error = run_agent(job(history.ini(), empty_url, "revisions")).error
    assert error is not None
    assert (error.type, error.path, error.line) == ("SyntaxError", str(history.folder / "only.py"), 11)


def test_revisions_are_listed_from_base_to_heads(history: History, empty_url: str) -> None:
    """Each revision comes after those that it follows, with what its file says."""
    history.add("one", None, "pass")
    history.add("two", "one", "pass")
    history.add("three", "one", "pass")
    path = history.folder / "three.py"
    path.write_text(path.read_text() + "\n\nsafety_assured = {'code': 'reason'}\n")
    result = run_agent(job(history.ini(), empty_url, "revisions"))
    assert result.error is None
    assert result.revisions[0].revision == "one"
    assert result.revisions[0].down_revision == ()
    three = next(one for one in result.revisions if one.revision == "three")
    assert three.down_revision == ("one",)
    assert three.safety_assured == {"code": "reason"}
    assert three.is_head
    assert three.path == str(path)


def test_cycles_and_duplicates_are_data(history: History, empty_url: str) -> None:
    """A history that goes round is an error; two files with one id are a problem that is told."""
    history.add("one", None, "pass")
    (history.folder / "copy.py").write_text((history.folder / "one.py").read_text())
    (problem,) = run_agent(job(history.ini(), empty_url, "revisions")).problems
    assert "one" in problem.message
    (history.folder / "copy.py").unlink()
    history.add("two", "three", "pass")
    history.add("three", "two", "pass")
    error = run_agent(job(history.ini(), empty_url, "revisions")).error
    assert error is not None
    assert "ycle" in error.message


_SYNC_ENV = """
from alembic import context
from sqlalchemy import engine_from_config

engine = engine_from_config(context.config.get_section("alembic"), prefix="sqlalchemy.")
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
_ASYNC_ENV = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine("postgresql+asyncpg://nobody:secret@192.0.2.1:1/elsewhere")
    async with engine.connect() as connection:
        await connection.run_sync(run)

asyncio.run(main())
"""


@pytest.mark.parametrize("env", [_SYNC_ENV, _ASYNC_ENV], ids=["sync", "async"])
def test_env_py_of_others(env: str, history: History, empty_url: str, tmp_path: Path) -> None:
    """An env.py with one outer transaction, sync with a URL from its configuration or async with asyncpg, is traced."""
    (tmp_path / "env.py").write_text(env)
    config = tmp_path / "alembic.ini"
    config.write_text(
        f"[alembic]\nscript_location = {tmp_path}\npath_separator = os\n"
        "sqlalchemy.url = postgresql+psycopg://nobody@192.0.2.1:1/x\n"
    )
    history.add("one", None, "op.execute('CREATE TABLE a (id int)')")
    history.add(
        "two",
        "one",
        "op.add_column('a', sa.Column('b', sa.Integer))\n"
        "op.get_bind().execute(sa.text('INSERT INTO a SELECT g FROM generate_series(1, :n) g'), {'n': 10})\n"
        "with op.get_context().autocommit_block():\n"
        "    op.create_index('i', 'a', ['b'], postgresql_concurrently=True)\n"
        "    op.create_index('j', 'a', ['b'])\n"
        "op.get_bind().execute(sa.text('UPDATE a SET b = 1'))",
    )
    result = run_agent(job(config, empty_url))
    assert result.error is None, (result.error, result.output)
    add, insert, concurrent, plain, update = result.runs[1].statements
    assert add.operation == "add_column"
    assert insert.rows == {"public.a": RowCounts(inserted=10)}
    assert {name: mode.sql for name, mode in concurrent.locks.items()} == {"public.a": SHARE_UPDATE}
    assert concurrent.scanned == {"public.a": 20}
    assert {name: mode.sql for name, mode in plain.locks.items()} == {"public.a": "SHARE"}
    assert [one.transaction for one in (add, insert, concurrent, plain, update)] == [1, 1, None, None, 2]
    assert update.rows == {"public.a": RowCounts(updated=10)}


def test_the_agent_runs_alone() -> None:
    """The agent needs nothing but the standard library until it has a job, and none of our packages ever."""
    for module in AGENT.parent.glob("*.py"):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names, module.name


def test_an_agent_that_does_not_start_is_said_to_have_died(history: History, empty_url: str) -> None:
    """A program that ends at once, in place of Python, is not waited for."""
    history.add("first", None, "pass")
    result = run_agent(job(history.ini(), empty_url), python="/bin/true")
    assert result.error is not None
    assert result.error.kind == "died"
