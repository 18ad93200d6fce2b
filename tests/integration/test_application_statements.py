"""Statements of old code, tried on a schema that has changed meanwhile."""

import psycopg
import pytest

from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from domain.migration.compatibility import ApplicationStatement
from tests.support import wait_until

SCHEMA = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, age int, mood mood,
    twice int GENERATED ALWAYS AS (age * 2) STORED
);
CREATE TABLE "Pets" (id int PRIMARY KEY, owner bigint REFERENCES people ON DELETE CASCADE, name text);
CREATE TABLE seats (id int PRIMARY KEY, person bigint);
CREATE VIEW grown AS SELECT id, email FROM people WHERE age > 17;
CREATE TABLE nobody (id int);
INSERT INTO people (email, age, mood) SELECT n || '@example.org', n, 'glad' FROM generate_series(1, 30) n;
INSERT INTO seats SELECT n, n FROM generate_series(1, 30) n;
INSERT INTO "Pets" SELECT n, n, 'pet' FROM generate_series(1, 30) n;
"""


RESTRICT = "ADD FOREIGN KEY (owner) REFERENCES people ON DELETE RESTRICT"
SWAP = "ALTER TABLE users DROP CONSTRAINT users_mail, ADD CONSTRAINT users_mail UNIQUE USING INDEX new"
# It writes NULL to another table.
TRIGGER = """
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO seen VALUES (nullif(current_setting('app.user', true), '')); RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION note()
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


def test_a_start_that_fails_leaves_no_session(url: str) -> None:
    """As where a revision has terminated the session that stays open: the other one would wait in the database."""
    with psycopg.connect(url) as ended:
        pass
    with pytest.raises(psycopg.OperationalError) as error:
        ApplicationStatements(url, watching=ended)

    assert error.traceback  # with all that it refers to, so that nobody but the failed start has closed the session
    with psycopg.connect(url, autocommit=True) as observing:
        sessions = """
            SELECT FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        """
        wait_until(lambda: observing.execute(sessions).fetchall() == [])


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
        ("ALTER TABLE people ALTER id RESTART WITH 1000", {}),
        ("ALTER TABLE people ALTER mood SET DEFAULT 'sad', ADD CHECK (mood <> 'sad') NOT VALID",
         {"people": "violates check constraint"}),
        ("ALTER TABLE people ALTER id RESTART", {"people": "duplicate key value"}),
        ("ALTER TABLE people ALTER id DROP IDENTITY, ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
         {"people": "duplicate key value"}),
        ('ALTER TABLE "Pets" DROP name, ADD name text GENERATED ALWAYS AS (\'x\') STORED',
         {'"Pets"': 'column "name"'}),
        (f'ALTER TABLE "Pets" DROP CONSTRAINT "Pets_owner_fkey", {RESTRICT}', {"people": "violates"}),
        ("ALTER TABLE seats ADD FOREIGN KEY (person) REFERENCES people ON DELETE RESTRICT", {}),
        (f"CREATE TABLE seen (who text NOT NULL); {TRIGGER}", {"people": 'in column "who" of relation "seen"'}),
        (f"CREATE TABLE seen (who text UNIQUE); INSERT INTO seen VALUES ('x'); {TRIGGER}", {}),
    ],
)  # fmt: skip
def test_changes_of_the_schema(url: str, change: str, broken: dict[str, str]) -> None:
    """What names a thing that is gone fails, what gives too little, and what draws a key that is there.

    A new constraint on values is no break.
    """
    with ApplicationStatements(url) as code:
        execute(url, change)
        found = code.try_again()

    assert {one.statement.table for one in found.broken} == {f"public.{table}" for table in broken}
    for one in found.broken:
        if one.when_prepared:
            continue
        assert broken[one.statement.table.removeprefix("public.")] in str(one)


