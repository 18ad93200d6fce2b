"""What other projects need before their revisions run, and what the target database adds to the verdict."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions, render_analysis
from adapter.bootstrap.project import ProjectRequest
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from application.migration.analyze import AnalysisReport
from domain.errors import DomainError
from domain.migration.diagnostic import Severity
from domain.migration.errors import MigrationError
from tests.conftest import SERVERS, Server
from tests.history import History

pytestmark = pytest.mark.one_major

Analyze = Callable[..., AnalysisReport]
PEOPLE = 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)")'
INDEX = 'op.create_index("ix_people_name", "people", ["name"])'


@pytest.fixture
def analyze(server: Server, history: History) -> Analyze:
    """The use case, on a sandbox of the tests' server."""

    def run(wanted: str | None = "heads", target: TargetRequest | None = None, **request: Any) -> AnalysisReport:
        config = request.pop("config", None) or history.folder.parent / "alembic.ini"
        asked = ProjectRequest(
            config=config, **{"sandbox_url": server.url(), "any_role": True, "rows": 1200, **request}
        )
        return analyze_revisions(asked, wanted, target or TargetRequest(), lambda *_: None)

    return run


def plain_project(history: History, settings: str = "", env: str = "") -> Path:
    """Write a project with the plainest env.py, and what it says to `migrate`."""
    path = history.plain_ini()
    path.write_text(path.read_text(encoding="utf-8") + settings, encoding="utf-8")
    script = path.parent / "env.py"
    script.write_text(textwrap.dedent(env) + script.read_text(encoding="utf-8"), encoding="utf-8")
    return path


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


OWN_CONNECTION = """
import psycopg
with psycopg.connect("postgresql://postgres@db.invalid/shop") as own:
    own.execute("CREATE TABLE made_elsewhere (id int)")
"""
OPEN_TRANSACTION = """
import builtins
import psycopg
builtins.kept = psycopg.connect("postgresql://postgres@db.invalid/shop")
builtins.kept.execute("LOCK TABLE people")
op.execute("ALTER TABLE people ADD COLUMN age int")
"""


DROPS_ITSELF = """
with op.get_context().autocommit_block():
    name = op.get_bind().scalar(sa.text("SELECT current_database()"))
    op.execute('DROP DATABASE "' + name + '"')
"""


