"""Projects with a set-up, rows, variables and a history of their own."""

from pathlib import Path

import psycopg
import pytest

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from domain.errors import DomainError
from domain.migration.errors import MigrationError
from tests.conftest import SERVERS
from tests.history import History
from tests.integration.analyze.projects import INDEX, PEOPLE, Analyze, plain_project

pytestmark = pytest.mark.one_major


def test_set_up_by_a_file(analyze: Analyze, history: History, tmp_path: Path) -> None:
    """What a file of SQL makes is there before the first revision, and has rows like any other table."""
    setup = tmp_path / "setup.sql"
    setup.write_text("CREATE TABLE people (id bigint PRIMARY KEY, name text); CREATE TABLE pets (id int);")
    history.add("r1", None, INDEX, 'op.drop_index("ix_people_name")')
    (found,) = analyze("r1", config=plain_project(history), setup=str(setup)).revisions

    assert found.reasons == ("blocking-index-build",)
    assert found.trace.tables["public.people"].rows == 1200


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    "function",
    [
        "def create(engine):\n    with engine.begin() as c:\n        c.execute(TABLE)",
        "def create(connection):\n    connection.execute(TABLE)",
    ],
)
def test_set_up_by_a_function(analyze: Analyze, history: History, function: str) -> None:
    """A function of the project gets an engine, or a connection where its argument says so."""
    history.add("r1", None, INDEX, 'op.drop_index("ix_people_name")')
    config = plain_project(history, "\n[hexalembic]\nsetup = shop_setup:create\n")
    text = 'from sqlalchemy import text\nTABLE = text("CREATE TABLE people (id bigint PRIMARY KEY, name text)")\n'
    (config.parent / "shop_setup.py").write_text(text + function, encoding="utf-8")
    (found,) = analyze("r1", config=config).revisions

    assert found.reasons == ("blocking-index-build",)


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_a_set_up_that_fails_is_said(analyze: Analyze, history: History, tmp_path: Path) -> None:
    """A set-up with a mistake ends the analysis with the server's words, and one that is not there with its name."""
    setup = tmp_path / "setup.sql"
    setup.write_text("CREATE TABEL people ()")
    history.add("r1", None, PEOPLE, "pass")
    config = plain_project(history)
    with pytest.raises(MigrationError, match='syntax error at or near "TABEL"'):
        analyze("r1", config=config, setup=str(setup))
    with pytest.raises(MigrationError, match="No module named 'nothing_here'"):
        analyze("r1", config=config, setup="nothing_here:create")
    with pytest.raises(DatabaseConfigurationError, match=r"there is no file none\.sql"):
        analyze("r1", config=config, setup="none.sql")


def test_rows_of_the_user_come_first(analyze: Analyze, history: History, tmp_path: Path) -> None:
    """Rows from a file are what the revision meets; other tables are filled as usual."""
    rows = tmp_path / "rows.sql"
    rows.write_text("INSERT INTO people VALUES (1, 'Ada'), (2, NULL)")
    history.add("r1", None, PEOPLE + '\nop.execute("CREATE TABLE pets (id int)")')
    history.add("r2", "r1", 'op.execute("ALTER TABLE people ALTER name SET NOT NULL")', "pass")
    found = analyze("r2", config=plain_project(history), rows_from=rows, rows=5).revisions[0]

    assert "fails-on-existing-rows" in found.reasons
    assert found.trace.tables["public.people"].rows == 5


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_variables_and_arguments_reach_env_py(analyze: Analyze, history: History) -> None:
    """A named variable holds the sandbox's address, another its value, and -x arguments arrive."""
    env = """
        import os
        from alembic import context as c
        assert os.environ["SHOP_DSN"].startswith("postgresql+asyncpg://"), os.environ["SHOP_DSN"]
        assert "hexalembic_sandbox" in os.environ["OTHER_DSN"]
        assert os.environ["SHOP_MODE"] == "test"
        assert c.get_x_argument(as_dictionary=True) == {"tenant": "one"}
    """
    history.add("r1", None, PEOPLE, 'op.execute("DROP TABLE people")')
    config = plain_project(history, "\n[hexalembic]\nenv = SHOP_MODE=test, OTHER_DSN\n", env)
    (found,) = analyze(
        "r1", config=config, environment=("SHOP_DSN=postgresql+asyncpg",), x_arguments=("tenant=one",)
    ).revisions

    assert found.verdict == "safe", found.trace.error


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_old_history_is_run_and_not_judged(analyze: Analyze, history: History) -> None:
    """Revisions up to `start_after` are counted, not judged; the rest is."""
    history.add("r1", None, PEOPLE, "pass")
    history.add("r2", "r1", INDEX, 'op.drop_index("ix_people_name")')
    history.add("r3", "r2", INDEX.replace("ix_people_name", "ix2"), 'op.drop_index("ix2")')
    config = plain_project(history, "\n[hexalembic]\nstart_after = r2\n")
    report = analyze("base:heads", config=config)

    assert [one.trace.revision for one in report.revisions] == ["r3"]
    assert report.unjudged == 2
    config.write_text(config.read_text().replace("start_after = r2", "start_after = r7"))
    with pytest.raises(DomainError, match="there is no revision r7"):
        analyze("base:heads", config=config)
    config.write_text(config.read_text().replace("start_after = r7", "starts_after = r2"))
    with pytest.raises(DatabaseConfigurationError, match="no setting starts_after"):
        analyze("base:heads", config=config)