def test_defaults_are_drawn_where_no_value_is_required(empty_url: str) -> None:
    """An INSERT that leaves the defaults out is made for each table, also where all other columns may be NULL."""
    execute(
        empty_url,
        """
        CREATE SEQUENCE invoice_no;
        CREATE TABLE invoices (
            id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            number bigint NOT NULL DEFAULT nextval('invoice_no') UNIQUE, total numeric, note text
        );
        CREATE TABLE ticks (id bigserial PRIMARY KEY);
        INSERT INTO invoices (total, note) SELECT n, 'x' FROM generate_series(1, 9) n;
        INSERT INTO ticks SELECT FROM generate_series(1, 9) n;
        """,
    )
    with ApplicationStatements(empty_url) as code:
        execute(empty_url, "ALTER TABLE invoices ADD CHECK (total IS NOT NULL OR note IS NOT NULL)")
        unbroken = code.try_again()
        execute(empty_url, "ALTER SEQUENCE invoice_no RESTART; ALTER SEQUENCE ticks_id_seq RESTART")
        broken = code.try_again().broken

    assert unbroken.broken == ()
    assert {one.statement.sql for one in broken} == {
        'INSERT INTO "public"."invoices" ("total", "note") VALUES ($1, $2)',
        'INSERT INTO "public"."ticks" DEFAULT VALUES',
    }
    assert all(one.sqlstate == "23505" for one in broken)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("ALTER TABLE users DROP CONSTRAINT users_mail", ("mail",)),
        ("ALTER TABLE users DROP CONSTRAINT users_pkey", ("id",)),
        ("DROP INDEX lower_name", ("lower(name)",)),
        ("DROP INDEX one_main", ('"Owner"', "main")),
        ("ALTER TABLE users DROP CONSTRAINT users_mail, ADD UNIQUE (mail, name)", ("mail",)),
        (f"CREATE UNIQUE INDEX new ON users (mail); {SWAP}", ()),
        ("CREATE UNIQUE INDEX new ON users (mail); ALTER TABLE users DROP CONSTRAINT users_mail", ()),
        ("CREATE UNIQUE INDEX new ON users (lower(name)); DROP INDEX lower_name", ()),
        ('CREATE UNIQUE INDEX new ON users ("Owner"); DROP INDEX one_main', ()),
        ("ALTER TABLE users DROP CONSTRAINT users_later", ()),
        ("ALTER TABLE users RENAME TO people; CREATE VIEW users AS TABLE people", ()),
        ("ALTER TABLE users ADD CHECK (mail <> '') NOT VALID", ()),
    ],
)  # fmt: skip
def test_upserts_need_their_unique_key(empty_url: str, change: str, broken: tuple[str, ...]) -> None:
    """ON CONFLICT fails when the unique key that it names is gone, and goes on where another one takes its place."""
    execute(
        empty_url,
        """
        CREATE TABLE users (
            id int PRIMARY KEY, mail text NOT NULL CONSTRAINT users_mail UNIQUE, name text, "Owner" int, main bool,
            later int CONSTRAINT users_later UNIQUE DEFERRABLE
        );
        CREATE UNIQUE INDEX lower_name ON users (lower(name));
        CREATE UNIQUE INDEX one_main ON users ("Owner") WHERE main;
        INSERT INTO users SELECT n, n, n, n, true, n FROM generate_series(1, 9) n;
        """,
    )
    with ApplicationStatements(empty_url, each_column=False) as code:
        execute(empty_url, change)
        found = code.try_again()

    assert len(found.broken) == bool(broken)
    for one in found.broken:
        assert "ON CONFLICT" in one.statement.sql
        assert all(word in one.statement.sql or word in one.error for word in broken)
    assert found.still_inserts("public.users")


def test_a_row_that_no_partition_takes(empty_url: str) -> None:
    """Of a partitioned table, what is written to the youngest partition is tried: it fails when that is gone."""
    execute(
        empty_url,
        """
        CREATE TABLE events (id int, note text NOT NULL) PARTITION BY RANGE (id);
        CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (10);
        CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);
        INSERT INTO events SELECT n, 'x' FROM generate_series(1, 19) n;
        """,
    )
    with ApplicationStatements(empty_url) as code:
        execute(
            empty_url,
            "ALTER TABLE events DETACH PARTITION events_1; ALTER TABLE events_2 ADD CHECK (id > 99) NOT VALID",
        )
        first = code.try_again()
        execute(empty_url, "ALTER TABLE events DETACH PARTITION events_2")
        second = code.try_again()

    assert first.broken == ()
    assert {one.error for one in second.broken} == {'no partition of relation "events" found for row'}
    assert first.still_inserts("public.events")
    assert not second.still_inserts("public.events")


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