@pytest.mark.few(2)
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("body", "verdict", "said"),
    [
        ('op.execute("SELECT pg_sleep(100)")', "unsafe", "statement timeout"),
        ("import time\nwhile True:\n    time.sleep(1)", "unsafe", "did not end within 20 s"),
        (OPEN_TRANSACTION, "unsafe", "statement timeout"),
        (OWN_CONNECTION, "unsafe", ""),
        (DROPS_ITSELF, "unsafe", "refused DROP DATABASE"),
        ('op.execute("BEGIN")\nop.execute("ALTER TABLE people ADD COLUMN age int")', "unsafe", ""),
    ],
    ids=["sleeps in SQL", "sleeps in Python", "locks itself out", "own connection", "drops its database", "begins"],
)
def test_revisions_that_misbehave(
    analyze: Analyze, history: History, empty_url: str, body: str, verdict: str, said: str
) -> None:
    """Each ends in its time with a verdict that says why, what follows is judged, and no other database has changed."""
    history.add("r1", None, PEOPLE, 'op.execute("DROP TABLE people")')
    history.add("bad", "r1", body, "pass")
    history.add("good", "r1", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")')
    report = analyze("r1:heads", config=plain_project(history), statement_timeout=1)
    found = {one.trace.revision: one for one in report.revisions}

    assert {name: one.verdict for name, one in found.items()} == {"bad": verdict, "good": "safe"}
    errors = [found["bad"].trace.error or "", *(statement.error or "" for statement in found["bad"].trace.upgrade)]
    assert said in "\n".join(errors), errors
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('made_elsewhere')").fetchone() == (None,)


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_histories_that_cannot_be_read(analyze: Analyze, history: History) -> None:
    """Several heads without a range, and a cycle, are one line each and name the revisions."""
    history.add("r1", None, PEOPLE)
    history.add("left", "r1", "pass")
    history.add("right", "r1", "pass")
    config = plain_project(history)
    with pytest.raises(DomainError, match="there are 2 heads"):
        analyze("head", config=config)
    history.add("r1", "right", PEOPLE)
    with pytest.raises(MigrationError, match=r"[Cc]ycle"):
        analyze("heads", config=config)


@pytest.mark.long
def test_rows_that_do_not_fit_are_no_verdict(analyze: Analyze, history: History) -> None:
    """A constraint that made-up rows break is judged on rows that fit, with a warning; no row can fit a bare NOT NULL.

    A column that the revision before has added is as empty as it would be, so that a backfill overwrites nothing.
    """
    history.add(
        "r1", None, PEOPLE + '\nop.execute("ALTER TABLE people ADD kind text")', 'op.execute("DROP TABLE people")'
    )
    history.add(
        "check",
        "r1",
        "op.execute(\"ALTER TABLE people ADD CONSTRAINT k CHECK (kind IN ('a', 'b') AND kind IS NOT NULL) NOT VALID\")",
        'op.execute("ALTER TABLE people DROP CONSTRAINT k")',
    )
    history.add("validate", "check", 'op.execute("ALTER TABLE people VALIDATE CONSTRAINT k")', 'op.execute("SELECT 1")')
    history.add("never", "validate", 'op.execute("ALTER TABLE people ADD must int NOT NULL")', "pass")
    history.add(
        "column", "validate", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")'
    )
    history.add(
        "backfill",
        "column",
        "with op.get_context().autocommit_block():\n"
        "    for first in range(0, 20000, 100):\n"
        '        op.execute(f"UPDATE people SET n = name WHERE id BETWEEN {first} AND {first + 99}")',
        "pass",
    )
    config = plain_project(history)
    found = {one.trace.revision: one for one in analyze("r1:heads", config=config).revisions}
    (alone,) = analyze("backfill", config=config).revisions

    assert "rows-must-fit" in {one.code for one in found["validate"].diagnostics}
    assert "is violated by some row" in found["validate"].trace.refused_rows
    assert found["never"].reasons == ("fails-on-existing-rows",)
    for one in (found["backfill"], alone):
        assert one.verdict == "safe", one.reasons
        assert one.trace.undone is not None
        assert not one.trace.undone.losses


_ORDERS = """
op.execute("CREATE TABLE users (id int PRIMARY KEY)")
op.execute("CREATE DOMAIN age AS int")
op.execute("CREATE TABLE orders (id int PRIMARY KEY, user_id int, age age)")
op.execute("CREATE TABLE settings (name text PRIMARY KEY, value int NOT NULL)")
op.execute("INSERT INTO settings VALUES ('limit', 10)")
"""
_NOT_VALID = """
op.execute("ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users NOT VALID")
op.execute("ALTER DOMAIN age ADD CONSTRAINT few CHECK (VALUE < 150) NOT VALID")
"""


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("validate", "read"),
    [
        ("ALTER TABLE orders VALIDATE CONSTRAINT fk", {"public.orders", "public.users"}),
        ("ALTER DOMAIN age VALIDATE CONSTRAINT few", {"public.orders"}),
    ],
    ids=["foreign key", "domain"],
)
def test_rows_that_fit_do_not_leave_a_constraint_valid(
    analyze: Analyze, history: History, validate: str, read: set[str]
) -> None:
    """A constraint that earlier rows break is validated on rows that fit, and every row is read there."""
    history.add("r1", None, _ORDERS)
    history.add("add", "r1", _NOT_VALID, 'op.execute("ALTER TABLE orders DROP CONSTRAINT fk")')
    history.add("validate", "add", f"op.execute({validate!r})", 'op.execute("SELECT 1")')
    (analysis,) = analyze("validate", config=plain_project(history)).revisions
    (statement,) = analysis.trace.upgrade

    assert analysis.trace.refused_rows
    assert {table for table, rows in statement.scanned.items() if rows >= 1200} == read


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_rows_that_fit_do_not_hide_a_row_that_stays_changed(analyze: Analyze, history: History) -> None:
    """A row that the downgrade leaves changed is found in a revision that the usual rows do not fit, too."""
    history.add("r1", None, _ORDERS)
    history.add("add", "r1", _NOT_VALID, 'op.execute("ALTER TABLE orders DROP CONSTRAINT fk")')
    upgrade = """
op.execute("UPDATE settings SET value = 20 WHERE name = 'limit'")
op.execute("ALTER TABLE orders VALIDATE CONSTRAINT fk")
"""
    history.add("r2", "add", upgrade, 'op.execute("SELECT 1")')
    (analysis,) = analyze("r2", config=plain_project(history)).revisions

    assert analysis.trace.refused_rows
    assert analysis.trace.undone is not None
    assert [str(loss) for loss in analysis.trace.undone.losses] == ["public.settings.value: values changed"]


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_a_check_of_json_is_no_evidence(analyze: Analyze, history: History) -> None:
    """A revision that refuses the JSON that was made up is judged on rows without; that of NULLs fails on rows."""
    history.add(
        "r1", None, PEOPLE + '\nop.execute("ALTER TABLE people ADD prefs jsonb")', "op.execute('DROP TABLE people')"
    )
    found = 'op.get_bind().scalar(sa.text("SELECT count(*) FROM people WHERE {}"))'
    refuse = f'if {found}:\n    raise ValueError("mend them first")\n'
    add, drop = 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")'
    history.add("json", "r1", refuse.format("NOT prefs ? 'theme'") + add, drop)
    history.add("nulls", "r1", refuse.format("name IS NULL OR prefs IS NULL") + add, drop)
    config = plain_project(history)
    (json,) = analyze("json", config=config).revisions
    (nulls,) = analyze("nulls", config=config).revisions

    assert json.reasons == ()
    assert json.trace.refused_rows == "mend them first"
    assert {one.code for one in json.diagnostics} >= {"rows-must-fit"}
    assert nulls.reasons == ("fails-on-existing-rows",)
    assert "rows that exist: mend them first" in " ".join(one.message for one in nulls.diagnostics)


