"""What a revision drops and what it keeps: columns that are filled first, or renamed onto, and tables that go."""

import pytest

from domain.migration.analysis.revision_analysis import RevisionAnalysis
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

pytestmark = pytest.mark.one_major

BASE = 'op.execute("CREATE TABLE v (id serial PRIMARY KEY, value text NOT NULL, other text)")'
FILLED = """
op.add_column("v", sa.Column("j", sa.JSON()))
op.execute("UPDATE v SET j = to_json(value)")
op.drop_column("v", "value")
op.alter_column("v", "j", new_column_name="value")
"""
ONTO = 'op.drop_column("v", "value")\nop.alter_column("v", "other", new_column_name="value")'
EMPTY = 'op.drop_column("v", "value")\nop.add_column("v", sa.Column("value", sa.Text()))'
RENAMED_EMPTY = FILLED.replace('op.execute("UPDATE v SET j = to_json(value)")\n', "")


def codes(server: Server, history: History, upgrade: str) -> dict[str, RevisionAnalysis]:
    """Analyze an upgrade of v; diagnostics by code."""
    history.add("r1", None, BASE)
    history.add("r2", "r1", upgrade, 'raise NotImplementedError("restore the backup")')
    (found,) = analyzed(server, history.plain_ini(), "r2", rows=1200).revisions
    return {one.code: found for one in found.diagnostics}


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("upgrade", "lost"),
    [(FILLED, False), (ONTO, False), (EMPTY, True), (RENAMED_EMPTY, True)],
    ids=["filled first", "renamed onto", "added again", "never filled"],
)
def test_values_that_were_filled_before_are_kept(server: Server, history: History, upgrade: str, *, lost: bool) -> None:
    """A new column that was filled and takes over the name keeps the values; an empty one does not."""
    assert ("values-lost" in codes(server, history, upgrade)) == lost


def test_a_dropped_table_is_no_view(server: Server, history: History) -> None:
    """Where no view takes over a table's name, that is not said: the drop alone breaks the code before."""
    found = codes(server, history, 'op.drop_table("v")')["drop-or-rename-in-use"]
    said = [one.message for one in found.diagnostics if one.code == "drop-or-rename-in-use"]

    assert said == ["The table public.v is gone, so statements of the old code that name it fail."]


def test_rows_of_a_partition_are_there(server: Server, history: History) -> None:
    """A downgrade that leaves a partition attached undoes too little, and loses none of its rows."""
    parts = (
        "CREATE TABLE m (id int NOT NULL) PARTITION BY RANGE (id)",
        "CREATE TABLE p (id int NOT NULL CHECK (id > 0))",
    )
    history.add("r1", None, "\n".join(f"op.execute({one!r})" for one in parts))
    attach = 'op.execute("ALTER TABLE m ATTACH PARTITION p FOR VALUES FROM (1) TO (MAXVALUE)")'
    history.add("r2", "r1", attach, "pass")
    (found,) = analyzed(server, history.plain_ini(), "r2", rows=1200).revisions

    assert "missing-downgrade" in found.reasons
    assert "lossy-downgrade" not in found.reasons


TABLES = """
CREATE TABLE old (id int, note text);
CREATE TABLE archive (id int, note text);
CREATE TABLE events (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE low PARTITION OF events FOR VALUES FROM (MINVALUE) TO (1);
CREATE TABLE high PARTITION OF events FOR VALUES FROM (1) TO (MAXVALUE)
"""
_DETACH = "ALTER TABLE events DETACH PARTITION high"
_BOUNDS = "PARTITION OF events FOR VALUES FROM (1) TO (MAXVALUE)"
# What happens to the rows, in the words of the rule; None where all of them are where they were.
ROWS = {
    "deleted": ("DELETE FROM old", "deletes the values of the table public.old,"),
    "moved": (
        "INSERT INTO archive SELECT * FROM old; DELETE FROM old",
        "moves the rows of the table public.old to public.archive; public.old exists afterwards but is empty",
    ),
    "moved_at_once": (
        "WITH gone AS (DELETE FROM old RETURNING *) INSERT INTO archive SELECT * FROM gone",
        "moves the rows of the table public.old to public.archive;",
    ),
    "renamed": (
        "ALTER TABLE old RENAME TO older; CREATE TABLE old (LIKE older)",
        "The table public.old is now called public.older, and a new one has its name and is empty",
    ),
    "same_name": (
        f"{_DETACH}; ALTER TABLE high RENAME TO high_old; CREATE TABLE high {_BOUNDS}",
        "The table public.high is now called public.high_old, and a new one has its name and is empty",
    ),
    "other_name": (
        f"{_DETACH}; CREATE TABLE highest {_BOUNDS}",
        "public.events loses the rows of its partition public.high, which is a table of its own",
    ),
    "copied": (f"{_DETACH}; CREATE TABLE highest {_BOUNDS}; INSERT INTO highest SELECT * FROM high", None),
    "attached_again": (f"{_DETACH}; ALTER TABLE events ATTACH {_BOUNDS.replace(' OF events', ' high')}", None),
    "detached": (_DETACH, "takes public.high out of public.events, in which the old code no longer finds its rows"),
}


@pytest.mark.long
def test_what_happens_to_the_rows_is_said(server: Server, history: History) -> None:
    """Rows may be gone, in another table, or in a partition that is detached: the message says which."""
    history.add("first", None, f"op.execute({TABLES!r})")
    for name, (sql, _) in ROWS.items():
        statements = "\n".join(f"op.execute({statement.strip()!r})" for statement in sql.split(";"))
        history.add(name, "first", statements, 'raise NotImplementedError("restore the backup")')
    report = analyzed(server, history.plain_ini(), "first:heads", rows=100)
    said = {
        item.trace.revision: [one.message for one in item.diagnostics if one.code == "values-lost"]
        for item in report.revisions
    }

    assert {name for name, messages in said.items() if messages} == {name for name, (_, words) in ROWS.items() if words}
    assert [name for name, (_, words) in ROWS.items() if words and words not in said[name][0]] == []
