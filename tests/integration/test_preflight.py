"""`migrate preflight`: what stands in the way of an upgrade of a real database, which is only read for it."""

from pathlib import Path

import psycopg
import pytest

from adapter.bootstrap.plan import PlanRequest
from adapter.bootstrap.preflight import run_preflight
from adapter.bootstrap.project import ProjectRequest
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.target.preflight import long_transactions
from domain.migration.deployment.preflight import Outcome, PreflightReport
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major
_SHOPS = """
CREATE TABLE shops (id bigserial PRIMARY KEY, name text);
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('r1')
"""


@pytest.fixture
def config(history: History, empty_url: str) -> Path:
    """A project with two revisions, of which a database has the first."""
    created = 'op.execute("CREATE TABLE shops (id bigserial PRIMARY KEY, name text)")'
    history.add("r1", None, created, 'op.execute("DROP TABLE shops")')
    added, dropped = "ALTER TABLE shops ADD COLUMN phone text", "ALTER TABLE shops DROP COLUMN phone"
    history.add("r2", "r1", f"op.execute({added!r})", f"op.execute({dropped!r})")
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(_SHOPS)
    return history.ini()


def checked(server: Server, config: Path, url: str) -> PreflightReport:
    """Return the report for an upgrade to the heads."""
    request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=200)
    asked = PlanRequest("heads", url, config.with_name("certificates.json"), proof_rows=200)
    return run_preflight(request, asked, lambda *_: None)


def test_what_is_in_the_way(server: Server, config: Path, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet database is ready, and stays as it was; then a session in the way and a change by hand are found."""
    monkeypatch.setattr(long_transactions, "_LONG", 0.0)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        before = snapshot(connection)
        ready = checked(server, config, empty_url)
        assert snapshot(connection) == before
        assert not ready.failed, ready.findings
        connection.execute("CREATE INDEX by_hand ON shops (name)")
        with psycopg.connect(empty_url, application_name="report") as reader:
            reader.execute("SELECT count(*) FROM shops")
            report = checked(server, config, empty_url)
            reader.rollback()

    failed = {finding.check: finding for finding in report.findings if finding.outcome is Outcome.FAILED}
    assert failed.keys() == {"drift", "long-transactions"}
    assert "index public.by_hand is unexpected" in failed["drift"].message
    assert "'report'" in failed["long-transactions"].message
