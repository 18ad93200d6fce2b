"""A statement that no row of any database matches is not called unseen."""

import pytest

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

TABLE = "CREATE TABLE people (id serial PRIMARY KEY, email text NOT NULL, note text)"
IDLE = {
    "NOT NULL": "UPDATE people SET note = 'x' WHERE id IS NULL",
    "an added column's default": "UPDATE people SET note = 'x' WHERE state = 'old'",
    "an added column's NULL": "UPDATE people SET note = 'x' WHERE kind = 'old' AND email LIKE 'a%'",
    "the default itself": "UPDATE people SET note = 'x' WHERE state = 'new' AND md5(email) = 'nobody knows of what'",
    "a value that was written": "UPDATE people SET note = 'x' WHERE late = 'b'",
}
UPGRADE = [
    "ALTER TABLE people ADD COLUMN state text NOT NULL DEFAULT 'new', ADD COLUMN kind text, ADD COLUMN late text",
    *list(IDLE.values())[:-1],
    "UPDATE people SET late = CASE WHEN md5(email) = 'nobody knows of what' THEN 'b' ELSE 'a' END",
    IDLE["a value that was written"],
]


@pytest.mark.long
def test_what_no_row_can_match_needs_no_row(server: Server, history: History) -> None:
    """The server's constraints, or the one value of a column that the upgrade has added, keep any row from matching."""
    history.add("r1", None, f"op.execute({TABLE!r})")
    history.add("r2", "r1", "\n".join(f"op.execute({text!r})" for text in UPGRADE), "raise NotImplementedError('no')")
    (found,) = analyzed(server, history.plain_ini(), "r1:r2", rows=200).revisions
    unseen = {
        UPGRADE[one.statement]
        for one in found.diagnostics
        if one.code == "not-seen-at-work" and one.statement is not None and one.severity.value == "warning"
    }
    assert unseen == {IDLE["the default itself"], IDLE["a value that was written"]}
