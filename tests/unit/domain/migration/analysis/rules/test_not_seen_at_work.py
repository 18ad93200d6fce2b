"""The rule `not-seen-at-work`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Severity
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics
from domain.migration.trace import RowCounts, StatementTrace, TableFacts
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, codes, index, revision, step


def test_a_statement_that_matched_nothing_was_not_seen() -> None:
    """It was to write rows of a table that has some; who gives the rows itself, or wrote some, is seen."""
    held = {USERS: LockMode.ROW_EXCLUSIVE}
    wrote = {USERS: RowCounts(updated=3)}
    for text in (
        "UPDATE users SET name = 'a' WHERE name = 'b'",
        "-- no more\nDELETE FROM users USING other o WHERE o.id = users.id",
        "WITH gone AS (SELECT 1) DELETE FROM users WHERE id IN (TABLE gone)",
        "INSERT INTO users (name) SELECT name FROM users WHERE name = 'b'",
    ):
        found = diagnostic(revision(step(text, locks=held)), "not-seen-at-work")
        assert "matched no row of the sandbox" in found.message
        assert diagnostic(revision(step(text)), "not-seen-at-work").relation == USERS  # locked by a statement before
        assert "not-seen-at-work" not in codes(revision(step(text, locks=held, rows=wrote)))
    for other in (
        "INSERT INTO users VALUES (1) ON CONFLICT DO NOTHING",
        "SELECT 1 FROM users",
        "UPDATE nobody SET a = 1",
    ):
        assert "not-seen-at-work" not in codes(revision(step(other, locks=held if "users" in other else {})))


IDLE = {USERS: LockMode.ROW_EXCLUSIVE}
UPDATE = step("UPDATE users SET name = 'a' WHERE name = 'b'", line=3, locks=IDLE)


def unseen(*upgrade: StatementTrace, **more: Any) -> list[tuple[int | None, str | None]]:
    """The statements that were not seen at work, with their tables."""
    judged = judge(revision(*upgrade, **more), Statistics.unknown(), all_rules())
    return [(one.statement, one.relation) for one in judged if one.code == "not-seen-at-work"]


def test_the_last_turn_of_a_loop_finds_nothing() -> None:
    """An earlier turn of the same line wrote; another statement or line did not."""
    wrote = replace(UPDATE, rows={USERS: RowCounts(updated=3)})
    assert unseen(wrote, UPDATE) == []
    assert unseen(replace(wrote, line=4), UPDATE) == [(1, USERS)]
    assert unseen(replace(wrote, sql="UPDATE users SET email = ''"), UPDATE) == [(1, USERS)]


def test_a_statement_that_failed_was_seen_to() -> None:
    """And an upgrade that failed has more to say."""
    assert unseen(UPDATE) == [(0, USERS)]
    assert unseen(replace(UPDATE, error="no", sqlstate="42703")) == []
    assert "not-seen-at-work" not in codes(replace(revision(UPDATE), after=None, restored=None))


def test_a_table_without_rows_has_none_to_match() -> None:
    """That is said elsewhere."""
    assert unseen(UPDATE, tables={USERS: TableFacts(0, 0)}) == []


LOOK = step("SELECT id FROM users WHERE name = 'b'", sought="plan")


def test_a_select_whose_rows_the_revision_needs() -> None:
    """The table is that which it locked, scanned or names."""
    assert unseen(LOOK) == [(0, USERS)]
    assert unseen(replace(LOOK, sql="SELECT f()", scanned={ORDERS: 5})) == [(0, ORDERS)]
    assert unseen(replace(LOOK, locks={ORDERS: LockMode.ACCESS_SHARE})) == [(0, ORDERS)]
    assert unseen(replace(LOOK, sql="SELECT f()")) == []
    assert unseen(replace(LOOK, sought="")) == []


def test_a_revision_that_refuses_such_rows_itself() -> None:
    """Its own `raise` on rows that were made is what it does with them: that was seen."""
    refused = {LOOK.sql: "no such rows, please (a1.py, line 2)"}
    assert unseen(LOOK, refused_matches=refused, source="def f():\n    raise ValueError\n") == []
    assert unseen(LOOK, refused_matches=refused, source="def f():\n    int('x')\n") == [(0, USERS)]
    update = {UPDATE.sql: "no such rows, please (a1.py, line 2)"}
    trace = revision(UPDATE, refused_matches=update, source="def f():\n    raise ValueError\n")
    assert "On rows that were made to match, the upgrade could not be judged: no such rows, please" in (
        diagnostic(trace, "not-seen-at-work").message
    )
    assert "On rows that were made to match" not in diagnostic(revision(UPDATE), "not-seen-at-work").message


def test_rows_that_were_made_for_a_statement_are_a_note() -> None:
    """How many of the target it writes is not known; the table is one that was there before."""
    wrote = replace(UPDATE, rows={"public.new": RowCounts(updated=3), USERS: RowCounts(updated=1)})
    keyed = {**BASE, **index("users_name", USERS, "btree (name)", unique=True)}
    said = diagnostic(revision(wrote, matched=(UPDATE.sql,), before=keyed), "not-seen-at-work")
    assert (said.severity, said.relation) == (Severity.NOTE, USERS)
    assert unseen(wrote, matched=("another",)) == []
    assert diagnostic(revision(UPDATE, matched=(UPDATE.sql,)), "not-seen-at-work").severity is Severity.WARNING
    many = replace(UPDATE, rows={USERS: RowCounts(updated=9)})
    assert codes(revision(many, matched=(UPDATE.sql,))) == {"unknown-share": "warning"}


def test_what_statements_within_did_not_find() -> None:
    """A function that was to write and did not, or that only read."""
    call = step("SELECT f()", locks=IDLE, used_within=(USERS,))
    assert (
        "was to write rows of public.users but matched none" in diagnostic(revision(call), "not-seen-at-work").message
    )
    read = step("SELECT f()", used_within=(USERS,))
    assert "read public.users in the sandbox and wrote nothing" in (
        diagnostic(revision(read), "not-seen-at-work").message
    )
