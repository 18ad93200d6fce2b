"""Rows that break what the catalog calls valid are an error, however Postgres was kept from checking them."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.analysis.rules import catalog_written, rows_contradict_catalog
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed, verified

pytestmark = pytest.mark.one_major

TABLES = """
CREATE FUNCTION low(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower($1) $$;
CREATE FUNCTION lower_still(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.low($1); END $$;
CREATE FUNCTION fits(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;
CREATE TABLE users (id int PRIMARY KEY, name text, plain text GENERATED ALWAYS AS (low(name)) STORED);
CREATE TABLE orders (id int PRIMARY KEY, owner int NOT NULL REFERENCES users, n int CHECK (fits(n)));
CREATE TABLE words (id int PRIMARY KEY, word text);
CREATE INDEX ix_words ON words (lower_still(word));
CREATE TABLE days (id int, day date, owner int REFERENCES users) PARTITION BY RANGE (day);
CREATE TABLE days_all PARTITION OF days DEFAULT;
"""
LOW = "CREATE OR REPLACE FUNCTION low(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT {}($1) $$"
FITS = "CREATE OR REPLACE FUNCTION fits(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT {} $$"
REPLICA = "SET LOCAL session_replication_role = {}"
ORPHAN = "INSERT INTO orders VALUES (-7, -7, NULL)"
GONE = "DELETE FROM orders WHERE id = -7"
# Statements of the upgrade, and those of the downgrade.
BROKEN = {
    "triggers": (("ALTER TABLE orders DISABLE TRIGGER ALL", ORPHAN, "ALTER TABLE orders ENABLE TRIGGER ALL"), GONE),
    "replica": ((REPLICA.format("replica"), ORPHAN, REPLICA.format("origin")), GONE),
    "parents": (
        ("CREATE TABLE kept AS TABLE users", REPLICA.format("replica"), "DELETE FROM users"),
        "INSERT INTO users (id, name) SELECT id, name FROM kept; DROP TABLE kept",
    ),
    "partition": (
        (REPLICA.format("replica"), "INSERT INTO days VALUES (-7, '2020-01-01', -7)"),
        "DELETE FROM days WHERE id = -7",
    ),
    "function": ((LOW.format("upper"),), LOW.format("lower")),
    "check": ((FITS.format("$1 IS NULL"),), FITS.format("true")),
    "left_off": (("ALTER TABLE orders DISABLE TRIGGER ALL",), "ALTER TABLE orders ENABLE TRIGGER ALL"),
}
KEPT = {
    "rows": (("INSERT INTO users VALUES (-7, 'x')", ORPHAN), GONE + "; DELETE FROM users WHERE id = -7"),
    "same": ((LOW.format("pg_catalog.lower"),), LOW.format("lower")),
    "check_that_fits": ((FITS.format("$1 IS NULL OR $1 + 0 = $1"),), FITS.format("true")),
    "nothing_left": (
        ("ALTER TABLE orders DISABLE TRIGGER ALL", ORPHAN, GONE, "ALTER TABLE orders ENABLE TRIGGER ALL"),
        "SELECT 1",
    ),
}


def _write(history: History) -> None:
    history.add("first", None, f"op.execute({TABLES!r})")
    for name, (upgrade, downgrade) in (BROKEN | KEPT).items():
        history.add(name, "first", "\n".join(f"op.execute({sql!r})" for sql in upgrade), f"op.execute({downgrade!r})")


@pytest.mark.long
def test_rows_that_contradict_the_catalog(server: Server, history: History) -> None:
    """Foreign keys, CHECK constraints, generated columns and indexes are looked at again, and nothing else is said."""
    _write(history)
    report = analyzed(server, history.plain_ini(), "first:heads", rows=200)
    found = {item.trace.revision for item in report.revisions if rows_contradict_catalog.CODE in item.reasons}
    tables = {
        item.trace.revision: {contradiction.table for contradiction in item.trace.contradictions}
        for item in report.revisions
    }

    assert found == {*BROKEN}
    has_amcheck = server.major > 16
    assert tables["function"] == {"public.users", *(["public.words"] if has_amcheck else [])}


@pytest.mark.long
@pytest.mark.parametrize("only", ["round-trip", "round-trip,repeat"])
def test_they_are_not_proved(server: Server, history: History, only: str) -> None:
    """A round trip that gives all back is no proof while the state between contradicts its catalog."""
    _write(history)
    config = history.plain_ini()
    asked = VerificationRequest("first:heads", only, certificates=config.parent / "c.json")
    report = verified(server, config, asked, rows=60)
    failed = {
        proof.analysis.trace.revision
        for proof in report.proofs
        if any(item.code == rows_contradict_catalog.CODE for item in proof.diagnostics)
    }

    assert failed == {*BROKEN}


@pytest.mark.long
def test_catalogs_written_by_hand(server: Server, history: History) -> None:
    """A catalog that is written as a table is an error; one that DDL or a large object writes is none."""
    history.add("first", None, f"op.execute({TABLES!r})")
    written = {
        "valid": "UPDATE pg_constraint SET convalidated = true WHERE conname = 'orders_owner_fkey'",
        "index": "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'ix_words'::regclass",
        "column": "DO $$ BEGIN UPDATE pg_attribute SET atttypmod = 24 WHERE attrelid = 'words'::regclass"
        " AND attname = 'word'; UPDATE pg_attribute SET atttypmod = -1 WHERE attrelid = 'words'::regclass; END $$",
    }
    others = {
        "ddl": "COMMENT ON TABLE words IS 'x'; CREATE EXTENSION citext; ALTER TABLE words ADD COLUMN v varchar(9);"
        " ALTER TABLE words ALTER v TYPE varchar(20); CREATE STATISTICS s ON id, word FROM words; DROP TABLE days",
        "large_object": "SELECT lo_from_bytea(77, 'x')",
        "query": "SELECT count(*) FROM pg_class",
        # both are too long for one row of the catalog, and their parts are in its TOAST table
        "view": f"CREATE VIEW long AS SELECT {', '.join(f'{n} + id AS column_{n}' for n in range(900))} FROM users;"
        " DROP VIEW long",
        "statistics": "ALTER TABLE words ALTER word SET STATISTICS 2000;"
        " INSERT INTO words SELECT -n, repeat(md5(n::text), 20) FROM generate_series(1, 3000) n; ANALYZE words;"
        " ALTER TABLE words DROP COLUMN word",
    }
    if server.major > 16:  # the embedded 16 has no extension whose script writes a catalog
        others["extension"] = "CREATE EXTENSION cube VERSION '1.2'; ALTER EXTENSION cube UPDATE"
    for name, sql in (written | others).items():
        history.add(name, "first", f"op.execute({sql!r})")
    report = analyzed(server, history.plain_ini(), "first:heads", rows=60)
    found = {item.trace.revision for item in report.revisions if catalog_written.CODE in item.reasons}

    assert found == {*written}
