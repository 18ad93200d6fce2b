"""Columns with a default: some rows have other values, and where none fit, a loss is not called exact."""

from typing import Any

import psycopg
import pytest

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from adapter.outbound.migration.rows import fill, unmade_edges
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History

ROWS = 200
# Column definitions whose default alone would pass, and a condition that some rows have to meet.
DEFAULTS = {
    "pct int NOT NULL DEFAULT 0 CHECK (pct >= 0 AND pct <= 100)": "pct <> 0",
    "code char(3) NOT NULL DEFAULT 'USD' CHECK (code ~ '^[A-Z]{3}$')": "code <> 'USD'",
    "lang text NOT NULL DEFAULT 'en' CHECK (lang ~ '^[a-z]{2}$')": "lang <> 'en'",
    "state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'done'))": "state = 'done'",
    "low int NOT NULL DEFAULT 0, high int NOT NULL DEFAULT 0, CHECK (low <= high)": "high <> 0",
    "card macaddr NOT NULL DEFAULT '08:00:2b:01:02:03'": "card <> '08:00:2b:01:02:03'",
    "share small NOT NULL DEFAULT 1": "share <> 1",
}


def count(connection: psycopg.Connection[Any], query: str) -> int:
    """Return the number that a query counts."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_check_leaves_room_for_other_values_than_the_default(database: psycopg.Connection[Any]) -> None:
    """Most rows keep the default; a few have another value that the checks allow."""
    database.execute("CREATE DOMAIN small AS int CHECK (VALUE BETWEEN 1 AND 9)")
    for number, definition in enumerate(DEFAULTS):
        database.execute(f"CREATE TABLE t{number} (id serial PRIMARY KEY, {definition})".encode())
    assert fill(database, ROWS).problems == ()

    for number, condition in enumerate(DEFAULTS.values()):
        assert 1 <= count(database, f"SELECT count(*) FROM t{number} WHERE {condition}") < ROWS / 4, condition


def test_a_new_column_with_a_default_has_other_values(database: psycopg.Connection[Any]) -> None:
    """A column that a revision adds to a full table gets a few rows as a newer application writes them."""
    database.execute("CREATE TABLE t (id serial PRIMARY KEY)")
    fill(database, ROWS)
    database.execute("ALTER TABLE t ADD COLUMN pct int NOT NULL DEFAULT 0 CHECK (pct BETWEEN 0 AND 100)")
    fill(database, ROWS, young={"public.t.pct"}, fresh={"public.t.pct"})

    assert count(database, "SELECT count(*) FROM t WHERE pct <> 0") > 1


def test_the_only_row_of_a_table_has_other_values(database: psycopg.Connection[Any]) -> None:
    """A table with room for a single row does not have its defaults there."""
    database.execute("""
        CREATE TABLE settings (
            id boolean PRIMARY KEY DEFAULT true CHECK (id), open boolean NOT NULL DEFAULT false,
            pct int NOT NULL DEFAULT 0 CHECK (pct BETWEEN 0 AND 100)
        )
    """)
    fill(database, ROWS)

    assert count(database, "SELECT count(*) FROM settings WHERE open AND pct <> 0") == 1


def test_a_column_that_can_only_have_its_default_is_named(database: psycopg.Connection[Any]) -> None:
    """Where no other value is found, what was not tried names the column and its check; the others have values."""
    database.execute("""
        CREATE TABLE t (
            id serial PRIMARY KEY, kind text NOT NULL DEFAULT 'x' CONSTRAINT odd CHECK (md5(kind) = md5('x')),
            pct int NOT NULL DEFAULT 0 CHECK (pct BETWEEN 0 AND 100)
        )
    """)
    fill(database, ROWS)

    assert unmade_edges(database, {"public.t"}, ROWS)["public.t.kind"] == "none but its default: check odd"
    assert count(database, "SELECT count(*) FROM t WHERE pct <> 0") > 1


def test_what_was_not_tried_is_named_as_in_the_catalog(database: psycopg.Connection[Any]) -> None:
    """Names that need quotes have them, so that what is said of a table or column is found by its name."""
    database.execute("""
        CREATE TABLE "Order" ("select" text NOT NULL DEFAULT 'x' CONSTRAINT odd CHECK (md5("select") = md5('x')));
        CREATE TABLE "Odd" (id int NOT NULL CHECK (id > 1 AND id < 1))
    """)
    filled = fill(database, ROWS)

    assert [problem.table for problem in filled.problems] == ['public."Odd"']
    assert fill(database, 2 * ROWS, ['public."Order"']).problems == ()
    assert count(database, 'SELECT count(*) FROM "Order"') == 2 * ROWS
    assert unmade_edges(database, {'public."Order"'}, ROWS) == {
        'public."Order"."select"': "none but its default: check odd"
    }


@pytest.mark.long
@pytest.mark.one_major
def test_a_dropped_default_is_lost_or_not_seen(server: Server, history: History) -> None:
    """A column that comes back with its default is a loss; where it can have no other value, nothing is proved."""
    definitions = {
        "pct": "int NOT NULL DEFAULT 0 CHECK (pct BETWEEN 0 AND 100)",
        "kind": "text NOT NULL DEFAULT 'x' CHECK (md5(kind) = md5('x'))",
    }
    columns = ", ".join(f"{name} {definition}" for name, definition in definitions.items())
    history.add("first", None, f'op.execute("CREATE TABLE t (id serial PRIMARY KEY, {columns})")')
    for name, definition in definitions.items():
        up, down = f"ALTER TABLE t DROP COLUMN {name}", f"ALTER TABLE t ADD COLUMN {name} {definition}"
        history.add(name, "first", f'op.execute("{up}")', f'op.execute("{down}")')
    config = history.plain_ini()
    request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=ROWS)
    asked = VerificationRequest("first:heads", "round-trip", certificates=config.parent / "c.json")
    proofs = {
        proof.analysis.trace.revision: proof for proof in verify_revisions(request, asked, lambda *_: None).proofs
    }

    trip = proofs["pct"].trip
    assert trip is not None
    assert trip.reversibility is not Reversibility.EXACT
    assert {diagnostic.code for diagnostic in proofs["pct"].diagnostics} == {"undeclared-loss"}
    assert proofs["kind"].certificate is None
    assert {diagnostic.code for diagnostic in proofs["kind"].diagnostics} == {"loss-not-seen"}
