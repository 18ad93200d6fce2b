"""`migrate plan`: what an upgrade of a real database will do, which is only read for it."""

import json
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from adapter.bootstrap.plan import PlanRequest, make_plan
from adapter.bootstrap.project import ProjectRequest
from adapter.outbound.migration.catalog.inspector import snapshot
from domain.migration.deployment.plan import PartKind, Plan
from domain.migration.errors import HistoryError
from domain.migration.locks import LockMode
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.support import run

_SHOPS = """
CREATE TABLE shops (id bigserial PRIMARY KEY, name text, city text);
INSERT INTO shops (name) SELECT 'shop ' || i FROM generate_series(1, 30000) i;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('r1');
ANALYZE
"""
_FILL = """
while True:
    with op.get_context().autocommit_block():
        done = op.get_bind().exec_driver_sql(
            "UPDATE shops SET city = 'Oslo' WHERE id IN (SELECT id FROM shops WHERE city IS NULL ORDER BY id LIMIT 50)"
        )
    if not done.rowcount:
        break
"""
SHOPS = "public.shops"


@pytest.fixture
def shop(history: History, empty_url: str) -> History:
    """A project with five revisions, the first of which a database with 30,000 rows has."""
    history.add(
        "r1",
        None,
        'op.execute("CREATE TABLE shops (id bigserial PRIMARY KEY, name text, city text)")',
        'op.execute("DROP TABLE shops")',
    )
    history.add(
        "r2",
        "r1",
        'op.execute("ALTER TABLE shops ADD COLUMN phone text")',
        'op.execute("ALTER TABLE shops DROP COLUMN phone")',
    )
    history.add(
        "r3",
        "r2",
        "with op.get_context().autocommit_block():\n"
        '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")\n'
        '    op.execute("CREATE INDEX CONCURRENTLY shops_name ON shops (name)")',
        'with op.get_context().autocommit_block():\n    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")',
    )
    history.add("r4", "r3", _FILL)
    history.add(
        "r5", "r4", 'op.execute("CREATE INDEX shops_city ON shops (city)")', 'op.execute("DROP INDEX shops_city")'
    )
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(_SHOPS)
    return history


def planned(server: Server, config: Path, url: str, goal: str = "heads") -> Plan:
    """Return the plan of a project for a database."""
    request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=500)
    asked = PlanRequest(goal, url, config.with_name("certificates.json"), proof_rows=200)
    return make_plan(request, asked, lambda *_: None)


def test_steps_as_they_will_be_on_the_target(shop: History, server: Server, empty_url: str) -> None:
    """How each revision commits, what it locks how long on 30,000 rows, its way back; the database stays as it was."""
    config = shop.ini()
    with psycopg.connect(empty_url, autocommit=True) as connection:
        before = snapshot(connection)
        plan = planned(server, config, empty_url)
        assert snapshot(connection) == before

    column, index, fill, blocking = plan.steps
    assert (plan.current, plan.goal, plan.target.database) == (("r1",), ("r5",), "hexalembic_empty")
    assert [step.verdict for step in plan.steps] == ["safe", "safe", "safe", "unsafe"]
    assert [[part.kind for part in step.parts] for step in (column, index)] == [
        [PartKind.TRANSACTION],
        [PartKind.AUTOCOMMIT],
    ]
    (backfill,) = [part for part in fill.parts if part.kind is PartKind.BACKFILL]
    assert backfill.batches == 600
    (lock,) = column.blocking_locks
    assert (lock.table, lock.mode) == (SHOPS, LockMode.ACCESS_EXCLUSIVE)
    assert index.blocking_locks == ()
    (lock,) = blocking.blocking_locks
    assert (lock.table, lock.mode, lock.seconds is not None) == (SHOPS, LockMode.SHARE, True)
    assert [step.way_back.reversibility for step in plan.steps[:2]] == [Reversibility.EXACT] * 2
    assert fill.way_back.reversibility is None


def test_a_plan_is_the_same_until_something_changes(shop: History, server: Server, empty_url: str) -> None:
    """Its hash stays, and changes with the file of a revision and with the schema of the database."""
    config = shop.ini()
    first = planned(server, config, empty_url, "+1")
    assert planned(server, config, empty_url, "r2").hash() == first.hash()

    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE meanwhile (id integer)")
        drifted = planned(server, config, empty_url, "+1")
        connection.execute("DROP TABLE meanwhile")
    assert drifted.hash() != first.hash()
    file = shop.folder / "r2.py"
    file.write_text(file.read_text().replace("phone text", "phone varchar"))
    assert planned(server, config, empty_url, "+1").hash() != first.hash()


def test_a_goal_that_the_database_is_past(shop: History, server: Server, empty_url: str) -> None:
    """It is refused; nothing pending is a plan without steps."""
    config = shop.ini()
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r5'")
    with pytest.raises(HistoryError, match="r3 is applied already"):
        planned(server, config, empty_url, "r3")
    assert planned(server, config, empty_url).steps == ()


@pytest.mark.long
@pytest.mark.one_major
def test_the_command(shop: History, empty_url: str) -> None:
    """It exits with 1 because a revision is not safe; a role that may only read is enough; no password is shown."""
    for revision in ("r2", "r3", "r4"):
        (shop.folder / f"{revision}.py").unlink()
    blocking = shop.folder / "r5.py"
    blocking.write_text(blocking.read_text().replace("r4", "r1"))
    role = "CREATE ROLE plan_reader LOGIN PASSWORD 'n0t-shown'; GRANT SELECT ON alembic_version TO plan_reader"
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(role)
        try:
            at = {name: quote(str(value)) for name, value in conninfo_to_dict(empty_url).items()}
            reader = f"postgresql://plan_reader:n0t-shown@/{at['dbname']}?host={at['host']}&port={at['port']}"
            command = ("plan", "-c", str(shop.ini()), "--url", reader, "--format", "json")
            result = run("adapter.inbound.cli.migrate", *command)
        finally:
            connection.execute("DROP OWNED BY plan_reader; DROP ROLE plan_reader")

    assert result.returncode == 1, result.stderr
    assert [step["verdict"] for step in json.loads(result.stdout)["steps"]] == ["unsafe"]
    assert "n0t-shown" not in result.stdout + result.stderr
