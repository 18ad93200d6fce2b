"""The pytest plugin in another project: fixtures and ready tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def hexalembic_server():
    return {url!r}
"""
OWN_TESTS = """
import psycopg


def rows(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO people VALUES (0, 'me')")
        return connection.execute("SELECT count(*) FROM people").fetchone()[0]


def test_each_test_has_its_own_rows(migrated_database, database_at):
    assert rows(migrated_database) == 1
    assert rows(database_at("r1")) == 1
    assert rows(database_at("r1", rows=7)) == 8


def test_again(migrated_database):
    assert rows(migrated_database) == 1


async def read(url):
    import asyncpg
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT count(*) FROM people")
    finally:
        await connection.close()


def test_asyncio(migrated_database):
    import asyncio
    assert asyncio.run(read(migrated_database)) == 0


def test_one_revision(assert_round_trip):
    assert_round_trip("r1")
"""


@pytest.fixture
def project(history: History, server: Server) -> Path:
    """A project with one revision, an async-free env.py and tests of its own."""
    history.add(
        "r1",
        None,
        'op.execute("CREATE TABLE people (id int PRIMARY KEY, name text)")',
        'op.execute("DROP TABLE people")',
    )
    folder = history.plain_ini().parent
    (folder / "conftest.py").write_text(CONFTEST.format(url=server.url()), encoding="utf-8")
    (folder / "test_own.py").write_text(OWN_TESTS, encoding="utf-8")
    return folder


def run(project: Path, settings: str, *arguments: str) -> str:
    """Run pytest in the project, and give what it printed."""
    (project / "pytest.ini").write_text(f"[pytest]\n{settings}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *arguments]
    installed = [] if "hexalembic" in _plugins() else ["-p", "adapter.inbound.testing.plugin"]
    environment = {**process_environment(None), "PYTHONPATH": str(PROJECT_ROOT), "PYTEST_ADDOPTS": ""}
    result = subprocess.run(
        [*command, *installed], cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return result.stdout + result.stderr


def _plugins() -> set[str]:
    from importlib.metadata import entry_points

    return {point.name for point in entry_points(group="pytest11")}


@pytest.mark.long
def test_a_sound_project(project: Path) -> None:
    """All ready tests but the one about models run, beside the project's own, which use the fixtures."""
    names = "single_head upgrade round_trip no_drift idempotent"
    printed = run(project, f"hexalembic_tests = {names}\nhexalembic_rows = 20\n")

    assert "9 passed" in printed, printed
    for name in names.split():
        assert f"test_{name} PASSED" in printed
    assert "4 passed" in run(project, f"hexalembic_tests = {names}\n", "test_own.py")


@pytest.mark.long
def test_what_is_wrong_is_said(project: Path, history: History) -> None:
    """A second head, a downgrade that forgets and models that do not match fail, each with what to do."""
    history.add("left", "r1", 'op.add_column("people", sa.Column("age", sa.Integer()))', "pass")
    history.add(
        "right", "r1", 'op.drop_column("people", "name")', 'op.add_column("people", sa.Column("name", sa.Text()))'
    )
    env = project / "env.py"
    text = env.read_text(encoding="utf-8").replace(
        "transaction_per_migration=True", "transaction_per_migration=True, target_metadata=MetaData()"
    )
    env.write_text(f"from sqlalchemy import MetaData\n{text}", encoding="utf-8")
    printed = run(project, "hexalembic_tests = all\nhexalembic_rows = 20\n")

    assert "there are 2 heads" in printed
    assert "silent-downgrade" in printed
    assert "column public.people.age is unexpected" in " ".join(printed.split())
    assert 'op.drop_column("people", "age")' in printed
    assert "public.people.name: " in printed, printed
    assert "test_models_match_ddl FAILED" in printed
    assert "table public.people is unexpected, with " in printed
    lines = printed.splitlines()
    title = next(number for number, line in enumerate(lines) if re.fullmatch(r"_+ test_round_trip _+", line))
    worst = "The downgrade does not restore what was there before: public.people.name: all"  # rows before a column
    assert lines[title + 1].startswith(f"right: {worst}"), printed
    assert "Traceback" not in printed


MODELS = """
from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, String, Table, Text, text

models = MetaData()
Table("towns", models, Column("id", Integer, primary_key=True))
Table(
    "people",
    models,
    Column("id", Integer, primary_key=True),
    Column("name", String(9), server_default=text("'nobody'")),
    Column("town", ForeignKey("towns.id")),
    CheckConstraint("name IN ('a', 'nobody')", name="known"),
)


def ours(_object, name, kind, _reflected, _compare_to):
    return name != "theirs"
"""


@pytest.mark.long
def test_models_are_compared_by_the_catalog(project: Path, history: History) -> None:
    """What autogenerate does not look at is told; what means the same, and what a filter leaves to others, is not."""
    env = project / "env.py"
    text = env.read_text(encoding="utf-8").replace(
        "transaction_per_migration=True",
        "transaction_per_migration=True, target_metadata=models, include_object=ours",
    )
    env.write_text(f"{MODELS}\n{text}", encoding="utf-8")
    history.add(
        "r2",
        "r1",
        "op.execute('DROP TABLE people'); op.execute('CREATE TABLE towns (id serial PRIMARY KEY)')\n"
        "op.execute('CREATE TABLE people (id serial PRIMARY KEY, name varchar(9) DEFAULT \\'nobody\\', '\n"
        "           'town int CONSTRAINT of_another_name REFERENCES towns)')\n"
        "op.execute(\"ALTER TABLE people ADD CONSTRAINT known CHECK (name IN ('a', 'nobody'))\")\n"
        "op.execute('CREATE TABLE theirs (id int); CREATE VIEW shown AS SELECT name FROM people')",
    )
    settings = "hexalembic_tests = models_match_ddl\nhexalembic_rows = 0\n"
    assert "test_models_match_ddl PASSED" in run(project, settings, "-k", "models_match")

    change = "ALTER TABLE people ALTER name SET DEFAULT 'somebody', DROP CONSTRAINT known"
    history.add("r3", "r2", f'op.execute("{change}")')
    printed = run(project, settings, "-k", "models_match")
    assert "test_models_match_ddl FAILED" in printed
    assert "column public.people.name: default is 'somebody'" in printed
    assert "constraint public.people.known is missing" in printed
    assert "theirs" not in printed
    assert "of_another_name" not in printed


@pytest.mark.long
def test_ready_tests_are_selected_like_others(project: Path) -> None:
    """`-k` and `-m` leave out ready tests as they leave out the project's own."""
    settings = "hexalembic_tests = single_head upgrade\nmarkers = slow\n"

    assert "1 passed, 5 deselected" in run(project, settings, "-k", "single_head")
    assert "6 deselected" in run(project, settings, "-m", "slow")


@pytest.mark.long
def test_an_unknown_name_is_said(project: Path) -> None:
    """A ready test that does not exist is an error that names those that do."""
    assert "there is no ready test roundtrip; there are single_head" in run(project, "hexalembic_tests = roundtrip\n")
