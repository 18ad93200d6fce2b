"""A revision runs once more with rows that its statements look for, where they have found none."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rules import unknown_share
from domain.migration.diagnostic import Severity
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed, verified

pytestmark = pytest.mark.one_major

CODE = "not-seen-at-work"
TABLES = """
op.execute("CREATE TABLE people (id serial PRIMARY KEY, email text NOT NULL UNIQUE, kind text, note text, size int)")
op.execute("CREATE TABLE pets (id serial PRIMARY KEY, owner int NOT NULL REFERENCES people, name text)")
"""


def judged(server: Server, history: History, upgrade: str) -> RevisionAnalysis:
    """Analyze one revision on people and their pets."""
    history.add("r1", None, TABLES)
    history.add("r2", "r1", upgrade)
    (found,) = ranged(server, history, "r1:r2")
    return found


ASYNC_ENV = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    async with create_async_engine("postgresql+asyncpg://nowhere.invalid/none").connect() as connection:
        await connection.run_sync(run)

asyncio.run(main())
"""


def ranged(server: Server, history: History, wanted: str) -> tuple[RevisionAnalysis, ...]:
    """Analyze a range."""
    config = history.folder.parent / f"{history.folder.name}_project" / "alembic.ini"
    config = config if config.exists() else history.plain_ini()
    return analyzed(server, config, wanted, rows=300).revisions


def said(analysis: RevisionAnalysis) -> list[tuple[Severity, str]]:
    """Return the severity and text of what is said of statements that found no row."""
    return [(one.severity, one.message) for one in analysis.diagnostics if one.code == CODE]


def rows_of(analysis: RevisionAnalysis) -> dict[str, int]:
    """Return how many rows the upgrade wrote, by table."""
    found: dict[str, int] = {}
    for statement in analysis.trace.upgrade:
        for table, rows in statement.rows.items():
            found[table] = found.get(table, 0) + rows.total
    return found


BOUND = """
op.get_bind().execute(
    sa.text("UPDATE people SET note = lower(note) WHERE kind = :kind AND size > :size"), {"kind": "big", "size": 90000}
)
"""
CORE = """
people = sa.table("people", sa.column("kind", sa.Text()), sa.column("note", sa.Text()))
op.execute(people.update().where(people.c.kind == "editor in chief").values(note=sa.func.lower(people.c.note)))
"""
DRIVER = """
cursor = op.get_bind().connection.cursor()
cursor.execute("UPDATE people SET note = lower(note) WHERE kind = %s", ("editor in chief",))
"""


@pytest.mark.parametrize("upgrade", [BOUND, *(pytest.param(each, marks=pytest.mark.long) for each in (CORE, DRIVER))])
def test_an_update_finds_rows(server: Server, history: History, upgrade: str) -> None:
    """The rows of an UPDATE are made and written; how many production has of them is not known, as a warning says."""
    found = judged(server, history, upgrade)

    assert 0 < rows_of(found)["public.people"] < 100
    assert said(found) == []
    assert unknown_share.CODE in {diagnostic.code for diagnostic in found.diagnostics}
    assert found.trace.undone


@pytest.mark.long
@pytest.mark.parametrize("upgrade", [BOUND, CORE])
def test_asyncpg(server: Server, history: History, upgrade: str) -> None:
    """A statement is explained with its parameters over a driver that prepares it."""
    env = history.plain_ini().parent / "env.py"
    env.write_text(ASYNC_ENV, encoding="utf-8")
    found = judged(server, history, upgrade)

    assert 0 < rows_of(found)["public.people"] < 100


LOOP = """
connection = op.get_bind()
for person, note in connection.execute(sa.text("SELECT id, note FROM people WHERE kind = 'editor in chief'")).all():
    values = {"note": "was " + str(note), "id": person}
    connection.execute(sa.text("UPDATE people SET note = :note WHERE id = :id"), values)
"""
GUARD = """
if op.get_bind().execute(sa.text("SELECT id FROM people WHERE kind = 'editor in chief'")).first():
    raise RuntimeError("there must be no editor in chief")
"""
IF_ABSENT = """
connection = op.get_bind()
if connection.execute(sa.text("SELECT id FROM people WHERE email = 'admin@example.com'")).first() is None:
    connection.execute(sa.text("INSERT INTO people (id, email) VALUES (-7, 'admin@example.com')"))
"""
OTHERWISE = (
    IF_ABSENT
    + """else:
    connection.execute(sa.text("UPDATE people SET note = 'x'"))
"""
)
REFUSED = "op.execute(\"UPDATE people SET email = 'one for all' WHERE kind = 'editor in chief'\")"
UNKNOWN = "op.execute(\"UPDATE people SET note = 'x' WHERE md5(kind) = 'no such hash'\")"


