"""Downgrades of a real database: what they take away is listed and has to be named, and the journal records them."""

from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from adapter.bootstrap.backup import BackupRequest
from adapter.bootstrap.deploy import DeployRequest, Prepared, prepared
from adapter.bootstrap.journal import IN_DATABASE
from adapter.bootstrap.plan import PlanRequest
from adapter.bootstrap.project import ProjectRequest
from domain.migration.deployment.backup import BackupScope
from domain.migration.deployment.journal import Event
from domain.migration.deployment.plan import Destroyed, Loss
from domain.migration.deployment.preflight import Outcome
from domain.migration.deployment.undoing import DataLossError
from tests.conftest import Server
from tests.history import History
from tests.integration.deploy.shops import Told, columns, journal

DONE = """
ALTER TABLE shops ADD COLUMN phone text, ADD COLUMN rank bigint;
UPDATE shops SET phone = '1', rank = id WHERE id <= 10;
CREATE TABLE notes (id int, text text);
INSERT INTO notes VALUES (1, 'a'), (2, 'b');
UPDATE alembic_version SET version_num = 'r4'
"""


@pytest.fixture
def config(shop: History, empty_url: str) -> Path:
    """A project whose r2 to r4 the database has, too; nobody can undo r2."""
    shop.add(
        "r2",
        "r1",
        'op.execute("ALTER TABLE shops ADD COLUMN phone text, ADD COLUMN rank bigint")',
        'raise NotImplementedError("phones are wanted")',
    )
    shop.add("r3", "r2", 'op.execute("CREATE TABLE notes (id int, text text)")', 'op.execute("DROP TABLE notes")')
    shop.add(
        "r4",
        "r3",
        'op.execute("SELECT 1")',
        'op.execute("DELETE FROM shops WHERE phone IS NULL")\n'
        'op.execute("ALTER TABLE shops ALTER rank TYPE int, DROP phone")',
    )
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(DONE)
    return shop.plain_ini()


def test_what_it_takes_away_is_named_before(config: Path, server: Server, empty_url: str) -> None:
    """Tables, columns, changed rows and converted values have to be named, no more and no less; then it is done."""
    with _prepared(config, server, empty_url, "r2") as ready:
        plan = ready.preflight.plan
        assert plan is not None
        assert not ready.preflight.failed, ready.preflight
        assert [step.revision for step in plan.steps] == ["r4", "r3"]
        assert plan.steps[0].destroys == (
            Destroyed("public.shops", Loss.ROWS, 1000, "rows are deleted"),
            Destroyed("public.shops.phone", Loss.COLUMN, 10),
            Destroyed("public.shops.rank", Loss.CONVERTED, 10, "from bigint to integer"),
        )
        assert plan.steps[1].destroys == (Destroyed("public.notes", Loss.TABLE, 2),)
        assert plan.steps[1].blocking_locks[0].relation == "public.notes"
        with pytest.raises(DataLossError, match=r"takes away public\.notes, public\.shops,"):
            ready.require_confirmed()
        with pytest.raises(DataLossError):
            ready.deploy(Told(), lambda: False)
    names = {"public.notes", "public.shops", "public.shops.phone", "public.shops.rank"}
    with (
        _prepared(config, server, empty_url, "-2", *names, "public.other") as ready,
        pytest.raises(DataLossError, match=r"does not take away public\.other"),
    ):
        ready.require_confirmed()
    assert columns(empty_url) == {"id", "name", "phone", "rank"}
    assert journal(empty_url).read() == ()

    with _prepared(config, server, empty_url, "-2", *names) as ready:
        ready.require_confirmed()
        report = ready.deploy(Told(), lambda: False)
    assert not report.not_done
    assert report.current == ("r2",)
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT count(*), to_regclass('notes') FROM shops").fetchone() == (10, None)
    assert columns(empty_url) == {"id", "name", "rank"}
    ends = [(entry.revision, entry.event) for entry in journal(empty_url).read() if entry.event is not Event.STARTED]
    assert ends == [("r4", Event.UNDONE), ("r3", Event.UNDONE)]


@pytest.mark.one_major
def test_a_revision_that_refuses_its_downgrade(config: Path, server: Server, empty_url: str) -> None:
    """It is found before anything is done, with what it says itself; so is a goal to which no downgrade leads."""
    with _prepared(config, server, empty_url, "r1") as ready:
        failed = [finding.message for finding in ready.preflight.findings if finding.outcome is Outcome.FAILED]
        assert len(failed) == 1
        assert failed[0].startswith("r2 cannot be undone: phones are wanted")
    with _prepared(config, server, empty_url, "r9") as ready:
        assert ready.preflight.plan is None
        assert ready.preflight.failed


def _prepared(config: Path, server: Server, url: str, goal: str, *confirmed: str) -> AbstractContextManager[Prepared]:
    project = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=100)
    request = DeployRequest(
        0.0, IN_DATABASE, None, BackupRequest(BackupScope.NONE, config.parent / "backups"), confirmed
    )
    return prepared(project, PlanRequest(goal, url, None, 10, is_downgrade=True), request, lambda *_: None)