def test_a_table_that_cannot_be_read_costs_itself(analyze: Analyze, history: History) -> None:
    """A value that has no text stops no report: its table is named with the reason, all else is measured."""
    history.add(
        "r1",
        None,
        f"""{PEOPLE}
op.execute("CREATE TYPE odd AS (x int)")
op.execute("CREATE TABLE odds (x odd)")
op.execute("INSERT INTO odds VALUES (ROW(1))")
op.execute("CREATE FUNCTION fails(odd) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'it has no text'; END $$")
op.execute("CREATE CAST (odd AS text) WITH FUNCTION fails(odd)")
""",
    )
    history.add("r2", "r1", INDEX, 'op.drop_index("ix_people_name")')
    report = analyze(config=history.plain_ini())
    (analysis,) = report.revisions

    assert dict(analysis.trace.unread) == {"public.odds": "it has no text"}
    assert analysis.trace.locks["public.people"].sql == "SHARE"
    written = " ".join(render_analysis(report, "text", None, verbose=False, color=False).split())
    assert "not read public.odds (it has no text)" in written


def test_a_revision_that_forges_its_reports(analyze: Analyze, history: History) -> None:
    """A revision that reports in place of the agent is no safe one: its upgrade fails, and the reason is said."""
    history.add("r1", None, PEOPLE)
    history.add(
        "r2",
        "r1",
        "import os, stat\n"
        "for number in range(3, 64):\n"
        "    try:\n"
        "        if stat.S_ISFIFO(os.fstat(number).st_mode):\n"
        '            os.write(number, b\'{"event": "end", "error": null}\\n{"event": "done"}\\n\')\n'
        "    except OSError:\n"
        "        pass\n"
        f"{INDEX}",
    )
    report = analyze(config=history.plain_ini())

    assert report.fails_on(Severity.ERROR)
    assert "its code wrote into the pipe" in str(report)


BYTES = """
import zlib
c = op.get_bind()
for i, b in c.execute(sa.text("SELECT id, b FROM packed WHERE b IS NOT NULL")).fetchall():
    c.execute(sa.text("UPDATE packed SET note = :n WHERE id = :i"), {"n": zlib.decompress(bytes(b)).decode(), "i": i})
op.create_index("ix_packed_note", "packed", ["note"])
"""
PRICES = """
import decimal
for (text,) in op.get_bind().execute(sa.text("SELECT price FROM packed")).fetchall():
    decimal.Decimal(text.split(" EUR")[0])
op.create_index("ix_packed_note", "packed", ["note"])
"""
ALWAYS = 'op.create_index("ix_packed_note", "packed", ["note"])\nraise KeyError("nothing")'


