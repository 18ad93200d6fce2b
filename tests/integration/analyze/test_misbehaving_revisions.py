"""Revisions and histories that misbehave, and what is judged beside them."""

import json

import psycopg
import pytest

from adapter.bootstrap.analyze import render_analysis
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from domain.errors import DomainError
from domain.migration.diagnostic import Severity
from tests.conftest import SERVERS
from tests.history import History
from tests.integration.analyze.projects import INDEX, PEOPLE, Analyze, plain_project

pytestmark = pytest.mark.one_major

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


@pytest.mark.long
@pytest.mark.some(3)
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
    with pytest.raises(DatabaseConfigurationError, match=r"in a circle"):
        analyze("heads", config=config)


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_a_history_that_runs_only_at_one_go(analyze: Analyze, history: History) -> None:
    """A second table with an enum fails where the first one is there, not in one upgrade from the base.

    What follows it is judged, wherever the range begins.
    """
    moody = 'op.create_table("{}", sa.Column("id", sa.Integer), sa.Column("mood", sa.Enum("sad", "glad", name="mood")))'
    history.add("r1", None, f"{moody.format('days')}\n{PEOPLE}", "pass")
    for number in range(2, 9):
        body = moody.format("nights") if number == 5 else "pass"
        history.add(f"r{number}", f"r{number - 1}", body, "pass")
    history.add("r9", "r8", INDEX, 'op.drop_index("ix_people_name")')
    config = plain_project(history)

    verdicts = [analysis.verdict for analysis in analyze("base:heads", config=config).revisions]

    assert verdicts[4] == "unsafe"
    assert verdicts[5:] == ["safe", "safe", "safe", "unsafe"]
    for number in (6, 7, 9):
        (alone,) = analyze(f"r{number}", config=config).revisions
        assert alone.verdict == verdicts[number - 1]


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_what_follows_a_revision_that_does_not_end_on_rows_is_judged(analyze: Analyze, history: History) -> None:
    """A loop that takes longer than a revision may take is run without rows where later revisions need it done."""
    slow = """
import time
for row in op.get_bind().execute(sa.text("SELECT id FROM people")).all():
    time.sleep(1)
"""
    history.add("r1", None, PEOPLE, "pass")
    history.add("r2", "r1", slow, "pass")
    history.add("r3", "r2", INDEX, 'op.drop_index("ix_people_name")')
    report = analyze("r1:heads", config=plain_project(history), statement_timeout=1)

    slow_one, following = report.revisions
    assert "did not end within 20 s" in str(slow_one.diagnostics)
    assert following.reasons == ("blocking-index-build",)


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_what_fails_because_an_earlier_statement_failed_on_rows_is_no_error(analyze: Analyze, history: History) -> None:
    """A required column fails on rows; that its index then finds no column is not said as well."""
    history.add("r1", None, PEOPLE, "pass")
    history.add(
        "r2",
        "r1",
        'op.add_column("people", sa.Column("area", sa.Text(), nullable=False))\n'
        'op.execute("ALTER TABLE people ADD COLUMN note text")\n'
        'op.create_index("ix_people_area", "people", ["area"])',
        'op.drop_column("people", "note")\nop.drop_column("people", "area")',
    )
    (analysis,) = analyze("r2", config=plain_project(history)).revisions

    assert "fails-on-existing-rows" in analysis.reasons
    assert "upgrade-fails" not in analysis.reasons
    assert len(analysis.trace.upgrade) == 2


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_code_that_fails_at_the_edges_of_texts_is_judged_on_other_rows(analyze: Analyze, history: History) -> None:
    """A text with braces breaks `format`: without such texts the loop is seen at work, and the warning says why."""
    history.add("r1", None, PEOPLE, "pass")
    history.add(
        "r2",
        "r1",
        'for number, name in op.get_bind().execute(sa.text("SELECT id, name FROM people")).all():\n'
        "    op.get_bind().execute(\n"
        '        sa.text("UPDATE people SET name = :name WHERE id = :id"),\n'
        '        {"name": (name or "").format(area="north"), "id": number},\n'
        "    )",
    )
    (analysis,) = analyze("r2", config=plain_project(history)).revisions

    warnings = {diagnostic.code for diagnostic in analysis.diagnostics if diagnostic.severity is Severity.WARNING}
    assert "unbatched-write" in analysis.reasons
    assert "rows-must-fit" in warnings
    assert "empty-in-sandbox" not in warnings


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_a_history_that_only_env_py_names_is_empty(analyze: Analyze, history: History) -> None:
    """Alembic reads its configuration before it runs env.py: the report does not take that for a safe range."""
    config = plain_project(history, env="from alembic import context\ncontext.script.version_locations = []\n")

    report = analyze("base:heads", config=config)

    assert report.is_history_empty
    assert "no revision in this history" in render_analysis(report, "text", None, verbose=False, color=False)
