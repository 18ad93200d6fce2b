"""What a batch is, is measured: rows that one transaction writes, against the table's rows, at two sizes of it."""

import pytest

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

PEOPLE = 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, kind text, active boolean)")'
LOOP = """
with op.get_context().autocommit_block():
    while op.get_bind().execute(sa.text(
        "UPDATE people SET active = true WHERE id IN "
        "(SELECT id FROM people WHERE active IS DISTINCT FROM true LIMIT {})"
    )).rowcount:
        pass
"""
BLOCK = """
with op.get_context().autocommit_block():
    op.execute('''DO $$ DECLARE done int; BEGIN LOOP
        {}
        GET DIAGNOSTICS done = ROW_COUNT; {} EXIT WHEN done = 0; END LOOP; {} END $$''')
"""
UPDATE = (
    "UPDATE people SET active = true WHERE id IN (SELECT id FROM people WHERE active IS DISTINCT FROM true LIMIT {});"
)
DELETE = "DELETE FROM people WHERE id IN (SELECT id FROM people LIMIT {});"
PROCEDURE = """
op.execute('''CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ DECLARE one record; BEGIN
    FOR one IN SELECT id FROM people LOOP
        BEGIN UPDATE people SET active = true WHERE id = one.id; EXCEPTION WHEN others THEN NULL; END;
        {}
    END LOOP; COMMIT; END $$''')
with op.get_context().autocommit_block():
    op.execute("CALL fill()")
"""
KINDS = """
with op.get_context().autocommit_block():
    for low, high in ((0, 1), (1, 10**12)):
        part = dict(a=low, b=high)
        op.get_bind().execute(sa.text("UPDATE people SET active = true WHERE id >= :a AND id < :b"), part)
"""
NEARLY_ALL = """
with op.get_context().autocommit_block():
    op.execute("UPDATE people SET active = true WHERE id % 20 > 0")
"""


def judged(server: Server, history: History, upgrade: str, seconds: int = 60) -> RevisionAnalysis:
    """Analyze an upgrade of people."""
    history.add("r1", None, PEOPLE)
    history.add("r2", "r1", upgrade, 'raise NotImplementedError("values stay")')
    asked = ProjectRequest(
        config=history.plain_ini(), sandbox_url=server.url(), any_role=True, rows=1200, statement_timeout=seconds
    )
    return analyze_revisions(asked, "r2", TargetRequest(), lambda *_: None).revisions[0]


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "upgrade",
    [
        LOOP.format(500),
        LOOP.format(1000),
        LOOP.format(5000),
        BLOCK.format(UPDATE.format(400), "COMMIT;", ""),
        BLOCK.format(UPDATE.format(3000), "COMMIT;", ""),
        BLOCK.format(DELETE.format(300), "COMMIT;", ""),
        PROCEDURE.format("COMMIT;"),
    ],
    ids=["500", "1000", "5000", "block 400", "block 3000", "block deletes 300", "procedure"],
)
def test_batches_are_batches(server: Server, history: History, upgrade: str) -> None:
    """Transactions of so many rows are as large on a larger table, though one is enough for a small one."""
    found = judged(server, history, upgrade)

    assert found.trace.error is None
    assert "unbatched-write" not in found.reasons, [str(one) for one in found.diagnostics]


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "upgrade",
    [
        LOOP.format(1_000_000),
        BLOCK.format(UPDATE.format(1_000_000), "COMMIT;", ""),
        BLOCK.format(UPDATE.format(100), "", "COMMIT;"),
        BLOCK.format(DELETE.format(100), "", "COMMIT;"),
        PROCEDURE.format(""),
        KINDS,
        NEARLY_ALL,
    ],
    ids=[
        "limit beyond any table",
        "block with such a limit",
        "block commits at its end",
        "block deletes and commits at its end",
        "procedure with subtransactions commits at its end",
        "uneven parts",
        "nearly all at once",
    ],
)
def test_whole_tables_are_not(server: Server, history: History, upgrade: str) -> None:
    """However it is written: one transaction wrote most of the table, and more on a larger one."""
    found = judged(server, history, upgrade)

    assert found.trace.error is None
    assert "unbatched-write" in found.reasons, found.trace.upgrade


@pytest.mark.some(1)
@pytest.mark.long
@pytest.mark.parametrize(
    ("upgrade", "said"),
    [
        (LOOP.format(100).replace("true LIMIT", "false LIMIT"), "times, with no end in sight"),
        (
            BLOCK.format("UPDATE people SET active = true WHERE id = 1;", "done := 1;", ""),
            "ran longer than a statement may run",
        ),
    ],
    ids=["Python", "block"],
)
def test_a_loop_that_never_ends(server: Server, history: History, upgrade: str, said: str) -> None:
    """It is stopped in its time, and a sentence names the statement that it repeats."""
    found = judged(server, history, upgrade, seconds=2)
    (failure,) = (one for one in found.diagnostics if one.code == "upgrade-fails")

    assert said in failure.message
    assert "UPDATE people SET active" in failure.message or "DO $$" in failure.message
