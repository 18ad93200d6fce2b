"""Statements of old code, tried on a schema that has changed meanwhile."""

import psycopg
import pytest

from adapter.outbound.database.migration.application_statements import ApplicationStatements
from domain.migration.compatibility import ApplicationStatement

SCHEMA = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, age int, mood mood,
    twice int GENERATED ALWAYS AS (age * 2) STORED
);
CREATE TABLE "Pets" (id int PRIMARY KEY, owner bigint REFERENCES people, name text);
CREATE VIEW grown AS SELECT id, email FROM people WHERE age > 17;
CREATE TABLE nobody (id int);
INSERT INTO people (email, age, mood) SELECT n || '@example.org', n, 'glad' FROM generate_series(1, 30) n;
INSERT INTO "Pets" SELECT n, n, 'pet' FROM generate_series(1, 30) n;
"""


@pytest.fixture
def url(empty_url: str) -> str:
    """A database with tables, a view and rows."""
    execute(empty_url, SCHEMA)
    return empty_url


def execute(url: str, query: str) -> None:
    """Execute SQL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(query.encode())


def test_every_form_of_statement_runs_on_its_own_schema(url: str) -> None:
    """SELECT, both INSERTs, an UPDATE of each column that can be given, and DELETE; nothing of it stays."""
    with ApplicationStatements(url) as code:
        unchanged = code.try_again()
        texts = [statement.sql for statement in code.statements]

    assert 'SELECT "id", "email", "age", "mood", "twice" FROM "public"."people" LIMIT 1' in texts
    assert 'INSERT INTO "public"."people" ("email", "age", "mood") VALUES ($1, $2, $3)' in texts
    assert 'INSERT INTO "public"."people" ("email") VALUES ($1)' in texts
    assert 'UPDATE "public"."people" SET "mood" = $1 WHERE "id" = $2' in texts
    assert 'DELETE FROM "public"."Pets" WHERE "id" = $1' in texts
    assert 'SELECT "id", "email" FROM "public"."grown" LIMIT 1' in texts
    assert code.untried == {"public.nobody": "it has no row to take values from"}
    assert unchanged.tried == len(texts)
    assert unchanged.broken == ()
    with psycopg.connect(url) as connection:
        assert connection.execute('SELECT count(*) FROM people, "Pets"').fetchone() == (900,)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("ALTER TABLE people ADD nickname text", {}),
        ("ALTER TABLE people ADD CHECK (age > 1000) NOT VALID", {}),
        ("CREATE UNIQUE INDEX ON people (mood, age)", {}),
        ("ALTER TABLE people ADD must text NOT NULL DEFAULT 'x'", {}),
        ("ALTER TABLE people RENAME age TO years", {"people": 'column "age"'}),
        ('ALTER TABLE "Pets" RENAME TO animals', {'"Pets"': "does not exist"}),
        ('ALTER TABLE "Pets" RENAME TO animals; CREATE VIEW "Pets" AS TABLE animals', {}),
        ('ALTER TABLE "Pets" ADD must text DEFAULT 1 NOT NULL; ALTER TABLE "Pets" ALTER must DROP DEFAULT',
         {'"Pets"': 'null value in column "must"'}),
        ("DROP VIEW grown", {"grown": "does not exist"}),
        ('ALTER TABLE "Pets" DROP name, ADD name int', {'"Pets"': "invalid input syntax for type integer"}),
    ],
)  # fmt: skip
def test_changes_of_the_schema(url: str, change: str, broken: dict[str, str]) -> None:
    """What names a thing that is gone fails, and what gives too little; a new constraint on values is no break."""
    with ApplicationStatements(url) as code:
        execute(url, change)
        found = code.try_again()

    assert {one.statement.table for one in found.broken} == {f"public.{table}" for table in broken}
    for one in found.broken:
        if one.when_prepared:
            continue
        assert broken[one.statement.table.removeprefix("public.")] in str(one)


def test_statements_that_were_prepared_before(url: str) -> None:
    """A changed result type breaks the prepared SELECT alone, as Postgres refuses its cached plan."""
    with ApplicationStatements(url) as code:
        execute(url, 'ALTER TABLE "Pets" ALTER name TYPE varchar(90)')
        found = code.try_again()

    assert found.broken
    assert {one.error for one in found.broken} == {"cached plan must not change result type"}
    assert all(one.when_prepared and one.statement.sql.startswith("SELECT") for one in found.broken)


def test_recorded_statements_and_code_that_is_to_come(url: str, migrated_url: str) -> None:
    """A recorded statement is tried like the others, and statements can be tried on another database."""
    recorded = ApplicationStatement(
        "SELECT upper(email) FROM people WHERE age = $1", "public.people", ("3",), recorded=True
    )
    with ApplicationStatements(url, [recorded]) as code:
        execute(url, "ALTER TABLE people RENAME email TO mail")
        again, elsewhere = code.try_again(), code.try_on(migrated_url)

    assert recorded in {one.statement for one in again.broken}
    assert len(elsewhere.broken) == len(code.statements)
