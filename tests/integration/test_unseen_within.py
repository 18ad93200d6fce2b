"""What runs within a statement, in a block, a function or a text of several, and finds no row, is said."""

import pytest

from domain.migration.diagnostic import Severity
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

pytestmark = pytest.mark.one_major

TABLES = """
op.execute("CREATE TABLE people (id int PRIMARY KEY, kind text NOT NULL, note text)")
op.execute("CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES people ON DELETE CASCADE, name text)")
op.execute("CREATE TABLE days (day date NOT NULL, note text) PARTITION BY RANGE (day)")
op.execute("CREATE TABLE days_old PARTITION OF days FOR VALUES FROM ('1900-01-01') TO ('2020-01-01')")
op.execute("CREATE TABLE days_new PARTITION OF days DEFAULT")
op.execute("CREATE FUNCTION clean() RETURNS void LANGUAGE sql AS $$ UPDATE people SET note = '' WHERE kind = 'none' $$")
op.execute('''CREATE FUNCTION look() RETURNS void LANGUAGE plpgsql AS $$ DECLARE one record; BEGIN
    FOR one IN SELECT id FROM people WHERE kind = 'none' LOOP UPDATE people SET note = '' WHERE id = one.id; END LOOP;
    END $$''')
op.execute('''CREATE PROCEDURE sweep() LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM people WHERE kind = 'none'; COMMIT; END $$''')
"""
# Each is to write rows that nobody has.
UNSEEN = {
    "block": "DO $$ BEGIN UPDATE people SET note = '' WHERE kind = 'none'; END $$",
    "block that loops": (
        "DO $$ DECLARE one record; BEGIN FOR one IN SELECT id FROM people WHERE kind = 'none' LOOP "
        "DELETE FROM people WHERE id = one.id; END LOOP; END $$"
    ),
    "block of two": (
        "DO $$ BEGIN UPDATE people SET note = kind; DELETE FROM pets WHERE name = 'none' AND id < 0; END $$"
    ),
    "block on partitions": "DO $$ BEGIN UPDATE days SET note = '' WHERE note = 'none'; END $$",
    "function": "SELECT clean()",
    "function that loops": "SELECT * FROM look()",
    "setting before": "SET LOCAL lock_timeout = '2s'; UPDATE people SET note = '' WHERE kind = 'none'",
    "two in a text": "UPDATE people SET note = kind; DELETE FROM pets WHERE name = 'none'",
    "change and write": 'ALTER TABLE people ADD COLUMN "new" int; UPDATE people SET "new" = 1 WHERE kind = \'none\'',
    "groups": "UPDATE people SET note = '' WHERE id IN (SELECT owner FROM pets GROUP BY owner HAVING count(*) > 90000)",
    "prepared": "PREPARE writing AS UPDATE people SET note = '' WHERE kind = 'none'; EXECUTE writing",
}
# Of these nothing is to be said: they write what they find, find out, or write nothing.
SEEN = {
    "block that writes": "DO $$ BEGIN UPDATE people SET note = kind || note; END $$",
    "block that checks": (
        "DO $$ BEGIN IF EXISTS (SELECT FROM people WHERE kind = 'none') THEN RAISE 'none'; END IF; END $$"
    ),
    "block of the catalog": (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'mood') THEN CREATE TYPE mood AS ENUM ('a'); "
        "END IF; END $$"
    ),
    "keys that cascade": "DO $$ BEGIN DELETE FROM people WHERE id = (SELECT max(id) FROM people); END $$",
    "partitions": "DO $$ BEGIN UPDATE days SET note = 'x' WHERE day = (SELECT max(day) FROM days); END $$",
    "words in quotes": "SET LOCAL lock_timeout = '2s'; COMMENT ON TABLE people IS '; UPDATE pets SET name = NULL'",
    "functions that compute": "SELECT now(), pg_catalog.set_config('a.b', 'c', true)",
    "sequence": "SELECT count(*) FROM people",
}


def _chained(history: History, statements: dict[str, str]) -> dict[str, str]:
    """Write a revision for each statement, and return their names by id."""
    history.add("first", None, TABLES)
    names, last = {}, "first"
    for number, (name, sql) in enumerate(statements.items()):
        names[f"r{number}"] = name
        history.add(f"r{number}", last, f"op.execute({sql!r})")
        last = f"r{number}"
    return names


def _warned(server: Server, history: History, statements: dict[str, str]) -> list[str]:
    names = _chained(history, statements)
    report = analyzed(server, history.plain_ini(), "first:heads", rows=200)
    return [
        names[found.trace.revision]
        for found in report.revisions
        if any(one.code == "not-seen-at-work" and one.severity is Severity.WARNING for one in found.diagnostics)
    ]


@pytest.mark.long
def test_what_found_no_row_within_a_statement_is_said(server: Server, history: History) -> None:
    """However a write is wrapped, a warning says that it found no row; a SAFE without a word would be a guess."""
    assert _warned(server, history, UNSEEN) == [*UNSEEN]


@pytest.mark.long
def test_what_was_seen_or_writes_nothing_is_not_warned_of(server: Server, history: History) -> None:
    """Blocks that write, check or look into the catalog, keys that cascade and partitions give no false alarm."""
    assert _warned(server, history, SEEN) == []


def test_a_procedure_that_commits(server: Server, history: History) -> None:
    """A procedure that ends transactions itself is watched from outside, and what it did not write is said."""
    call = 'with op.get_context().autocommit_block():\n    op.execute("CALL sweep()")'
    history.add("first", None, TABLES)
    history.add("last", "first", call)
    (found,) = analyzed(server, history.plain_ini(), "first:last", rows=200).revisions

    assert [one.severity for one in found.diagnostics if one.code == "not-seen-at-work"] == [Severity.WARNING]