FUNCTIONS = """
CREATE FUNCTION tax(net int, percent int DEFAULT 20) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT net * percent / 100';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""
BY_NAME = """
DROP FUNCTION tax; CREATE FUNCTION tax(amount int, percent int DEFAULT 20) RETURNS int LANGUAGE sql AS 'SELECT 1'
"""


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("CREATE FUNCTION tax(net int) RETURNS int LANGUAGE sql AS 'SELECT net'", ("is not unique",)),
        ("CREATE FUNCTION tax(net text, percent int) RETURNS int LANGUAGE sql AS 'SELECT 1'", ()),
        (BY_NAME, ("public.tax(net => integer, percent => integer) does not exist",)),
        (f"{BY_NAME}; DROP FUNCTION tax; {FUNCTIONS.partition(';')[0]}", ()),
        ("DROP FUNCTION stamp", ()),
        ("ALTER TABLE people ADD nickname text", ()),
    ],
)
def test_calls_of_functions(url: str, change: str, broken: tuple[str, ...]) -> None:
    """By places, by names, and without defaults; a trigger's function is called by no code."""
    execute(url, FUNCTIONS)
    with ApplicationStatements(url) as code:
        execute(url, change)
        found = [one for one in code.try_again().broken if not one.when_prepared]

    assert len(found) == len(broken)
    assert all(text in str(one) for one, text in zip(found, broken, strict=True))


def test_the_default_of_a_domain_counts(empty_url: str) -> None:
    """An INSERT leaves out a required column whose domain has a default, and fails when the default is dropped."""
    execute(
        empty_url, "CREATE DOMAIN word AS text DEFAULT 'x'; CREATE TABLE notes (id int PRIMARY KEY, w word NOT NULL)"
    )
    execute(empty_url, "INSERT INTO notes VALUES (1)")
    with ApplicationStatements(empty_url) as code:
        execute(empty_url, "ALTER DOMAIN word DROP DEFAULT")
        (broken,) = code.try_again().broken

    assert broken.column == "w"
    assert broken.statement.sql == 'INSERT INTO "public"."notes" ("id") VALUES ($1)'


DEFERRED = """
ALTER TABLE seats ADD CONSTRAINT of_person FOREIGN KEY (person) REFERENCES people {} DEFERRABLE INITIALLY DEFERRED;
"""
AT_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON seats DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (AT_COMMIT, {'UPDATE "public"."seats" SET "id" = $1 WHERE "id" = $2'}),
        (f"ALTER TABLE seats DROP CONSTRAINT of_person; {DEFERRED.format('')}",
         {'DELETE FROM "public"."people" WHERE "id" = $1'}),
        ("ALTER TABLE seats ALTER CONSTRAINT of_person NOT DEFERRABLE", set()),
    ],
)  # fmt: skip
def test_what_fails_at_the_commit_only(url: str, change: str, broken: set[str]) -> None:
    """A deferred trigger or foreign key refuses a statement when its transaction ends."""
    execute(url, DEFERRED.format("ON DELETE CASCADE"))
    with ApplicationStatements(url) as code:
        execute(url, change)
        found = [one for one in code.try_again().broken if not one.when_prepared]

    assert broken <= {one.statement.sql for one in found}
    assert bool(broken) is bool(found)


def test_a_session_that_is_terminated(url: str) -> None:
    """Where a revision terminates the sessions of others, that of the old code is one of them."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> {}"
    with ApplicationStatements(url) as code:
        execute(url, "SELECT 1")
        assert not code.try_again().ends_sessions
        execute(url, others.format("pg_backend_pid()"))
        assert code.try_again().ends_sessions


@pytest.mark.parametrize("kind", ["bigint", "varchar(9)", "uuid"])
def test_a_key_that_changes_with_its_parent(empty_url: str, kind: str) -> None:
    """Without ON UPDATE CASCADE, no row that is referred to gets another key."""
    value = "gen_random_uuid()" if kind == "uuid" else "'7'"
    execute(empty_url, f"CREATE TABLE p (k {kind} PRIMARY KEY); INSERT INTO p SELECT {value}")
    execute(empty_url, f"CREATE TABLE c (k {kind} CONSTRAINT of_p REFERENCES p ON UPDATE CASCADE)")
    execute(empty_url, "INSERT INTO c TABLE p")
    with ApplicationStatements(empty_url) as code:
        assert code.try_again().broken == ()
        execute(empty_url, "ALTER TABLE c DROP CONSTRAINT of_p, ADD CONSTRAINT of_p FOREIGN KEY (k) REFERENCES p")
        found = code.try_again().broken

    assert {one.statement.sql.split()[0] for one in found} == {"UPDATE"}
    assert all("of_p" in str(one) for one in found)