@pytest.mark.few(1)
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("upgrade", "reasons"),
    [(BYTES, ("blocking-index-build",)), (PRICES, ("blocking-index-build",)), (ALWAYS, ("upgrade-fails",))],
    ids=["bytes", "texts", "always"],
)
def test_what_only_the_application_reads_is_no_evidence(
    analyze: Analyze, history: History, upgrade: str, reasons: tuple[str, ...]
) -> None:
    """An exception on made-up values says nothing about real ones: all else is judged; one that comes always is."""
    columns = "id int PRIMARY KEY, note text, price text NOT NULL, b bytea NOT NULL"
    history.add("r1", None, f'op.execute("CREATE TABLE packed ({columns})")')
    history.add("r2", "r1", upgrade, 'op.drop_index("ix_packed_note")')
    (found,) = analyze("r2", config=plain_project(history)).revisions

    assert set(reasons) <= set(found.reasons)
    assert ("upgrade-fails" in found.reasons) == ("upgrade-fails" in reasons)
    assert ("rows-must-fit" in {one.code for one in found.diagnostics}) == ("upgrade-fails" not in reasons)


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_what_comes_behind_a_statement_that_fails_on_rows_is_judged(analyze: Analyze, history: History) -> None:
    """A statement that no made-up row lets pass is undone alone, and the index build behind it is found as well."""
    history.add("r1", None, PEOPLE)
    body = 'op.execute("ALTER TABLE people ADD must int NOT NULL")\n'
    history.add("r2", "r1", f'{body}op.execute("UPDATE people SET name = name")\n{INDEX}', "pass")
    (found,) = analyze("r2", config=plain_project(history)).revisions

    assert found.reasons == ("blocking-index-build", "fails-on-existing-rows", "unbatched-write")
    assert [bool(one.error) for one in found.trace.upgrade] == [True, False, False]


RAISES = """DO $$ BEGIN IF EXISTS (SELECT FROM people {}) THEN RAISE EXCEPTION 'mend them first'; END IF; END $$"""


@pytest.mark.few(1)
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (RAISES.format(""), "fails-on-existing-rows"),
        (RAISES.format("RIGHT JOIN (SELECT 1) AS t ON true"), "upgrade-fails"),
        ("UPDATE people SET name = (SELECT p.name FROM people p)", "fails-on-existing-rows"),
    ],
    ids=["raised for rows", "raised always", "subquery of several rows"],
)
def test_whatever_the_rows_are_is_said_only_where_it_is_so(
    analyze: Analyze, history: History, body: str, code: str
) -> None:
    """A failure that is gone without rows is one on rows, whatever its code; what comes behind it is judged."""
    history.add("r1", None, PEOPLE)
    history.add("r2", "r1", f'op.execute("""{body}""")\n{INDEX}', "pass")
    (found,) = analyze("r2", config=plain_project(history)).revisions

    assert found.reasons == tuple(sorted(("blocking-index-build", code)))


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_what_follows_a_revision_that_cannot_run_is_not_judged(analyze: Analyze, history: History) -> None:
    """Only the one that fails is unsafe; those behind it are counted as not judged, and the exit code says that."""
    history.add("r1", None, PEOPLE)
    history.add("r2", "r1", 'op.execute("DROP TABLE nothing")', "pass")
    history.add("r3", "r2", INDEX, "pass")
    history.add("r4", "r3", "pass", "pass")
    config = plain_project(history)
    report = analyze("r1:heads", config=config)
    text, data, markdown, sarif, github = (
        render_analysis(report, form, config, verbose=False, color=False)
        for form in ("text", "json", "markdown", "sarif", "github")
    )

    assert [one.verdict for one in report.revisions] == ["unsafe", "not judged", "not judged"]
    assert [one.reasons for one in report.revisions[1:]] == [(), ()]
    assert "1 of 3 unsafe, 2 not judged" in text
    assert '"not_judged": 2' in data
    assert "1 of 3 unsafe, 2 not judged" in markdown
    (run,) = json.loads(sarif)["runs"]
    assert run["properties"]["notJudged"] == 2
    assert sum(result["ruleId"] == "not-judged" for result in run["results"]) == 2
    lines = github.splitlines()
    assert (
        sum(line.startswith("::warning") and "title=not-judged::Not judged: revision r2" in line for line in lines) == 2
    )
    assert lines[-1].startswith("::notice title=migrate analyze::1 of 3 unsafe, 2 not judged")
    assert analyze("r4", config=config).fails_on(Severity.ERROR)
