"""Which statements of old code run again: those that reach what has changed, by what the server says."""

from collections.abc import Iterator

import psycopg
import pytest

from adapter.outbound.migration.traffic import application_statements
from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from adapter.outbound.migration.traffic.opaque import read_opaque
from adapter.outbound.migration.traffic.reach import reaching
from adapter.outbound.migration.traffic.versions import read_versions
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.compatibility import Compatibility
from tests.conftest import Server

SCHEMA = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN mail AS text CHECK (value LIKE '%@%');
CREATE SEQUENCE by_name;
CREATE TABLE people (id bigserial PRIMARY KEY, email mail UNIQUE, mood mood, age int CHECK (age > 0));
CREATE TABLE pets (id bigserial PRIMARY KEY, owner bigint REFERENCES people ON DELETE CASCADE, name text);
CREATE TABLE toys (id bigserial PRIMARY KEY, pet bigint NOT NULL REFERENCES pets ON DELETE CASCADE);
CREATE TABLE bills (id bigserial PRIMARY KEY, payer bigint NOT NULL REFERENCES people, total numeric);
CREATE TABLE lines (id bigserial PRIMARY KEY, bill bigint NOT NULL REFERENCES bills);
CREATE TABLE numbered (id bigint PRIMARY KEY DEFAULT nextval('by_name'::text::regclass), note text);
CREATE TABLE alone (id bigserial PRIMARY KEY, note text);
CREATE TABLE seen (who text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (''x''); RETURN NEW; END';
CREATE TABLE noting (id bigserial PRIMARY KEY, note text);
CREATE TRIGGER note BEFORE INSERT ON noting FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE events (id bigint, note text) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (1000);
CREATE VIEW grown AS SELECT id, age FROM people WHERE age > 17;
CREATE VIEW old AS SELECT id FROM grown WHERE age > 70;
INSERT INTO people (email, mood, age) SELECT n || '@example.org', 'glad', n FROM generate_series(1, 9) n;
INSERT INTO pets (owner, name) SELECT n, n FROM generate_series(1, 9) n;
INSERT INTO toys (pet) SELECT n FROM generate_series(1, 9) n;
INSERT INTO bills (payer, total) SELECT 1, n FROM generate_series(1, 9) n;
INSERT INTO lines (bill) SELECT 1 FROM generate_series(1, 9) n;
INSERT INTO numbered (note) SELECT 'x' FROM generate_series(1, 9) n;
INSERT INTO alone (note) SELECT 'x' FROM generate_series(1, 9) n;
INSERT INTO seen SELECT 'x' FROM generate_series(1, 9) n;
INSERT INTO noting (note) SELECT 'x' FROM generate_series(1, 9) n;
INSERT INTO events SELECT n, 'x' FROM generate_series(1, 9) n;
"""
OPAQUE = {"noting", "numbered"}  # with code of the user's, and with a relation that is found by name
EVERYTHING = "everything"

# What reaches each change, but for what is opaque; each kind of what the server says shows one of them.
CHANGES = {
    "ALTER TABLE alone ADD more int": {"alone"},
    "ALTER TABLE alone ALTER note SET DEFAULT 'y'": {"alone"},
    "ALTER TABLE alone ALTER note SET NOT NULL": {"alone"},
    "ALTER TABLE alone ADD CHECK (note <> 'y')": {"alone"},
    "ALTER TABLE alone DROP CONSTRAINT alone_pkey": {"alone"},
    "CREATE UNIQUE INDEX ON alone (id, note)": {"alone"},
    "DROP TRIGGER note ON noting": {"noting"},
    "CREATE TRIGGER again BEFORE DELETE ON alone FOR EACH ROW EXECUTE FUNCTION note()": {"alone"},
    "ALTER TABLE alone ADD CHECK (to_regclass(note) IS NULL)": {"alone"},
    "ALTER TABLE noting DISABLE TRIGGER note": {"noting"},
    "CREATE RULE nothing AS ON INSERT TO alone DO INSTEAD NOTHING": {"alone"},
    "CREATE POLICY hidden ON alone USING (true)": {"alone"},
    "ALTER TABLE alone ENABLE ROW LEVEL SECURITY": {"alone"},
    "ALTER TABLE alone RENAME TO other": {"alone", "other"},
    "ALTER SEQUENCE alone_id_seq CYCLE": {"alone", "alone_id_seq"},
    "ALTER SEQUENCE alone_id_seq RESTART": {"alone", "alone_id_seq"},
    "SELECT setval('alone_id_seq', 1, false)": {"alone", "alone_id_seq"},
    "SELECT nextval('alone_id_seq')": {"alone", "alone_id_seq"},
    "INSERT INTO alone VALUES (99)": {"alone"},
    "UPDATE alone SET note = 'y' WHERE id = 1": {"alone"},
    "DELETE FROM alone WHERE id = 1": {"alone"},
    "TRUNCATE alone": {"alone"},
    "GRANT SELECT ON alone TO PUBLIC": {"alone"},
    "ALTER SEQUENCE by_name RESTART": {"by_name"},
    "ALTER TABLE toys ADD more int": {"toys", "pets", "people"},
    "ALTER TABLE pets ADD more int": {"pets", "people"},
    "ALTER TABLE bills ADD more int": {"bills"},
    "ALTER TABLE bills ALTER payer TYPE int": {"bills", "people", "lines", "grown", "old"},
    "CREATE UNIQUE INDEX ON bills (total)": {"bills", "people", "lines"},
    "ALTER TABLE bills ENABLE ROW LEVEL SECURITY": {"bills", "people", "lines"},
    "GRANT SELECT ON bills TO PUBLIC": {"bills", "people", "lines"},
    "UPDATE bills SET total = 0": {"bills", "people", "lines"},
    "ALTER TABLE people ADD more int": {"people", "grown", "old"},
    "DELETE FROM lines": {"bills", "lines"},
    "CREATE OR REPLACE VIEW grown AS SELECT id, age FROM people WHERE age > 20": {"grown", "old"},
    "DROP VIEW old": {"old"},
    "ALTER TABLE events_1 ADD CHECK (id > 0)": {"events", "events_1"},
    "ALTER TABLE events DETACH PARTITION events_1": {"events", "events_1"},
    "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (1000) TO (2000)": {"events", "events_1", "events_2"},
    "CREATE TABLE new (id bigint REFERENCES alone)": {"alone", "new"},
    "CREATE TYPE other AS ENUM ('a')": set(),
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'bad'": EVERYTHING,
    "ALTER DOMAIN mail ADD CHECK (value LIKE '%@example.org')": EVERYTHING,
    "ALTER DOMAIN mail SET NOT NULL": EVERYTHING,
    "CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'": EVERYTHING,
    "CREATE FUNCTION lower(people) RETURNS text LANGUAGE sql AS 'SELECT 1'": EVERYTHING,
    "CREATE CAST (mood AS int) WITH INOUT AS IMPLICIT": EVERYTHING,
    "CREATE PUBLICATION everything FOR ALL TABLES": EVERYTHING,
    "ALTER SCHEMA public RENAME TO other": EVERYTHING,
    "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET work_mem = 64'; END $$": EVERYTHING,
}


@pytest.fixture
def connection(empty_url: str) -> Iterator[psycopg.Connection[object]]:
    """A session in a database with tables that reach each other, and rows."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        yield connection


@pytest.mark.few(1)
def test_what_reaches_a_change(connection: psycopg.Connection[object]) -> None:
    """Each kind of change is noticed, and so is what reaches it: no more, and no less; so is what is opaque now."""
    for change, expected in CHANGES.items():
        before = read_versions(connection)
        assert before.changed(read_versions(connection, before)) == set()
        with connection.transaction(force_rollback=True):
            connection.execute(change.encode())
            after = read_versions(connection, before)
            assert after.opaque == read_opaque(connection), change
            changed = before.changed(after)
            if changed is None:
                assert expected == EVERYTHING, change
                continue
            reached = reaching(connection, changed, before.changed_for_keys(after), after.opaque)
            names = {
                versions.relations[oid].name.removeprefix("public.")
                for versions in (before, after)
                for oid in reached & versions.relations.keys()
            }
        assert names == {*expected, *OPAQUE}, change


def test_nothing_runs_again_where_nothing_has_changed(connection: psycopg.Connection[object]) -> None:
    """Without a change nothing is reached, not even what is opaque."""
    assert reaching(connection, set(), set(), None) == set()


def test_what_a_session_has_set_hides_no_setting(connection: psycopg.Connection[object], empty_url: str) -> None:
    """Versions are the same in a session with settings of its own, and in one without."""
    before = read_versions(connection)
    connection.execute(
        "SET default_transaction_read_only = off; SET lock_timeout = 0; SET work_mem = '1MB'; SET my.own = 'x'"
    )
    connection.execute("DO 'BEGIN END'")
    assert read_versions(connection).shared == before.shared
    with psycopg.connect(empty_url, autocommit=True) as other:
        assert read_versions(other).shared == before.shared


BREAKS = (
    "SELECT 1",
    "ALTER TABLE alone DROP note",
    "ALTER TABLE pets ADD must text NOT NULL DEFAULT 1; ALTER TABLE pets ALTER must DROP DEFAULT",
    "ALTER TABLE toys DROP CONSTRAINT toys_pet_fkey, ADD FOREIGN KEY (pet) REFERENCES pets ON DELETE RESTRICT",
    "ALTER TABLE pets ADD CHECK (name <> '1') NOT VALID",
    "DROP TABLE seen",
    "ALTER SEQUENCE by_name RENAME TO other",
    "ALTER SEQUENCE alone_id_seq RESTART",
    "ALTER TABLE people RENAME age TO years",
    "ALTER TABLE bills ALTER total TYPE text",
    "ALTER TABLE events DETACH PARTITION events_1",
    "ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'",
    "ALTER DOMAIN mail ADD CHECK (value LIKE '%@example.com') NOT VALID",
    "CREATE RULE nothing AS ON INSERT TO alone DO INSTEAD NOTHING",
    "DELETE FROM lines; DELETE FROM bills WHERE id > 1",
)


@pytest.mark.few(1)
def test_a_terminated_session_hides_no_break(connection: psycopg.Connection[object], empty_url: str) -> None:
    """A revision that ends the session in which old code is prepared still breaks what it breaks."""
    with (
        psycopg.connect(empty_url, autocommit=True) as watching,
        ApplicationStatements(empty_url, watching=watching) as code,
    ):
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("ALTER TABLE alone DROP note")
        broken = code.try_again().broken
    assert {item.statement.table for item in broken} == {"public.alone"}


@pytest.mark.long
def test_old_code_breaks_as_it_would_if_all_of_it_ran(
    connection: psycopg.Connection[object], empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements that reach no change break as rarely as they would if they ran, one revision after the other."""
    for change in BREAKS:
        some, known = results(empty_url, connection, change, None)
        again, _ = results(empty_url, connection, change, known)
        with monkeypatch.context() as patch:
            patch.setattr(application_statements, "_concerned", lambda *_: None)
            everything, _ = results(empty_url, connection, change, None)
        assert some == again == everything, change


@pytest.mark.long
def test_new_code_breaks_on_the_schema_before_as_if_all_of_it_ran(server: Server, empty_url: str) -> None:
    """Statements that fit the changed schema fail on a copy without the change just as they do when all are tried."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
    with ApplicationStatements(empty_url) as code:
        known = code.known
    database = DatabaseURL.parse(empty_url).database
    with psycopg.connect(server.url(), autocommit=True) as admin:
        for change in (*BREAKS, "ALTER TABLE alone ADD more int", "UPDATE pets SET owner = 1", "DELETE FROM toys"):
            admin.execute(f"CREATE DATABASE {database}_copy TEMPLATE {database}".encode())
            url = server.url(f"{database}_copy")
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(change.encode())
            with ApplicationStatements(url, known=known) as some, ApplicationStatements(url) as everything:
                assert some.try_on(empty_url) == everything.try_on(empty_url), change
            admin.execute(f"DROP DATABASE {database}_copy WITH (FORCE)".encode())


def results(
    url: str, connection: psycopg.Connection[object], change: str, known: application_statements.OldCode | None
) -> tuple[Compatibility, application_statements.OldCode]:
    """Return what breaks by a change, and the statements; the schema is made anew, so that all are alike."""
    connection.execute(b"DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    connection.execute(SCHEMA.encode())
    with ApplicationStatements(url, known=known) as code:
        connection.execute(change.encode())
        return code.try_again(), code.known
