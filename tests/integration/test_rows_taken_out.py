"""Rows of a partition or a child table, which the parent shows no longer."""

import pytest

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed_change

PARTITIONED = """
CREATE TABLE logs (id bigint, line text) PARTITION BY RANGE (id);
CREATE TABLE first PARTITION OF logs FOR VALUES FROM (1) TO (50);
CREATE TABLE others PARTITION OF logs DEFAULT;
"""
INHERITED = "CREATE TABLE logs (id bigint, line text); CREATE TABLE first (id bigint, line text) INHERITS (logs);"
DETACH = "ALTER TABLE logs DETACH PARTITION first;"


@pytest.mark.one_major
@pytest.mark.parametrize(
    ("schema", "change", "is_lost"),
    [
        (PARTITIONED, DETACH, True),
        (INHERITED, "ALTER TABLE first NO INHERIT logs", True),
        (PARTITIONED, f"{DETACH} INSERT INTO logs SELECT * FROM first", False),
        (PARTITIONED, f"{DETACH} ALTER TABLE logs ATTACH PARTITION first FOR VALUES FROM (1) TO (60)", False),
    ],
)
def test_the_old_code_misses_rows_of_a_table_that_is_taken_out(
    server: Server, history: History, schema: str, change: str, is_lost: bool
) -> None:
    """No statement fails where a default partition takes new rows; what is still or again in the parent is found."""
    analysis = analyzed_change(server, history, schema, change, rows=100)
    messages = [item.message for item in analysis.diagnostics if item.code == "values-lost"]

    sentence = "The upgrade takes public.first out of public.logs, in which the old code no longer finds its rows."
    assert (sentence in messages) is is_lost
