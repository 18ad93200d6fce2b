"""What the tracer reports is what Postgres did: operations whose locks, rewrites and scans were measured elsewhere."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pytest
from pytest_postgresql.janitor import DatabaseJanitor

from adapter.outbound.migration.project.agent_process import AGENT
from adapter.outbound.migration.project.client import Agent, run_agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult, AgentRun
from domain.migration.trace import ChangedObject, RowCounts, StatementTrace
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

ROWS = 500
SHARE_UPDATE = "SHARE UPDATE EXCLUSIVE"
SHARE_ROW = "SHARE ROW EXCLUSIVE"
ACCESS = "ACCESS EXCLUSIVE"


@dataclass(frozen=True)
class Case:
    """An operation and what Postgres does in it.

    Attributes:
        name: Names it in the test's report, and its revision.
        sql: Statements; the last one is the operation, those before prepare it, in revisions of their own.
        locks: Strongest mode per table that was there before, without the schema; ACCESS SHARE left out.
        rewritten: Tables that got another file.
        scanned: Tables that were read from end to end.
        rows: Rows written, per table.
        indexes: Indexes built.
        autocommit: It runs outside a transaction.
        python: Body of `upgrade()` in the place of the last statement.
        since: The first major version that has it.
    """

    name: str
    sql: tuple[str, ...]
    locks: dict[str, str] = field(default_factory=dict)
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()
    autocommit: bool = False
    python: str | None = None
    since: int = 16


TABLES = f"""
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TABLE p (id int PRIMARY KEY, name text);
CREATE TABLE t (id int PRIMARY KEY, n int, m int, v varchar(50), txt text, num numeric(10,2), ts timestamp, p_id int,
    filled int, checked int, gone int, other int);
CREATE INDEX t_v ON t (v);
CREATE TABLE e (id int PRIMARY KEY, emb vector(8));
CREATE TABLE pt (id int, k int) PARTITION BY RANGE (k);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (0) TO (100);
CREATE TABLE pd PARTITION OF pt DEFAULT;
CREATE TABLE q (id int, k int);
CREATE TABLE empty_after (id int PRIMARY KEY);
CREATE VIEW vw AS SELECT id FROM p;
INSERT INTO p SELECT g, 'p' || g FROM generate_series(1, {ROWS}) g;
INSERT INTO t SELECT g, g, g, 'v' || g, 't' || g, g, now(), g, g, g, g, g FROM generate_series(1, {ROWS}) g;
INSERT INTO e SELECT g, ('[' || g || ',2,3,4,5,6,7,8]')::vector FROM generate_series(1, {ROWS}) g;
INSERT INTO pt SELECT g, g % 100 FROM generate_series(1, {ROWS}) g;
INSERT INTO pd SELECT g, 5000 FROM generate_series(1, {ROWS}) g;
INSERT INTO q SELECT g, 1000 FROM generate_series(1, {ROWS}) g;
INSERT INTO empty_after SELECT g FROM generate_series(1, {ROWS}) g;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""

