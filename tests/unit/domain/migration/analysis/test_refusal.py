"""What rules share: why a statement works, what refused, and how that is worded."""

from typing import Any

import pytest

from domain.migration.analysis.judging import (
    constraints_on,
    is_ddl,
    listed,
    raises,
    refuses,
    renamed_by,
    statement_of,
    vector_dimensions,
    vector_type_changes,
)
from domain.migration.trace import StatementTrace
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, changed, column, constraint, revision, step


@pytest.mark.parametrize(
    ("statement", "schema"),
    [
        (step("SELECT 1"), False),
        (step("UPDATE users SET name = ''"), False),
        (step("alter table users"), True),
        (step("DO $$ $$", created=changed("table", USERS)), True),
        (step("DO $$ $$", altered=changed("table", USERS)), True),
        (step("DO $$ $$", dropped=changed("table", USERS)), True),
    ],
)
def test_what_changes_the_schema(statement: StatementTrace, schema: bool) -> None:
    """As Postgres reported, and where it reports nothing, by the text."""
    assert is_ddl(statement) is schema


@pytest.mark.parametrize(
    ("line", "own"),
    [(1, False), (2, False), (3, True), (4, True), (5, True), (6, False), (7, True), (8, False)],
)
def test_a_line_of_the_authors_own_raise(line: int, own: bool) -> None:
    """Any line of a statement that raises, or asserts; the lines before and behind it are others."""
    source = "def f():\n    x = 1\n    raise ValueError(\n        'no'\n    )\n    x = 2\n    assert x\n    x = 3\n"
    assert raises(source, f"no (a1.py, line {line})") is own


def test_an_error_without_a_place_or_a_source() -> None:
    """Nobody knows who raised it."""
    assert not raises("raise ValueError", "no")
    assert not raises("def f(:", "no (a1.py, line 1)")


@pytest.mark.parametrize(
    ("type_name", "dimensions"),
    [
        ("vector(3)", ("vector", 3)),
        ("public.halfvec(64)", ("halfvec", 64)),
        ("vector", ("vector", None)),
        ("vectors", None),
        ("text", None),
    ],
)
def test_dimensions(type_name: str, dimensions: tuple[str, int | None] | None) -> None:
    """Of the types of pgvector only."""
    assert vector_dimensions(type_name) == dimensions


def test_a_change_of_a_vector_type_is_from_or_to_one() -> None:
    """Of that table; neither a column that stays nor one of other types."""
    for before, after, changes in (
        ("vector(3)", "halfvec(3)", True),
        ("text", "vector(3)", True),
        ("vector(3)", "text", True),
        ("vector(3)", "vector(3)", False),
        ("text", "integer", False),
    ):
        was, now = ({**BASE, **column(f"{USERS}.name", kind)} for kind in (before, after))
        trace = revision(step("ALTER"), before=was, after=now)
        assert bool(vector_type_changes(trace, USERS)) is changes
        assert vector_type_changes(trace, ORDERS) == []


def test_constraints_that_a_statement_names_or_all_of_its_table() -> None:
    """A constraint that took the place of another counts, one that was only validated does not."""
    before = {
        **BASE,
        **constraint(f"{USERS}.a", "check", "CHECK (x)"),
        **constraint(f"{USERS}.b", "check", "y NOT VALID"),
    }
    after = {
        **BASE,
        **constraint(f"{USERS}.a", "check", "CHECK (z)"),
        **constraint(f"{USERS}.b", "check", "y"),
        **constraint(f"{USERS}.new", "check", "CHECK (x)"),
        **constraint(f"{ORDERS}.other", "check", "CHECK (x)"),
    }
    trace = revision(step("ALTER TABLE users ADD"), step("ADD CONSTRAINT new"), before=before, after=after)
    assert constraints_on(trace, USERS, 0) == [f"{USERS}.a", f"{USERS}.new"]
    assert constraints_on(trace, USERS, 1) == [f"{USERS}.new"]


def test_the_statement_behind_an_object() -> None:
    """The one that Postgres reported, else the first that names it as a whole word."""
    reported = step("DO $$ $$", altered=changed("table column", f"{USERS}.name"))
    trace = revision(step("ALTER names"), step("ALTER name"), reported)
    assert statement_of(trace, "column", f"{USERS}.name") == 2
    assert statement_of(trace, "index", "public.name") == 1
    assert statement_of(trace, "column", f"{USERS}.nothing") is None


def test_the_statement_that_renames() -> None:
    """By the whole names of both; without a rename there is none."""
    trace = revision(step("ALTER TABLE users RENAME name TO title"), step('ALTER TABLE users RENAME COLUMN "a" TO "b"'))
    assert renamed_by(trace, f"{USERS}.name", f"{USERS}.title") == 0
    assert renamed_by(trace, f"{USERS}.a", f"{USERS}.b") == 1
    assert renamed_by(trace, f"{USERS}.title", f"{USERS}.name") is None
    assert renamed_by(trace, f"{USERS}.ame", f"{USERS}.title") is None
    assert renamed_by(revision(step("SELECT name TO title")), f"{USERS}.name", f"{USERS}.title") is None


def test_tables_in_a_sentence() -> None:
    """Four are named, of five two and how many more."""
    assert listed(["a", "b", "c", "d"]) == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b and 3 other tables"


RAISED = step("DO", error="no", sqlstate="P0001")


@pytest.mark.parametrize(
    ("error", "facts", "honest"),
    [
        (None, {}, False),
        ("", {}, False),
        ("there is no way back", {}, True),
        ("irreversible", {}, False),
        ("NotImplementedError: gone", {}, True),
        ("NotImplementedError:", {}, False),
        ("gone", {"downgrade_error_type": "RuntimeError"}, True),
        ("RuntimeError", {"downgrade_error_type": "RuntimeError"}, False),
        ("", {"downgrade_error_type": "RuntimeError"}, False),
        ("no", {"downgrade": (step("DO", error="no", sqlstate="P0001"),)}, True),
        (
            "no",
            {"downgrade": (step("DO", error="no", sqlstate="P0001"), step("DO", error="no", sqlstate="42703"))},
            False,
        ),
        ("KeyError: x", {}, False),
        ("x", {"downgrade_error_type": "KeyError"}, False),
    ],
)
def test_an_honest_refusal_has_a_message_of_the_authors_own(
    error: str | None, facts: dict[str, Any], honest: bool
) -> None:
    """A bare class, an accident and a statement that failed have none."""
    trace = revision(step("SELECT 1"), **{"downgrade_error": error, "downgrade": (), **facts})
    assert refuses(trace) is honest
