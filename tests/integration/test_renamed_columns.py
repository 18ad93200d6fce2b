"""A renamed column is the column that it was: nothing is said of it that holds for new columns only."""

import pytest

from domain.migration.diagnostic import Diagnostic
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

pytestmark = pytest.mark.one_major

TABLES = """
op.execute("CREATE TABLE team (id int PRIMARY KEY, name text NOT NULL)")
for table in ("pool", "connection", "variable"):
    op.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, team_id char(36) NOT NULL, code int, old_code int)")
"""


def _diagnostics(server: Server, history: History, upgrade: str) -> list[Diagnostic]:
    history.add("first", None, TABLES)
    history.add("last", "first", upgrade)
    (analysis,) = analyzed(server, history.plain_ini(), "last", rows=100).revisions
    return list(analysis.diagnostics)


def _messages(diagnostics: list[Diagnostic], code: str) -> list[str]:
    return [diagnostic.message for diagnostic in diagnostics if diagnostic.code == code]


def test_columns_of_several_tables_that_are_renamed_alike(server: Server, history: History) -> None:
    """Each is named with its own table, also where a table is renamed along with its column."""
    upgrade = """
for table in ("pool", "connection", "variable"):
    op.alter_column(table, "team_id", new_column_name="team_name")
op.rename_table("variable", "setting")
"""
    messages = _messages(_diagnostics(server, history, upgrade), "drop-or-rename-in-use")

    for table in ("pool", "connection"):
        assert any(f"public.{table}.team_id is now called public.{table}.team_name" in text for text in messages)
    assert any("public.variable is now called public.setting" in text for text in messages)
    assert not any("variable.team_id is now called public.pool" in text for text in messages)


def test_renames_that_no_text_shows(server: Server, history: History) -> None:
    """A name that is put together, one in between, and the column of a view: the server knows what became of each."""
    history.add("first", None, TABLES)
    history.add("view", "first", 'op.execute("CREATE VIEW pools AS SELECT id, code FROM pool")')
    history.add(
        "last",
        "view",
        """
op.execute("DO $$ BEGIN EXECUTE format('ALTER TABLE %I REN' || 'AME %I TO %I', 'pool', 'team_id', 'team'); END $$")
op.alter_column("connection", "team_id", new_column_name="spare")
op.alter_column("connection", "spare", new_column_name="team")
op.execute("ALTER VIEW pools RENAME code TO number")
""",
    )
    (analysis,) = analyzed(server, history.plain_ini(), "last", rows=100).revisions
    messages = _messages(list(analysis.diagnostics), "drop-or-rename-in-use")

    for table, old, new in (
        ("pool", "team_id", "team"),
        ("connection", "team_id", "team"),
        ("pools", "code", "number"),
    ):
        assert any(f"public.{table}.{old} is now called public.{table}.{new}" in text for text in messages)


def test_a_renamed_column_is_not_new(server: Server, history: History) -> None:
    """A renamed NOT NULL column is no new one that INSERTs would have to set, and what rewrites it is its new type."""
    upgrade = 'op.alter_column("pool", "team_id", new_column_name="team_name", type_=sa.String(50))'
    diagnostics = _diagnostics(server, history, upgrade)
    (rewrite,) = [diagnostic for diagnostic in diagnostics if diagnostic.code == "table-rewrite"]
    (rename,) = [diagnostic for diagnostic in diagnostics if diagnostic.code == "drop-or-rename-in-use"]

    assert _messages(diagnostics, "required-column") == []
    assert "The reason: team_id goes from character(36) to character varying(50)." in rewrite.message
    assert "team_name" not in str(rewrite.fix)
    assert "ADD COLUMN team_name character varying(50)" in str(rename.fix)


@pytest.mark.parametrize(
    ("prepared", "warned"),
    [
        ('op.alter_column("pool", "old_code", new_column_name="key")', True),
        ('op.add_column("pool", sa.Column("key", sa.Integer()))', False),
    ],
)
def test_a_unique_index_on_a_renamed_column_may_fail(
    server: Server, history: History, prepared: str, *, warned: bool
) -> None:
    """A new column is empty, so it has no duplicates; a renamed one has the values that it had."""
    index = """
with op.get_context().autocommit_block():
    op.execute("CREATE UNIQUE INDEX CONCURRENTLY one ON pool (key)")
"""
    diagnostics = _diagnostics(server, history, prepared + index)

    assert bool(_messages(diagnostics, "unique-index-may-fail")) is warned


def test_a_unique_index_that_is_made_anew_for_a_renamed_column(server: Server, history: History) -> None:
    """The values of a column were unique before, whatever its name was."""
    upgrade = """
op.alter_column("team", "id", new_column_name="key")
with op.get_context().autocommit_block():
    op.execute("CREATE UNIQUE INDEX CONCURRENTLY one ON team (key)")
"""
    assert _messages(_diagnostics(server, history, upgrade), "unique-index-may-fail") == []
