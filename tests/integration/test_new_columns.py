"""Columns that came after the rows get values on demand, so that what is lost with them is seen."""

import psycopg
import pytest

from adapter.bootstrap.verify import VerificationRequest
from adapter.outbound.migration.rows import Filled, fill
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

ROWS = 60
SETTLED = ("public.people.note", "public.people.team_id", "public.people.n", "public.flags.note")


def test_a_column_without_values_gets_some(empty_url: str) -> None:
    """A tenth as many rows are added once, old rows stay as they are, and children find their parents."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)")
        fill(connection, ROWS)
        connection.execute("CREATE TABLE teams (id bigint PRIMARY KEY)")
        connection.execute("ALTER TABLE people ADD note text, ADD team_id bigint REFERENCES teams, ADD n int DEFAULT 1")
        unasked = fill(connection, ROWS)
        first, second = (fill(connection, ROWS, settled=SETTLED) for _ in range(2))
        counts = connection.execute("SELECT count(*), count(note), count(team_id) FROM people").fetchone()

    assert unasked == Filled({"public.teams": ROWS}, ())
    assert first == Filled({"public.people": ROWS // 10}, ())
    assert second == Filled({}, ())
    assert counts is not None
    assert counts[0] == ROWS + ROWS // 10
    assert min(counts[1:]) > 0


def test_a_column_that_has_to_be_null_stays_so(empty_url: str) -> None:
    """Where no value is allowed, or no row has room, the table stays as it is."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (id bigint PRIMARY KEY)")
        connection.execute("CREATE TABLE flags (flag boolean PRIMARY KEY)")
        fill(connection, 2)
        connection.execute("ALTER TABLE people ADD note text CHECK (note IS NULL)")
        connection.execute("ALTER TABLE flags ADD note text")
        found = [fill(connection, 2, settled=SETTLED) for _ in range(2)]
        counts = connection.execute("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM flags)").fetchone()

    assert [each.problems for each in found] == [(), ()]
    assert counts == (2, 2)


@pytest.mark.long
@pytest.mark.parametrize("only", ["round-trip", "round-trip,compat"])
@pytest.mark.parametrize("wanted", ["base:heads", "r7"])
def test_values_of_a_column_that_came_later_are_missed(
    server: Server, history: History, wanted: str, only: str
) -> None:
    """A revision that drops a column is lossy, though rows were there before the column, by whatever way one comes."""
    history.add("r1", None, 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY)")', 'op.drop_table("people")')
    history.add("r2", "r1", 'op.add_column("people", sa.Column("note", sa.Text()))', 'op.drop_column("people", "note")')
    history.add("r3", "r2", 'op.add_column("people", sa.Column("n", sa.Integer()))', 'op.drop_column("people", "n")')
    for n in (4, 5, 6):
        history.add(f"r{n}", f"r{n - 1}", "pass")
    history.add("r7", "r6", 'op.drop_column("people", "note")', 'op.add_column("people", sa.Column("note", sa.Text()))')
    asked = VerificationRequest(wanted, only, certificates=history.folder.parent / "certificates.json")
    report = verified(server, history.plain_ini(), asked, rows=ROWS)
    lost = {
        proof.analysis.trace.revision: [one.message for one in proof.diagnostics if one.code == "undeclared-loss"]
        for proof in report.proofs
    }

    assert {name for name, messages in lost.items() if messages} == {"r7"}
    assert "public.people.note: all" in lost["r7"][0]


def test_a_column_that_came_with_a_default_gets_edges(empty_url: str) -> None:
    """A few rows are added once with other values than the default; those that were there keep it."""
    fresh, young = ["public.people.state", "public.people.n"], ["public.people.note"]
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (id bigint PRIMARY KEY)")
        fill(connection, ROWS)
        connection.execute(
            "ALTER TABLE people ADD state text NOT NULL DEFAULT 'new', ADD n int DEFAULT 1, ADD note text"
        )
        first, second = (fill(connection, ROWS, young=young, fresh=fresh) for _ in range(2))
        counts = connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'new' AND n = 1) >= %s, count(DISTINCT state) > 3,"
            " count(DISTINCT n) > 3, count(note) FROM people",
            (ROWS,),
        ).fetchone()

    assert 0 < first.tables["public.people"] < ROWS / 2
    assert second == Filled({}, ())
    assert counts == (True, True, True, 0)


@pytest.mark.long
def test_the_loss_of_what_a_new_column_may_hold(server: Server, history: History) -> None:
    """A revision that shortens a column which the revision before brought with a default is not exact."""
    add = "op.execute(\"ALTER TABLE people ADD state text NOT NULL DEFAULT 'new'\")"
    shorten = 'op.execute("ALTER TABLE people ALTER state TYPE varchar(3) USING left(state, 3)")'
    history.add("r1", None, 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY)")', 'op.drop_table("people")')
    history.add("r2", "r1", add, 'op.drop_column("people", "state")')
    history.add("r3", "r2", shorten, 'op.execute("ALTER TABLE people ALTER state TYPE text")')
    asked = VerificationRequest("r2:r3", "round-trip", certificates=history.folder.parent / "certificates.json")
    (proof,) = verified(server, history.plain_ini(), asked, rows=ROWS).proofs

    assert [one.code for one in proof.diagnostics] == ["undeclared-loss"]
    assert "public.people.state" in proof.diagnostics[0].message
