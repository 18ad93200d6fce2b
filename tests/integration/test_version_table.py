"""A project writes its versions where it likes, and what env.py does besides is nobody's."""

from collections.abc import Callable

import pytest

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from application.migration.verify import VerificationReport
from tests.history import History

pytestmark = pytest.mark.one_major

Verify = Callable[..., VerificationReport]
ENV = """
from alembic import context
from sqlalchemy import create_engine, text

with create_engine("postgresql+psycopg://nowhere.invalid/none").{connect} as connection:
    {before}
    context.configure(connection=connection, {options})
    with context.begin_transaction():
        context.run_migrations()
    {after}
"""
INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON t (id)"
COMMITTED = "connection.execute(text('CREATE SCHEMA IF NOT EXISTS ops')); connection.commit()"


@pytest.fixture
def verify(sandbox_url: str, history: History) -> Verify:
    """Prove the whole history of a project with an env.py of the test's."""

    def run(options: str, before: str = "pass", after: str = "pass", connect: str = "connect()") -> VerificationReport:
        history.add("r1", None, "op.execute('CREATE TABLE t (id int)')", "op.execute('DROP TABLE t')")
        history.add(
            "r2",
            "r1",
            f"with op.get_context().autocommit_block():\n    op.execute('{INDEX}')",
            "op.execute('DROP INDEX ix')",
        )
        config = history.plain_ini()
        env = ENV.format(options=options, before=before, after=after, connect=connect)
        (config.parent / "env.py").write_text(env, encoding="utf-8")
        request = ProjectRequest(config=config, sandbox_url=sandbox_url, rows=50)
        asked = VerificationRequest("base:heads", "round-trip", config.parent / "certificates.json")
        return verify_revisions(request, asked, lambda *_: None)

    return run


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("options", "before"),
    [
        ("transaction_per_migration=True, version_table='shop_revisions'", "pass"),
        ("transaction_per_migration=True, version_table='odd Name', version_table_schema='ops'", COMMITTED),
        ("transaction_per_migration=True, version_table='v', version_table_pk=False", "pass"),
    ],
    ids=["name", "schema", "without a key"],
)
def test_versions_in_a_table_of_its_own(verify: Verify, options: str, before: str) -> None:
    """The table of the versions, and a schema that env.py makes for it, are no part of any revision's proof."""
    report = verify(options, before)
    assert not report.failed
    assert [one.certificate and one.certificate.reversibility.value for one in report.proofs] == ["exact", "exact"]


def test_a_transaction_that_env_py_leaves_open(verify: Verify) -> None:
    """An env.py that never commits is told so before any revision is judged: nothing would be kept."""
    with pytest.raises(DatabaseConfigurationError, match=r"env\.py has a transaction open"):
        verify("transaction_per_migration=True", "connection.execute(text('SELECT pg_advisory_lock(42)'))")


@pytest.mark.long
def test_autocommit_in_a_transaction_of_env_py(verify: Verify) -> None:
    """Where env.py's own transaction holds all revisions, one that commits by itself fails with that reason."""
    report = verify("transaction_per_migration=True", connect="begin()", before="connection.execute(text('SELECT 1'))")
    first, second = report.proofs
    assert not first.failed
    said = render_verification(report, "json", verbose=False, color=False)
    assert second.failed
    assert "env.py has begun a transaction on the connection before context.configure()" in said
