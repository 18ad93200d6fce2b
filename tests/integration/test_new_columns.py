"""Columns that came after the rows get values on demand, so that what is lost with them is seen."""

import psycopg

from adapter.outbound.database.migration.filler import Filled, fill

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