@pytest.mark.long
def test_a_loop_over_what_a_select_finds(server: Server, history: History) -> None:
    """A loop in Python over rows that nobody had is run over rows that were made for it."""
    found = judged(server, history, LOOP)

    assert 0 < rows_of(found)["public.people"] < 100
    assert [severity for severity, _ in said(found)] == []


@pytest.mark.long
def test_a_check_that_raises_and_one_that_adds_what_is_missing(server: Server, history: History) -> None:
    """A SELECT before a `raise`, or before the INSERT of what it has not found, is seen at work as it is."""
    history.add("r3", "r2", IF_ABSENT)
    guard, added = judged(server, history, GUARD), ranged(server, history, "r2:r3")[0]

    assert (guard.verdict, said(guard)) == ("safe", [])
    assert (added.verdict, said(added), rows_of(added)) == ("safe", [], {"public.people": 1})


@pytest.mark.long
def test_the_warning_stays_where_nothing_was_seen(server: Server, history: History) -> None:
    """A branch that was not judged, a failure on rows made for it, and a condition that nobody can meet are said."""
    history.add("r3", "r2", REFUSED)
    history.add("r4", "r3", UNKNOWN)
    otherwise = judged(server, history, OTHERWISE)
    (refused,), (unknown,) = ranged(server, history, "r2:r3"), ranged(server, history, "r3:r4")

    assert [one.verdict for one in (otherwise, refused, unknown)] == ["safe"] * 3
    assert [[severity for severity, _ in said(one)] for one in (otherwise, refused, unknown)] == [
        [Severity.WARNING]
    ] * 3
    assert "could not be judged: it does something else there." in said(otherwise)[0][1]
    assert "duplicate key value violates unique constraint" in said(refused)[0][1]
    assert "its effect on your rows is not known." in said(unknown)[0][1]


@pytest.mark.long
def test_the_next_revision_knows_nothing_of_these_rows(server: Server, history: History) -> None:
    """A revision behind one for which rows were made has the rows that it has alone."""
    history.add("r3", "r2", UNKNOWN)
    judged(server, history, BOUND)
    behind, (alone,) = ranged(server, history, "r1:r3")[1], ranged(server, history, "r2:r3")

    assert {name: facts.rows for name, facts in behind.trace.tables.items()} == {
        name: facts.rows for name, facts in alone.trace.tables.items()
    }
    assert (behind.verdict, said(behind)) == (alone.verdict, said(alone))


@pytest.mark.long
@pytest.mark.parametrize("only", ["round-trip", "round-trip,repeat,compat"])
def test_a_proof_rests_on_rows_that_match(server: Server, history: History, only: str) -> None:
    """A downgrade that gives nothing back of rows which nobody had is not exact, and kills are survived on them."""
    history.add("r1", None, TABLES)
    history.add("r2", "r1", BOUND)
    history.add("r3", "r2", 'op.add_column("pets", sa.Column("age", sa.Integer()))', 'op.drop_column("pets", "age")')
    asked = VerificationRequest("r1:r3", only, certificates=history.folder.parent / "c.json")
    lossy, exact = verified(server, history.plain_ini(), asked, rows=300).proofs

    (loss,) = (one for one in lossy.diagnostics if one.severity is Severity.ERROR)
    assert (loss.code, loss.relation) == ("undeclared-loss", "public.people.note")
    assert lossy.repetition is None or (lossy.repetition.kills, lossy.repetition.survived) == (1, 1)
    assert (exact.failed, exact.certificate is not None) == (False, True)
    assert exact.analysis.trace.unmade_edges["public.pets.owner"].startswith("only keys of public.people")


@pytest.mark.long
def test_one_statement_that_refuses_its_rows_does_not_hide_another(server: Server, history: History) -> None:
    """Where rows for one statement make the upgrade fail, the other one is seen on rows of its own."""
    update = "op.execute(\"UPDATE people SET note = lower(note) WHERE kind = 'a kind of its own'\")"
    found = judged(server, history, f"{REFUSED}\n{update}")

    assert [(severity.value, "duplicate key" in message) for severity, message in said(found)] == [("warning", True)]
    assert 0 < rows_of(found)["public.people"] < 100
