"""The rule `not-seen-at-work`: where it speaks, and where it does not."""

from domain.migration.locks import LockMode
from domain.migration.trace import RowCounts
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import USERS, codes, revision, step


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
