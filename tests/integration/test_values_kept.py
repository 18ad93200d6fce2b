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
