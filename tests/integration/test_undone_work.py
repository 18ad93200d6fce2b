"""What a block does and rolls back itself was done all the same: the table was locked while it was read or written."""

import pytest

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

pytestmark = pytest.mark.one_major

_UNDONE = "DO $$ BEGIN {} BEGIN {} RAISE EXCEPTION 'back'; EXCEPTION WHEN OTHERS THEN NULL; END; END $$"
# Statements, and the verdict.
BLOCKS = {
    "rewrite": (_UNDONE.format("", "ALTER TABLE users ALTER n TYPE bigint;"), "unsafe"),
    "index": (_UNDONE.format("", "CREATE INDEX i ON users (n);"), "unsafe"),
    "constraint": (_UNDONE.format("", "ALTER TABLE users ADD CHECK (id IS NOT NULL);"), "unsafe"),
    "beside_a_change": (
        _UNDONE.format("CREATE TABLE new (id int);", "ALTER TABLE users ALTER n TYPE bigint;"),
        "unsafe",
    ),
    "after_a_query": (
        _UNDONE.format("PERFORM count(*) FROM pets;", "ALTER TABLE users ALTER n TYPE bigint;"),
        "unsafe",
    ),
    "write": (_UNDONE.format("", "UPDATE users SET n = 1;"), "unsafe"),
    "query": (_UNDONE.format("", "PERFORM count(*) FROM users;"), "safe"),
    "new_table": (_UNDONE.format("PERFORM count(*) FROM users;", "CREATE TABLE new (id int);"), "safe"),
    "no_scan": (_UNDONE.format("", "ALTER TABLE users ADD m int;"), "safe"),
    "there_already": ("DO $$ BEGIN CREATE TABLE users (); EXCEPTION WHEN duplicate_table THEN NULL; END $$", "safe"),
}


@pytest.mark.long
def test_what_a_block_rolls_back_was_done(server: Server, history: History) -> None:
    """Its counters stay although its locks, files and rows are as before; queries and quick changes are no error."""
    tables = "CREATE TABLE users (id int PRIMARY KEY, n int); CREATE TABLE pets (id int PRIMARY KEY)"
    history.add("first", None, f"op.execute('{tables}')")
    for name, (sql, _) in BLOCKS.items():
        history.add(name, "first", f"op.execute({sql!r})", "op.execute('DROP TABLE IF EXISTS new')")
    report = analyzed(server, history.plain_ini(), "first:heads", rows=1200)

    assert {item.trace.revision: item.verdict for item in report.revisions} == {
        name: verdict for name, (_, verdict) in BLOCKS.items()
    }
