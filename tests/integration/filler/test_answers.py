"""What is known of values from one database is used in the next, where it holds."""

from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.rows import Answers, fill
from adapter.outbound.migration.rows.plan import Session

TYPE = "CREATE TYPE state AS ENUM ('new', 'open');"
SCHEMA = f"""
{TYPE}
CREATE TABLE orders (id serial PRIMARY KEY, state state CHECK (state <> 'new'), sum int CHECK (sum BETWEEN 4 AND 40),
    mail text CHECK (mail LIKE '%@%.%'));
CREATE TABLE bills (id serial PRIMARY KEY, state state CHECK (state <> 'new'), sum int CHECK (sum BETWEEN 4 AND 40),
    mail text CHECK (mail LIKE '%@%.%'));
"""
OWN_FUNCTION = """
CREATE FUNCTION fits(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 < 7';
CREATE TABLE orders (id serial PRIMARY KEY, sum int CHECK (fits(sum)));
"""


def rows_of(connection: psycopg.Connection[Any], schema: str, answers: Answers | None) -> list[Any]:
    """Return the rows that are made for a schema, in a database without other tables."""
    connection.execute(b"DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    connection.execute(schema.encode())
    assert not fill(connection, 50, answers=answers).problems
    return connection.execute("SELECT * FROM orders ORDER BY id").fetchall()


@pytest.mark.parametrize(
    ("schema", "other"),
    [
        (SCHEMA, SCHEMA.replace("'open'", "'open', 'closed'")),
        (SCHEMA, SCHEMA.replace("40", "12")),
        (OWN_FUNCTION, OWN_FUNCTION.replace("< 7", "> 9")),
    ],
    ids=["enum", "check", "function"],
)
def test_what_is_known_changes_no_row(empty: psycopg.Connection[Any], schema: str, other: str) -> None:
    """Rows are the same with and without what is known from a database whose types, checks or functions differ."""
    answers = Answers()
    assert rows_of(empty, schema, answers) == rows_of(empty, schema, None) == rows_of(empty, schema, answers)
    assert rows_of(empty, other, answers) == rows_of(empty, other, None)


def test_the_same_question_is_asked_once(empty: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked about checks that a table of this database, or of the one before, has as well."""
    asked: list[str] = []
    ask = Session._asked  # noqa: SLF001 - what is counted

    def count(session: Session, questions: Any, wanted: Any) -> list[Any]:
        asked.extend(question.query for question in questions)
        return ask(session, questions, wanted)

    monkeypatch.setattr(Session, "_asked", count)
    # a type that is created again is another one
    schema = SCHEMA.replace("state state CHECK (state <> 'new'), ", "").replace(TYPE, "")
    answers = Answers()
    rows_of(empty, schema, answers)
    assert len(asked) == len(set(asked)) > 0
    asked.clear()
    rows_of(empty, schema.replace("CREATE TABLE bills", "CREATE TABLE more"), answers)
    assert not asked
