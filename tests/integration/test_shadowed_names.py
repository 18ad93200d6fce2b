"""An object that code without a schema gets in place of another one breaks the old code, which no error shows."""

import re

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

SAID = re.compile(r"Code that names (\w+) without its schema gets (\S+) after")
TABLES = """
CREATE SCHEMA early;
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE VIEW names AS SELECT name FROM users;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = early, public', current_database()); END $$;
"""
PATH = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = early', current_database()); END $$"
# Statements of one upgrade each, and what old code gets in place of what it knows.
SHADOWED = {
    "a_table": ("CREATE TABLE early.users (id int)", {("users", "early.users")}),
    "a_view": ("CREATE VIEW early.names AS SELECT 1 AS name", {("names", "early.names")}),
    "a_function": (
        "CREATE FUNCTION early.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 3 * $1'",
        {("twice", "early.twice(integer)")},
    ),
    "the_path": (PATH, {("users", "nothing"), ("names", "nothing"), ("twice", "nothing")}),
}
KEPT = {
    "another_name": "CREATE TABLE early.people (id int)",
    "another_schema": "CREATE SCHEMA late; CREATE TABLE late.users (id int)",
    "other_arguments": "CREATE FUNCTION early.twice(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
    "moved": "ALTER TABLE users SET SCHEMA early",
}


def test_another_object_of_the_same_name_is_reported(server: Server, history: History) -> None:
    """A new session finds the first object of a name on its search_path."""
    history.add("base0", None, f"op.execute({TABLES!r})")
    for name, upgrade in {**{name: text for name, (text, _) in SHADOWED.items()}, **KEPT}.items():
        history.add(name, "base0", f"op.execute({upgrade!r})", "raise NotImplementedError('no way back')")
    report = analyzed(server, history.plain_ini(), "base0:heads", rows=20)
    found = {
        item.trace.revision: {
            match.groups()
            for one in item.diagnostics
            if one.code == "breaks-old-code" and (match := SAID.match(one.message))
        }
        for item in report.revisions
    }
    assert found == {**{name: wanted for name, (_, wanted) in SHADOWED.items()}, **{name: set() for name in KEPT}}
    assert {item.verdict for item in report.revisions if item.trace.revision in SHADOWED} == {"unsafe"}
