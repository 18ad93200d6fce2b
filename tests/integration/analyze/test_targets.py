"""What the target of an analysis decides."""

from typing import Any

import psycopg
import pytest

from adapter.bootstrap.analyze import TargetRequest
from domain.errors import DomainError
from tests.history import History
from tests.integration.analyze.projects import INDEX, PEOPLE, Analyze, plain_project

pytestmark = pytest.mark.one_major


@pytest.fixture
def target(empty_url: str) -> psycopg.Connection[Any]:
    """A target at r1, with a big table and a small one."""
    connection = psycopg.connect(empty_url, autocommit=True)
    connection.execute("""
        CREATE TABLE alembic_version (version_num text PRIMARY KEY);
        INSERT INTO alembic_version VALUES ('r1');
        CREATE TABLE people (id bigint PRIMARY KEY, name text);
        CREATE TABLE pets (id bigint PRIMARY KEY, name text);
        INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 50000) n;
        INSERT INTO pets SELECT n, 'p' || n FROM generate_series(1, 50) n;
        ANALYZE people;
        ANALYZE pets;
    """)
    return connection


@pytest.mark.long
def test_the_target_decides_what_is_big(
    analyze: Analyze, history: History, target: psycopg.Connection[Any], empty_url: str
) -> None:
    """Pending revisions are judged by the target's sizes: a small table is not big, a big one gets an estimate.

    The role that reads the target may do nothing else.
    """
    target.execute("DROP ROLE IF EXISTS hexalembic_reader")
    target.execute("CREATE ROLE hexalembic_reader LOGIN PASSWORD 'r'")
    target.execute("GRANT SELECT ON alembic_version TO hexalembic_reader")
    history.add("r1", None, PEOPLE + '\nop.execute("CREATE TABLE pets (id bigint PRIMARY KEY, name text)")', "pass")
    history.add("r2", "r1", INDEX, 'op.drop_index("ix_people_name")')
    history.add("r3", "r2", 'op.create_index("ix_pets_name", "pets", ["name"])', 'op.drop_index("ix_pets_name")')
    parts = psycopg.conninfo.conninfo_to_dict(empty_url)
    reader = f"postgresql://hexalembic_reader:r@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
    try:
        report = analyze(None, TargetRequest(url=reader), config=plain_project(history))
        with psycopg.connect(reader) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM people")
    finally:
        target.execute("DROP OWNED BY hexalembic_reader")
        target.execute("DROP ROLE hexalembic_reader")
        target.close()
    found = {one.trace.revision: one for one in report.revisions}

    assert {revision: one.verdict for revision, one in found.items()} == {"r2": "unsafe", "r3": "safe"}
    sizes = [run.rows["public.people"] for run in found["r2"].trace.calibration]
    assert sizes[:3] == [1200, 2400, 4800]
    (window,) = (one for one in found["r2"].windows if one.relation == "public.people")
    assert window.estimate_seconds is not None
    low, high = window.estimate_seconds
    assert 0 < low <= high


def test_a_database_of_another_history_is_said(
    analyze: Analyze, history: History, target: psycopg.Connection[Any], empty_url: str
) -> None:
    """A target at a revision that the project does not have is an error that names it."""
    target.execute("UPDATE alembic_version SET version_num = 'stranger'")
    target.close()
    history.add("r1", None, PEOPLE)
    with pytest.raises(DomainError, match="the database is at stranger"):
        analyze(None, TargetRequest(url=empty_url), config=plain_project(history))
