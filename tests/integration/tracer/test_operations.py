"""What the tracer reports of operations is what Postgres did; their figures were measured elsewhere."""

from collections.abc import Iterator

import psycopg
import pytest
from pytest_postgresql.janitor import DatabaseJanitor

from adapter.outbound.migration.project.client import run_agent
from adapter.outbound.migration.project.results import AgentResult
from domain.migration.trace import ChangedObject, RowCounts, StatementTrace
from tests.conftest import Server
from tests.history import History
from tests.integration.tracer.cases import BY_NAME, CASES, ROWS, TABLE_NAMES, TABLES
from tests.integration.tracer.jobs import job, names

pytestmark = pytest.mark.one_major


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


def traced(result: AgentResult, name: str) -> tuple[StatementTrace, ...]:
    """Return the statements of a revision."""
    return next(run for run in result.runs if run.revision == name).statements


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
        relation: mode for relation, mode in locks.items() if relation.split(".")[1] in TABLE_NAMES | {*case.locks}
    }
    assert tables == {f"public.{relation}": mode for relation, mode in case.locks.items()}
    rewritten = {relation for statement in statements for relation in statement.rewritten}
    assert sorted(rewritten & {*names([*TABLE_NAMES, *case.rewritten])}) == names(case.rewritten)
    scanned = {relation for statement in statements for relation, read in statement.scanned.items() if read}
    assert sorted(scanned) == names(case.scanned)
    assert {relation: counts.total for statement in statements for relation, counts in statement.rows.items()} == {
        f"public.{relation}": count for relation, count in case.rows.items()
    }
    assert sorted(index for statement in statements for index in statement.indexes_built) == names(case.indexes)
    assert all((statement.transaction is None) == case.autocommit for statement in statements)
    assert all(statement.error is None for statement in statements)


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