CASES = (
    Case("add_nullable", ("ALTER TABLE t ADD a1 int",), {"t": ACCESS}),
    Case("add_constant_default", ("ALTER TABLE t ADD a2 int NOT NULL DEFAULT 5",), {"t": ACCESS}),
    Case("add_stable_default", ("ALTER TABLE t ADD a3 timestamptz DEFAULT now()",), {"t": ACCESS}),
    Case(
        "add_volatile_default",
        ("ALTER TABLE t ADD a4 timestamptz DEFAULT clock_timestamp()",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case(
        "add_identity",
        ("ALTER TABLE t ADD a5 int GENERATED ALWAYS AS IDENTITY",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case(
        "add_stored_generated",
        ("ALTER TABLE t ADD a6 int GENERATED ALWAYS AS (id * 2) STORED",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case("add_virtual_generated", ("ALTER TABLE t ADD a7 int GENERATED ALWAYS AS (id * 2)",), {"t": ACCESS}, since=18),
    Case("add_with_check", ("ALTER TABLE t ADD a8 int CHECK (a8 > 0)",), {"t": ACCESS}, scanned=("t",)),
    Case("add_references", ("ALTER TABLE t ADD a9 int REFERENCES p",), {"t": ACCESS, "p": SHARE_ROW}),
    Case(
        "add_unique_column",
        ("ALTER TABLE t ADD a10 int UNIQUE",),
        {"t": ACCESS},
        scanned=("t",),
        indexes=("t_a10_key",),
    ),
    Case("set_not_null", ("ALTER TABLE t ALTER n SET NOT NULL",), {"t": ACCESS}, scanned=("t",)),
    Case(
        "set_not_null_with_check",
        (
            "ALTER TABLE t ADD CONSTRAINT c_checked CHECK (checked IS NOT NULL)",
            "ALTER TABLE t ALTER checked SET NOT NULL",
        ),
        {"t": ACCESS},
    ),
    Case("drop_not_null", ("ALTER TABLE t ALTER n DROP NOT NULL",), {"t": ACCESS}),
    Case("set_default", ("ALTER TABLE t ALTER n SET DEFAULT 3",), {"t": ACCESS}),
    Case("set_statistics", ("ALTER TABLE t ALTER n SET STATISTICS 200",), {"t": SHARE_UPDATE}),
    Case(
        "type_int_to_bigint",
        ("ALTER TABLE t ALTER m TYPE bigint",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
        indexes=(),
    ),
    Case("type_varchar_wider", ("ALTER TABLE t ALTER v TYPE varchar(100)",), {"t": ACCESS}),
    Case("type_varchar_to_text", ("ALTER TABLE t ALTER v TYPE text",), {"t": ACCESS}),
    Case("type_numeric_precision", ("ALTER TABLE t ALTER num TYPE numeric(12,2)",), {"t": ACCESS}),
    Case(
        "type_numeric_scale",
        ("ALTER TABLE t ALTER num TYPE numeric(14,4)",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case(
        "collation_of_an_indexed_column",
        ('ALTER TABLE t ALTER v TYPE text COLLATE "C"',),
        {"t": ACCESS},
        scanned=("t",),
        indexes=("t_v",),
    ),
    Case("add_check", ("ALTER TABLE t ADD CONSTRAINT c1 CHECK (n > 0)",), {"t": ACCESS}, scanned=("t",)),
    Case("add_check_not_valid", ("ALTER TABLE t ADD CONSTRAINT c2 CHECK (n > 0) NOT VALID",), {"t": ACCESS}),
    Case("validate_check", ("ALTER TABLE t VALIDATE CONSTRAINT c2",), {"t": SHARE_UPDATE}, scanned=("t",)),
    Case(
        "add_foreign_key",
        ("ALTER TABLE t ADD CONSTRAINT f1 FOREIGN KEY (p_id) REFERENCES p",),
        {"t": SHARE_ROW, "p": SHARE_ROW},
        scanned=("p", "t"),
    ),
    Case(
        "add_foreign_key_not_valid",
        ("ALTER TABLE t ADD CONSTRAINT f2 FOREIGN KEY (p_id) REFERENCES p NOT VALID",),
        {"t": SHARE_ROW, "p": SHARE_ROW},
    ),
    Case(
        "validate_foreign_key",
        ("ALTER TABLE t VALIDATE CONSTRAINT f2",),
        {"t": SHARE_UPDATE, "p": "ROW SHARE"},
        scanned=("p", "t"),
    ),
    Case("drop_foreign_key", ("ALTER TABLE t DROP CONSTRAINT f2",), {"t": ACCESS, "p": ACCESS}),
    Case("drop_check", ("ALTER TABLE t DROP CONSTRAINT c2",), {"t": ACCESS}),
    Case(
        "add_unique",
        ("ALTER TABLE t ADD CONSTRAINT u1 UNIQUE (other)",),
        {"t": ACCESS},
        scanned=("t",),
        indexes=("u1",),
    ),
    Case(
        "add_unique_using_index",
        ("CREATE UNIQUE INDEX t_gone ON t (gone)", "ALTER TABLE t ADD CONSTRAINT u2 UNIQUE USING INDEX t_gone"),
        {"t": ACCESS, "t_gone": SHARE_UPDATE},
    ),
    Case("create_index", ("CREATE INDEX i1 ON t (n)",), {"t": "SHARE"}, scanned=("t",), indexes=("i1",)),
    Case(
        "create_index_in_autocommit",
        ("CREATE INDEX i2 ON t (n)",),
        {"t": "SHARE"},
        scanned=("t",),
        indexes=("i2",),
        autocommit=True,
    ),
    Case(
        "create_index_concurrently",
        ("CREATE INDEX CONCURRENTLY i3 ON t (n)",),
        {"t": SHARE_UPDATE},
        scanned=("t",),
        indexes=("i3",),
        autocommit=True,
    ),
    Case(
        "reindex_concurrently",
        ("REINDEX INDEX CONCURRENTLY i3",),
        {"t": SHARE_UPDATE, "i3": SHARE_UPDATE},
        scanned=("t",),
        indexes=("i3",),
        autocommit=True,
    ),
    Case("reindex", ("REINDEX INDEX i3",), {"t": "SHARE", "i3": ACCESS}, rewritten=("i3",), scanned=("t",)),
    Case("rename_index", ("ALTER INDEX i2 RENAME TO i2b",), {"i2": SHARE_UPDATE}),
    Case("drop_index", ("DROP INDEX i1",), {"t": ACCESS, "i1": ACCESS}),
    Case(
        "drop_index_concurrently",
        ("DROP INDEX CONCURRENTLY i3",),
        {"t": SHARE_UPDATE, "i3": SHARE_UPDATE},
        autocommit=True,
    ),
    Case("vacuum", ("VACUUM p",), {"p": SHARE_UPDATE}, autocommit=True),
    Case("rename_column", ("ALTER TABLE t RENAME txt TO txt2",), {"t": ACCESS}),
    Case("drop_column", ("ALTER TABLE t DROP COLUMN txt2",), {"t": ACCESS}),
    Case("rename_table", ("ALTER TABLE q RENAME TO q2",), {"q": ACCESS}),
    Case(
        "create_trigger",
        ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing()",),
        {"t": SHARE_ROW},
    ),
    Case("drop_trigger", ("DROP TRIGGER tr ON t",), {"t": ACCESS}),
    Case("comment", ("COMMENT ON COLUMN t.n IS 'a number'",), {"t": SHARE_UPDATE}),
    Case("create_statistics", ("CREATE STATISTICS st ON n, m FROM t",), {"t": SHARE_UPDATE}),
    Case("replace_view", ("CREATE OR REPLACE VIEW vw AS SELECT id, name FROM p",), {"vw": ACCESS}),
    Case("materialized_view", ("CREATE MATERIALIZED VIEW mv AS SELECT id FROM p",), scanned=("p",), rows={"mv": ROWS}),
    Case("add_enum_value", ("ALTER TYPE mood ADD VALUE 'c'",)),
    Case("create_table_with_fk", ("CREATE TABLE child (id int, p_id int REFERENCES p)",), {"p": SHARE_ROW}),
    Case("drop_table_with_fk", ("DROP TABLE child",), {"p": ACCESS, "child": ACCESS}),
    Case(
        "attach_partition",
        (
            "CREATE TABLE q3 AS SELECT g AS id, 1000 AS k FROM generate_series(1, 500) g",
            "ALTER TABLE pt ATTACH PARTITION q3 FOR VALUES FROM (1000) TO (1001)",
        ),
        {"pt": SHARE_UPDATE, "q3": ACCESS, "pd": ACCESS},
        scanned=("pd", "q3"),
    ),
    Case(
        "partition_of_with_default",
        ("CREATE TABLE pt2 PARTITION OF pt FOR VALUES FROM (2000) TO (2001)",),
        {"pt": ACCESS, "pd": ACCESS},
        scanned=("pd",),
    ),
    Case("index_on_partitioned", ("CREATE INDEX pti ON ONLY pt (k)",), {"pt": "SHARE"}),
    Case("owner", ("ALTER TABLE p REPLICA IDENTITY FULL",), {"p": ACCESS}),
    Case(
        "update_all",
        ("UPDATE p SET name = name || '!'",),
        {"p": "ROW EXCLUSIVE", "p_pkey": "ROW EXCLUSIVE"},
        scanned=("p",),
        rows={"p": ROWS},
    ),
    Case(
        "batches",
        ("",),
        {"p": "ROW EXCLUSIVE", "p_pkey": "ROW EXCLUSIVE"},
        rows={"p": 300},
        python="bind = op.get_bind()\n"
        "bind.execute(sa.text('SET LOCAL enable_seqscan = off'))\n"
        "for start in (0, 100, 200):\n"
        "    bind.execute(sa.text('UPDATE p SET name = id WHERE id > :a AND id <= :b'), dict(a=start, b=start + 100))",
    ),
    Case(
        "select_of_the_author",
        ("",),
        scanned=("p",),
        python="assert op.get_bind().scalar(sa.text('SELECT count(*) FROM p WHERE name IS NOT NULL')) == 500",
    ),
    Case(
        "delete_all",
        ("DELETE FROM empty_after",),
        {"empty_after": "ROW EXCLUSIVE"},
        scanned=("empty_after",),
        rows={"empty_after": ROWS},
    ),
    Case("truncate", ("TRUNCATE p CASCADE",), {"p": ACCESS, "t": ACCESS}, rewritten=("p", "t")),
    Case(
        "hnsw",
        ("CREATE INDEX e_h ON e USING hnsw (emb vector_l2_ops)",),
        {"e": "SHARE"},
        scanned=("e",),
        indexes=("e_h",),
    ),
    Case(
        "hnsw_concurrently",
        ("CREATE INDEX CONCURRENTLY e_h2 ON e USING hnsw (emb vector_l2_ops)",),
        {"e": SHARE_UPDATE},
        scanned=("e",),
        indexes=("e_h2",),
        autocommit=True,
    ),
    Case("vector_without_dimensions", ("ALTER TABLE e ALTER emb TYPE vector",), {"e": ACCESS}),
)
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """URL of a database with the tables of the cases."""
    with DatabaseJanitor(
        user=server.user,
        host=server.host,
        port=server.port,
        password=server.password,
        dbname="hexalembic_tracer",
        maintenance_dbname=server.maintenance_dbname,
        template_dbname="template0",
    ) as janitor:
        url = server.url(janitor.dbname)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES.encode())
            connection.execute("ANALYZE")
        yield url


@pytest.fixture(scope="module")
def result(server: Server, database: str, tmp_path_factory: pytest.TempPathFactory) -> AgentResult:
    """Every case as a revision of one history, traced by one agent."""
    history = History(tmp_path_factory.mktemp("cases") / "versions")
    history.folder.mkdir()
    parent = None
    for case in CASES:
        if case.since > server.major:
            continue
        for number, sql in enumerate(case.sql[:-1]):
            history.add(f"{case.name}_{number}", parent, f"op.execute({sql!r})")
            parent = f"{case.name}_{number}"
        body = case.python or f"op.execute({case.sql[-1]!r})"
        if case.autocommit:
            body = f"with op.get_context().autocommit_block():\n    {body}"
        history.add(case.name, parent, body)
        parent = case.name
    return run_agent(job(history.ini(), database, "upgrade"))


def job(config: Path, url: str, command: str = "upgrade", revision: str = "head") -> AgentJob:
    """Return a job on a database."""
    return AgentJob(config, Connection.parse(url), command, revision, environment={"DATABASE_URL": ""})


def traced(result: AgentResult, name: str) -> tuple[StatementTrace, ...]:
    """Return the statements of a revision."""
    return next(run for run in result.runs if run.revision == name).statements


def names(relations: tuple[str, ...] | list[str]) -> list[str]:
    """Write out relations of the schema public."""
    return sorted(f"public.{name}" for name in relations)


def run_of(result: AgentResult, revision: str = "") -> AgentRun:
    """Return the only function that ran, of a revision where it is named."""
    (run,) = (one for one in result.runs if revision in {"", one.revision})
    return run


def test_the_whole_history_runs(result: AgentResult) -> None:
    """Tracing changes nothing in what a history does: all revisions end without an error."""
    assert result.error is None, result.error
    assert all(run.finished and run.error is None for run in result.runs)


@pytest.mark.parametrize("name", BY_NAME)
def test_operation(name: str, result: AgentResult, server: Server) -> None:
    """Locks, rewrites, scans, index builds and rows written are those that Postgres is known to have."""
    case = BY_NAME[name]
    if case.since > server.major:
        pytest.skip(f"Postgres {case.since} and later")
    statements = traced(result, name)
    locks: dict[str, str] = {}
    for statement in statements:
        for relation, mode in statement.locks.items():
            if mode.sql != "ACCESS SHARE":
                locks[relation] = mode.sql
    # Indexes go with their tables unless the case names them.
    tables = {
        relation: mode for relation, mode in locks.items() if relation.split(".")[1] in _TABLE_NAMES | {*case.locks}
    }
    assert tables == {f"public.{relation}": mode for relation, mode in case.locks.items()}
    rewritten = {relation for statement in statements for relation in statement.rewritten}
    assert sorted(rewritten & {*names([*_TABLE_NAMES, *case.rewritten])}) == names(case.rewritten)
    scanned = {relation for statement in statements for relation, read in statement.scanned.items() if read}
    assert sorted(scanned) == names(case.scanned)
    assert {relation: counts.total for statement in statements for relation, counts in statement.rows.items()} == {
        f"public.{relation}": count for relation, count in case.rows.items()
    }
    assert sorted(index for statement in statements for index in statement.indexes_built) == names(case.indexes)
    assert all((statement.transaction is None) == case.autocommit for statement in statements)
    assert all(statement.error is None for statement in statements)


_TABLE_NAMES = {"p", "t", "e", "pt", "pt1", "pd", "q", "q2", "q3", "empty_after", "vw", "mv", "child"}


def test_concurrent_builds_cannot_run_in_a_transaction(result: AgentResult) -> None:
    """Postgres refuses CREATE INDEX CONCURRENTLY in a transaction block, and takes CREATE INDEX in autocommit there."""
    (concurrent,) = traced(result, "create_index_concurrently")
    (plain,) = traced(result, "create_index_in_autocommit")
    assert concurrent.cannot_run_in_transaction
    assert not plain.cannot_run_in_transaction
    assert concurrent.scanned["public.t"] == 2 * ROWS


def test_a_batch_is_folded(result: AgentResult) -> None:
    """A statement that a loop repeats is one line with a count, and its rows are summed."""
    batches = traced(result, "batches")[-1]
    assert batches.count == 3
    assert batches.rows == {"public.p": RowCounts(updated=300)}


def test_objects_that_were_made_and_dropped(result: AgentResult) -> None:
    """Columns, indexes, constraints, triggers, types and comments are named as Postgres identifies them."""

    def changes(name: str, kind: str) -> tuple[ChangedObject, ...]:
        found: tuple[ChangedObject, ...] = getattr(traced(result, name)[-1], kind)
        return found

    assert changes("add_nullable", "created") == (ChangedObject("table column", "public.t.a1"),)
    assert ChangedObject("table", "public.child") in changes("create_table_with_fk", "created")
    assert ChangedObject("table", "public.child") in changes("drop_table_with_fk", "dropped")
    assert changes("create_index", "created") == (ChangedObject("index", "public.i1"),)
    assert changes("drop_index_concurrently", "dropped") == (ChangedObject("index", "public.i3"),)
    assert changes("add_check", "created") == (ChangedObject("table constraint", "c1 on public.t"),)
    assert changes("create_trigger", "created") == (ChangedObject("trigger", "tr on public.t"),)
    assert changes("add_enum_value", "altered") == (ChangedObject("type", "public.mood"),)
    assert changes("comment", "altered") == (ChangedObject("table column", "public.t.n"),)
    assert changes("type_varchar_to_text", "altered")[0] == ChangedObject("table column", "public.t.v")


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


@pytest.mark.parametrize("env", ["psycopg", "asyncpg"])
def test_what_bypasses_sqlalchemy_is_traced(env: str, history: History, empty_url: str) -> None:
    """Statements on a driver's own cursor, and on a connection of the revision's own, have locks, rows and lines."""
    copy = 'with cursor.copy("COPY things (id) FROM STDIN") as rows:\n    [rows.write_row((n,)) for n in range(30)]\n'
    history.add("first", None, 'op.execute("CREATE TABLE things (id int, v text)")')
    history.add(
        "next",
        "first",
        "import psycopg\n"
        "cursor = op.get_bind().connection.cursor()\n"
        'cursor.execute("CREATE INDEX ix ON things (v)")\n'
        f"{copy if env == 'psycopg' else ''}"
        "cursor.close()\n"
        'with psycopg.connect("postgresql://nobody@192.0.2.1:1/elsewhere") as own:\n'
        '    own.execute("SELECT count(*) FROM pg_class")\n',
    )
    config = history.plain_ini() if env == "psycopg" else history.ini()
    run = run_of(run_agent(job(config, empty_url)), "next")
    by_text = {one.sql.split(" ON ")[0].split(" (")[0]: one for one in run.statements}

    assert run.error is None
    assert by_text["CREATE INDEX ix"].locks["public.things"].sql == "SHARE"
    assert by_text["CREATE INDEX ix"].indexes_built == ("public.ix",)
    assert by_text["CREATE INDEX ix"].line is not None
    assert "SELECT count" in {text.split("(")[0] for text in by_text}
    if env == "psycopg":
        assert by_text["COPY things"].rows["public.things"].inserted == 30
        assert by_text["COPY things"].transaction == by_text["CREATE INDEX ix"].transaction


def test_a_loop_over_rows_is_counted(history: History, empty_url: str) -> None:
    """Statements of a loop add up to what it did, whether each was looked at or only counted."""
    history.add(
        "first",
        None,
        'op.execute("CREATE TABLE things (id int PRIMARY KEY, v int)")\n'
        'op.execute("INSERT INTO things SELECT n, n FROM generate_series(1, 300) n")\n'
        'op.execute("CREATE TABLE log (id int)")',
    )
    history.add(
        "next",
        "first",
        "bind = op.get_bind()\n"
        "for n in range(1, 301):\n"
        '    bind.execute(sa.text("SELECT v FROM things WHERE id = :n"), {"n": n}).all()\n'
        '    bind.execute(sa.text("UPDATE things SET v = -v WHERE id = :n"), {"n": n})\n'
        'bind.execute(sa.text("INSERT INTO log SELECT count(*) FROM things"))\n'
        'op.execute("ALTER TABLE log ADD COLUMN x int")',
    )
    result = run_agent(job(history.ini(), empty_url))
    statements = next(one for one in result.runs if one.revision == "next").statements

    assert result.error is None
    assert [(one.sql.split()[0], one.count) for one in statements] == [
        ("SELECT", 300),
        ("UPDATE", 300),
        ("INSERT", 1),
        ("ALTER", 1),
    ]
    assert statements[1].rows["public.things"].updated == 300
    assert statements[1].locks["public.things"].sql == "ROW EXCLUSIVE"
    assert {one.transaction for one in statements} == {1}
    assert statements[2].rows == {"public.log": RowCounts(inserted=1)}
    assert statements[3].locks == {"public.log": statements[3].locks["public.log"]}


@pytest.mark.parametrize("env", ["psycopg", "asyncpg"])
def test_rows_that_are_locked_and_not_written(env: str, history: History, empty_url: str) -> None:
    """A SELECT … FOR UPDATE locks rows, in a savepoint, too; a foreign key's look at parents is no such statement."""
    history.add(
        "first",
        None,
        'op.execute("CREATE TABLE a AS SELECT n AS id FROM generate_series(1, 50) n")\n'
        'op.execute("ALTER TABLE a ADD PRIMARY KEY (id)")\n'
        'op.execute("CREATE TABLE b (id int REFERENCES a)")\n'
        'op.execute("CREATE TABLE c AS TABLE a")\n'
        'op.execute("CREATE TABLE d AS TABLE a")\n'
        'op.execute("CREATE FUNCTION locking() RETURNS void SECURITY DEFINER LANGUAGE plpgsql"\n'
        '    " AS $$ BEGIN PERFORM id FROM d FOR UPDATE; END $$")',
    )
    history.add(
        "next",
        "first",
        'op.execute("SELECT id FROM a WHERE id <= 7 FOR UPDATE")\n'
        "with op.get_bind().begin_nested():\n"
        '    op.execute("SELECT id FROM b FOR SHARE")\n'
        'op.execute("INSERT INTO b SELECT id FROM a WHERE id > 40")\n'
        'op.execute("SELECT count(*) FROM a")\n'
        'op.execute("SELECT id FROM a WHERE id <= 10 FOR UPDATE")\n'
        'op.execute("SELECT id FROM c FOR KEY SHARE")\n'
        'op.execute("SET ROLE pg_monitor")\n'
        'op.execute("SELECT locking()")\n'
        'op.execute("RESET ROLE")\n'
        "with op.get_context().autocommit_block():\n"
        '    op.execute("SELECT id FROM a FOR NO KEY UPDATE")\n'
        '    op.execute("SELECT id FROM a WHERE id <= 20 FOR UPDATE")\n',
    )
    config = history.plain_ini() if env == "psycopg" else history.ini()
    run = run_of(run_agent(job(config, empty_url)), "next")
    assert run.error is None
    seen, shared, inserted, counted, more, keys, _, unreadable, _, alone, again = run.statements

    assert seen.locked == {"public.a": 7}
    assert (shared.locked, inserted.locked, counted.locked) == ({}, {}, {})
    assert inserted.rows == {"public.b": RowCounts(inserted=10)}
    assert counted.scanned == {"public.a": 50}
    assert (more.locked, keys.locked, unreadable.locked) == ({"public.a": 3}, {}, {})
    assert (alone.locked, again.locked) == ({"public.a": 50}, {"public.a": 20})


def test_tables_of_extensions_are_passed_over(history: History, empty_url: str) -> None:
    """An index on a table that belongs to an extension is built like any other, and is nobody's."""
    history.add(
        "first",
        None,
        'op.execute("CREATE EXTENSION IF NOT EXISTS vector")\n'
        'op.execute("CREATE TABLE parts (id int)")\n'
        'op.execute("ALTER EXTENSION vector ADD TABLE parts")',
    )
    history.add("next", "first", 'op.execute("CREATE INDEX ix ON parts (id)")')
    config = history.ini()
    assert run_agent(job(config, empty_url, revision="first")).error is None
    result = run_agent(job(config, empty_url))
    assert result.error is None, result.error
    (index,) = run_of(result).statements
    assert (index.indexes_built, index.built_on) == (("public.ix",), {})


def test_an_agent_that_does_not_start_is_said_to_have_died(history: History, empty_url: str) -> None:
    """A program that ends at once, in place of Python, is not waited for."""
    history.add("first", None, "pass")
    result = run_agent(job(history.ini(), empty_url), python="/bin/true")
    assert result.error is not None
    assert result.error.kind == "died"


REWRITE = "ALTER TABLE a ALTER v TYPE bigint"
WRAPPED = {
    "set": f"SET lock_timeout = '2s'; {REWRITE}",
    "set local": f"SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '60s'; {REWRITE}",
    "comment": f"-- widen\nSET lock_timeout = '2s';\n/* now */ {REWRITE};",
    "reset": f"RESET ALL; {REWRITE}",
    "show": f"SHOW lock_timeout; {REWRITE}",
    "set role": f"SET ROLE postgres; {REWRITE}; RESET ROLE",
    "set transaction": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {REWRITE}",
    "comment and set transaction": f"/* first */ SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {REWRITE}",
    "do": f"DO $$ BEGIN PERFORM set_config('lock_timeout', '2s', true); EXECUTE '{REWRITE}'; END $$",
    "function": f"CREATE FUNCTION widen() RETURNS void LANGUAGE sql AS '{REWRITE}'; SELECT widen()",
    "with": f"SELECT 1; {REWRITE}; SELECT 2",
}


@pytest.mark.few(6)
@pytest.mark.parametrize("kind", WRAPPED)
def test_a_statement_is_traced_however_it_is_wrapped(kind: str, history: History, empty_url: str) -> None:
    """A rewrite is seen beside settings in one text, behind comments, in a DO block and in a function."""
    history.add("r1", None, "op.execute('CREATE TABLE a (v int)')")
    history.add("r2", "r1", f"op.execute({WRAPPED[kind]!r})")
    result = run_agent(job(history.plain_ini(), empty_url))
    assert result.error is None
    statements = run_of(result, "r2").statements
    assert [table for statement in statements for table in statement.rewritten] == ["public.a"]
    assert any(statement.locks["public.a"].sql == ACCESS for statement in statements if "public.a" in statement.locks)


@pytest.mark.few(2)
@pytest.mark.parametrize("env", ["psycopg", "asyncpg"])
@pytest.mark.parametrize("first", ["", "/* first */ "])
def test_set_transaction_comes_before_any_query(first: str, env: str, history: History, empty_url: str) -> None:
    """SET TRANSACTION works while it is traced, alone and behind a comment, in each driver's way to begin."""
    history.add("r1", None, "op.execute('CREATE TABLE a (v int)')")
    level = f"{first}SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"
    shown = "op.get_bind().exec_driver_sql('SHOW transaction_isolation').scalar()"
    history.add("r2", "r1", f"op.execute({level!r})\nassert {shown} == 'serializable'")
    result = run_agent(job(history.plain_ini() if env == "psycopg" else history.ini(), empty_url))
    assert result.error is None
    assert run_of(result, "r2").finished


FIND_PIPES = """
import os
def is_pipe(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}").startswith("pipe:")
    except OSError:
        return False
pipes = [int(number) for number in os.listdir("/proc/self/fd") if int(number) > 2 and is_pipe(number)]
"""


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("garbage", "os.write(pipe, b'garbage\\n')"),
        ("half a line", "os.write(pipe, b'{\"event\": ')"),
        ("a forged end", 'os.write(pipe, b\'{"event": "End"}\\n{"event": "Done"}\\n\')'),
        ("a forged exit", 'os.write(pipe, b\'{"event": "Exited", "code": 0}\\n\')'),
        ("no object", "os.write(pipe, b'[1, 2]\\nnull\\n\"\"\\n\\n')"),
        ("no text", "os.write(pipe, bytes(range(128, 256)) + b'\\n')"),
        ("a flood", "[os.write(pipe, b'x' * 65536) for _ in range(50)]"),
        ("closed", "os.close(pipe)"),
    ],
)
def test_forged_reports(history: History, empty_url: str, name: str, body: str) -> None:
    """A revision that writes into the pipe of the reports, or closes it, has an error; the next job is well."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    written = f"\nfor pipe in pipes:\n    try:\n        {body}\n    except OSError:\n        pass\n"
    history.add("r2", "r1", f"{FIND_PIPES}{written}op.execute('CREATE TABLE b (x int)')")
    job = AgentJob(history.plain_ini(), Connection.parse(empty_url), "upgrade", "r2")
    with Agent() as agent:
        result = agent.run(job)
        other = agent.run(replace(job, command="downgrade", revision="base"))

    assert result.error is not None, name
    assert result.error.kind == ("died" if name == "closed" else "forged")
    assert other.error is None
