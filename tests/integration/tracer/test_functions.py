"""What the tracer reports of upgrade and downgrade functions: lines, transactions, errors."""

import psycopg
import pytest

from adapter.outbound.migration.project.client import run_agent
from domain.migration.trace import ChangedObject, RowCounts
from tests.history import History
from tests.integration.tracer.cases import SHARE_UPDATE
from tests.integration.tracer.jobs import job, run_of

pytestmark = pytest.mark.one_major


def test_up_and_down_with_operations_lines_and_transactions(history: History, empty_url: str) -> None:
    """A statement knows its line, its operation, its transaction and the lock_timeout; the downgrade is traced, too."""
    history.add(
        "first", None, "op.create_table('a', sa.Column('id', sa.Integer, primary_key=True))", "op.drop_table('a')"
    )
    history.add(
        "next",
        "first",
        "op.execute(\"SET LOCAL lock_timeout = '7s'\")\n"
        "op.add_column('a', sa.Column('b', sa.Integer))\n"
        "with op.get_context().autocommit_block():\n"
        "    op.create_index('ib', 'a', ['b'], postgresql_concurrently=True)\n"
        "op.create_index('ib2', 'a', ['b'])\n",
        "op.drop_index('ib2')\nop.drop_index('ib')\nop.drop_column('a', 'b')",
    )
    config = history.ini()
    assert run_agent(job(config, empty_url, "upgrade", "first")).error is None
    up = run_of(run_agent(job(config, empty_url, "upgrade", "next"))).statements
    assert [one.operation for one in up] == [None, "add_column", "create_index", "create_index"]
    assert [one.transaction for one in up] == [1, 1, None, 2]
    assert up[1].lock_timeout == "7s"
    assert up[3].lock_timeout != "7s"
    source = (history.folder / "next.py").read_text().splitlines()
    assert "add_column" in source[(up[1].line or 0) - 1]
    assert "ib2" in source[(up[3].line or 0) - 1]
    down = run_of(run_agent(job(config, empty_url, "undo", "next")))
    assert down.direction == "downgrade"
    assert [one.operation for one in down.statements] == ["drop_index", "drop_index", "drop_column"]
    assert {one.transaction for one in down.statements} == {1}
    # The table is locked once: what the transaction holds already is not named again.
    assert [list(one.locks) for one in down.statements] == [["public.a", "public.ib2"], ["public.ib"], []]


def test_locks_of_new_tables_are_nobodys(history: History, empty_url: str) -> None:
    """A lock on a table that the revision made itself stops nobody and is not reported; its rows and indexes are."""
    history.add(
        "only",
        None,
        "op.create_table('a', sa.Column('id', sa.Integer, primary_key=True))\n"
        "op.bulk_insert(sa.table('a', sa.column('id')), [{'id': 1}, {'id': 2}])\n"
        "op.create_index('i', 'a', ['id'])",
    )
    made, filled, indexed = run_of(run_agent(job(history.ini(), empty_url))).statements
    assert not made.locks
    assert not filled.locks
    assert not indexed.locks
    assert made.created[0] == ChangedObject("table", "public.a")
    assert filled.rows == {"public.a": RowCounts(inserted=2)}
    assert filled.operation == "bulk_insert"
    assert indexed.indexes_built == ("public.i",)


def test_a_failing_statement_is_data(history: History, empty_url: str) -> None:
    """What the server refuses is on its statement, with the code, and on the function that did not catch it."""
    history.add("only", None, "op.execute('CREATE TABLE a (id int)')\nop.execute('ALTER TABLE nowhere ADD b int')")
    run = run_of(run_agent(job(history.ini(), empty_url)))
    assert run.statements[-1].sqlstate == "42P01"
    assert run.statements[-1].error == 'relation "nowhere" does not exist'
    assert run.error is not None
    assert run.error.sqlstate == "42P01"


def test_an_author_may_catch_errors_and_use_savepoints(history: History, empty_url: str) -> None:
    """Probes take no part in a failed transaction; after ROLLBACK TO the tracer compares with the catalog that is."""
    history.add(
        "only",
        None,
        "op.execute('CREATE TABLE a (id int)')\n"
        "try:\n"
        "    with op.get_bind().begin_nested():\n"
        "        op.execute('CREATE TABLE b (id int)')\n"
        "        op.execute('SELECT 1/0')\n"
        "except sa.exc.DBAPIError:\n"
        "    op.execute('CREATE TABLE c (id int)')",
    )
    result = run_agent(job(history.ini(), empty_url))
    assert result.error is None
    statements = run_of(result).statements
    assert [one.sqlstate for one in statements] == [None, None, "22012", None]
    assert statements[-1].created == (ChangedObject("table", "public.c"),)
    assert statements[-1].dropped == ()


def test_a_failed_concurrent_build_leaves_an_invalid_index(history: History, empty_url: str) -> None:
    """CREATE UNIQUE INDEX CONCURRENTLY on duplicates fails and leaves its index behind."""
    history.add("first", None, "op.execute('CREATE TABLE a AS SELECT 1 AS x FROM generate_series(1, 2)')")
    history.add(
        "bad",
        "first",
        "with op.get_context().autocommit_block():\n    op.execute('CREATE UNIQUE INDEX CONCURRENTLY i ON a (x)')",
    )
    (statement,) = run_agent(job(history.ini(), empty_url)).runs[-1].statements
    assert statement.sqlstate == "23505"
    assert statement.created == (ChangedObject("index", "public.i"),)
    assert statement.locks["public.a"].sql == SHARE_UPDATE


def test_sys_exit_is_data(history: History, empty_url: str) -> None:
    """A revision that calls sys.exit ends its own function only."""
    history.add("only", None, "import sys\nsys.exit(3)")
    result = run_agent(job(history.ini(), empty_url))
    assert result.error is not None
    assert result.error.kind == "exit"
    stopped = run_of(result).error
    assert stopped is not None
    assert (stopped.message, stopped.path, stopped.line) == ("sys.exit(3)", str(history.folder / "only.py"), 12)
    history.add("only", None, "import os\nos._exit(3)")
    result = run_agent(job(history.ini(), empty_url))
    assert result.error is not None
    assert result.error.kind == "died"
    assert not run_of(result).finished


@pytest.mark.long
def test_an_endless_revision_is_stopped(history: History, empty_url: str) -> None:
    """A revision that waits for ever is killed with its sessions; nothing of it stays in the database."""
    history.add("only", None, "op.execute('CREATE TABLE a (id int)')\nop.execute('SELECT pg_sleep(600)')")
    result = run_agent(job(history.ini(), empty_url), timeout=8)
    assert result.error is not None
    assert result.error.kind == "timeout"
    assert run_of(result).statements[0].sql == "CREATE TABLE a (id int)"
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('a')").fetchone() == (None,)