@pytest.mark.long
def test_branches_and_failures_start_from_their_own_parents(analyze: Analyze, history: History) -> None:
    """A branch does not see its sister's changes, and what follows a revision that fails on rows is judged as well."""
    history.add("r1", None, PEOPLE, 'op.execute("DROP TABLE people")')
    history.add(
        "left", "r1", 'op.add_column("people", sa.Column("age", sa.Integer()))', 'op.drop_column("people", "age")'
    )
    history.add(
        "right", "r1", 'op.add_column("people", sa.Column("age", sa.Integer()))', 'op.drop_column("people", "age")'
    )
    history.add(
        "next", "right", 'op.execute("ALTER TABLE people ADD must text NOT NULL")', 'op.drop_column("people", "must")'
    )
    history.add("last", "next", 'op.add_column("people", sa.Column("x", sa.Text()))', 'op.drop_column("people", "x")')
    report = analyze("base:heads", config=plain_project(history))
    verdicts = {one.trace.revision: one.verdict for one in report.revisions}

    assert verdicts == {"r1": "safe", "left": "safe", "right": "safe", "next": "unsafe", "last": "safe"}


def test_other_databases_and_roles_are_out_of_reach(analyze: Analyze, history: History, sandbox_url: str) -> None:
    """On a named server a revision can drop no other database and make no role; both are said, and nothing happened."""
    drop = "/* by privileges */ DROP DATABASE hexalembic WITH (FORCE)"
    history.add("r1", None, 'with op.get_context().autocommit_block():\n    op.execute("DROP DATABASE hexalembic")')
    history.add("r2", None, f'with op.get_context().autocommit_block():\n    op.execute("{drop}")')
    history.add("r3", None, 'op.execute("CREATE ROLE hexalembic_left_behind")')
    report = analyze("base:heads", config=plain_project(history), sandbox_url=sandbox_url, any_role=False)
    errors = {
        one.trace.revision: one.trace.error or "".join(statement.error or "" for statement in one.trace.upgrade)
        for one in report.revisions
    }

    assert "refused DROP DATABASE" in errors["r1"]
    assert "must be owner of database hexalembic" in errors["r2"]
    assert "permission denied to create role" in errors["r3"]
    assert {one.trace.revision: one.reasons for one in report.revisions}["r3"] == ("not-in-sandbox",)
    with psycopg.connect(sandbox_url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'hexalembic_left_behind'").fetchone()
        assert found == (0,)
        assert connection.execute("SELECT count(*) FROM pg_database WHERE datname = 'hexalembic'").fetchone() == (1,)


def test_a_table_that_stays_empty_is_said(analyze: Analyze, history: History) -> None:
    """Where no rows could be made, the analysis says so with the reason."""
    history.add(
        "r1", None, 'op.execute("CREATE TABLE odd (id int CHECK (id > 5 AND id < 5), x int NOT NULL CHECK (x <> x))")'
    )
    history.add("r2", "r1", 'op.add_column("odd", sa.Column("y", sa.Text()))', 'op.drop_column("odd", "y")')
    found = analyze("r2", config=plain_project(history)).revisions[0]

    assert "empty-in-sandbox" in {one.code for one in found.diagnostics}
    assert found.trace.unfilled["public.odd"]


def test_an_extension_that_the_server_lacks_is_no_fault_of_the_revision(analyze: Analyze, history: History) -> None:
    """The revision that creates it was not judged, nor those after it, and both name the option that helps."""
    history.add("r1", None, 'op.execute("CREATE EXTENSION nowhere")')
    history.add("r2", "r1", PEOPLE, 'op.drop_table("people")')
    report = analyze("base:heads", config=plain_project(history))

    assert report.revisions[0].reasons == ("not-in-sandbox",)
    assert "--sandbox-url" in report.revisions[0].diagnostics[0].help
    assert report.revisions[1].verdict == "not judged"
    assert "--sandbox-url" in report.revisions[1].trace.not_run
