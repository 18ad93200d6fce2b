"""Where env.py runs all pending revisions in one transaction, they are judged as they will run there."""

import pytest

from adapter import bootstrap
from domain.migration.analysis import RevisionAnalysis
from domain.migration.shared_transaction import CODE
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

TABLES = 'op.execute("CREATE TABLE people (id int PRIMARY KEY, age int)")\nop.execute("CREATE TABLE pets (id int)")'
TIMEOUT = "op.execute(\"SET LOCAL lock_timeout = '2s'\")\n"
ADD = f'{TIMEOUT}op.execute("ALTER TABLE people ADD CONSTRAINT k CHECK (age < 10000000000) NOT VALID")'
VALIDATE = f'{TIMEOUT}op.execute("ALTER TABLE people VALIDATE CONSTRAINT k")'
COLUMN = f'{TIMEOUT}op.add_column("pets", sa.Column("name", sa.Text()))'
CONCURRENT = """
with op.get_context().autocommit_block():
    op.create_index("ix_pets", "pets", ["id"], postgresql_concurrently=True)
"""
DOWN = {
    ADD: 'op.drop_constraint("k", "people")',
    VALIDATE: f'op.drop_constraint("k", "people")\n{ADD}',
    COLUMN: 'op.drop_column("pets", "name")',
    CONCURRENT: CONCURRENT.replace("create_index", "drop_index")
    .replace('["id"], ', "")
    .replace('"pets", ', "table_name='pets', "),
}
SEPARATE = ", transaction_per_migration=True"


def judged(
    server: Server, history: History, wanted: str, options: str = "", connect: str = "connect"
) -> dict[str, RevisionAnalysis]:
    """Analyze a range of three revisions after the base."""
    config = history.plain_ini()
    env = config.parent / "env.py"
    text = env.read_text(encoding="utf-8").replace(SEPARATE, options).replace(").connect()", f").{connect}()")
    env.write_text(text, encoding="utf-8")
    asked = bootstrap.ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=1200)
    report = bootstrap.analyze(asked, wanted, bootstrap.TargetRequest(), lambda *_: None)
    return {one.trace.revision: one for one in report.revisions}


def add(history: History, *upgrades: str) -> None:
    """Write revisions r1, r2, … in a line."""
    for number, upgrade in enumerate(upgrades, 1):
        history.add(f"r{number}", f"r{number - 1}" if number > 1 else None, upgrade, DOWN.get(upgrade, "pass"))


@pytest.mark.parametrize(
    ("options", "connect", "remedy"),
    [
        ("", "connect", "In env.py, line 6: add transaction_per_migration=True to context.configure(…)."),
        (SEPARATE, "begin", "engine.connect(), not engine.begin()"),
    ],
    ids=["default", "begun outside"],
)
def test_a_scan_under_the_lock_of_the_revision_before(
    server: Server, history: History, options: str, connect: str, remedy: str
) -> None:
    """VALIDATE in a revision of its own scans under the lock of ADD CONSTRAINT, and the line to add is named."""
    add(history, TABLES, ADD, VALIDATE)
    found = judged(server, history, "r1:r3", options, connect)
    (said,) = (one for one in found["r3"].diagnostics if one.code == CODE)

    assert found["r2"].verdict == "safe"
    assert found["r3"].reasons == (CODE,)
    assert "reads every row of public.people" in said.message
    assert "since revision r2 (ACCESS EXCLUSIVE)" in said.message
    assert remedy in said.help


def test_transactions_of_their_own_hold_nothing(server: Server, history: History) -> None:
    """With transaction_per_migration, alone, and behind an autocommit block, nothing is held from before."""
    add(history, TABLES, ADD, CONCURRENT, VALIDATE)
    assert judged(server, history, "r3:r4")["r4"].verdict == "safe"
    (history.folder.parent / f"{history.folder.name}_project").rename(history.folder.parent / "first")
    behind = judged(server, history, "r1:r4")

    assert {name: CODE in {one.code for one in found.diagnostics} for name, found in behind.items()} == {
        "r2": False,
        "r3": False,
        "r4": False,
    }


def test_each_with_its_own(server: Server, history: History) -> None:
    """Where env.py gives each revision a transaction, the range is judged as its parts are."""
    add(history, TABLES, ADD, VALIDATE)
    assert judged(server, history, "r1:r3", SEPARATE)["r3"].verdict == "safe"


def test_locks_pile_up_over_revisions_and_new_tables_are_nobodys(server: Server, history: History) -> None:
    """Locks on a second table are warned of; from the base on, all tables are the transaction's own."""
    add(history, TABLES, ADD, COLUMN)
    found = judged(server, history, "r1:r3")
    (said,) = (one for one in found["r3"].diagnostics if one.code == CODE)
    (history.folder.parent / f"{history.folder.name}_project").rename(history.folder.parent / "first")
    whole = judged(server, history, "base:r3")

    assert (said.severity.value, found["r3"].verdict) == ("warning", "safe")
    assert "locks public.pets as well, while reads and writes of public.people wait since revision r2" in said.message
    assert not any(one.code == CODE for analysis in whole.values() for one in analysis.diagnostics)


@pytest.mark.parametrize(("connect", "said"), [("connect", False), ("begin", True)], ids=["own", "begun outside"])
def test_code_with_a_block_says_what_env_py_has_to_change_first(
    server: Server, history: History, connect: str, said: bool
) -> None:
    """Where env.py has begun a transaction itself, autocommit_block() cannot commit: proposed code begins with that."""
    add(history, TABLES, 'op.create_index("ix_pets", "pets", ["id"])')
    found = judged(server, history, "r2", SEPARATE, connect)["r2"]
    (build,) = (one.fix or "" for one in found.diagnostics if one.code == "blocking-index-build")

    assert "autocommit_block()" in build
    assert build.startswith("# First, for autocommit_block() cannot commit otherwise. In env.py, line 6: hand") is said
