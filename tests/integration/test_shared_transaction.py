"""Where env.py runs all pending revisions in one transaction, they are judged as they will run there."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.shared_transaction import CODE, FAILS
from domain.migration.locks import LockMode
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

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
    report = analyzed(server, config, wanted, rows=1200)
    return {one.trace.revision: one for one in report.revisions}


def add(history: History, *upgrades: str) -> None:
    """Write revisions r1, r2, … in a line."""
    for number, upgrade in enumerate(upgrades, 1):
        history.add(f"r{number}", f"r{number - 1}" if number > 1 else None, upgrade, DOWN.get(upgrade, "pass"))


@pytest.mark.few(1)
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


@pytest.mark.long
def test_work_under_the_lock_of_a_view(server: Server, history: History) -> None:
    """Readers of a view that an earlier revision replaced wait for a later scan; a later lock alone is not reported."""
    history.add("r1", None, f'{TABLES}\nop.execute("CREATE VIEW adults AS SELECT * FROM people")')
    view = 'op.execute("CREATE OR REPLACE VIEW adults AS SELECT * FROM people WHERE age > 17")'
    history.add("r2", "r1", view, 'op.execute("CREATE OR REPLACE VIEW adults AS SELECT * FROM people")')
    history.add("r3", "r2", COLUMN, DOWN[COLUMN])
    copy = 'op.execute("CREATE TABLE copy AS SELECT age, count(*) FROM people GROUP BY age")'
    history.add("r4", "r3", copy, 'op.execute("DROP TABLE copy")')
    found = judged(server, history, "r1:r4", options="")
    (said,) = (one for one in found["r4"].diagnostics if one.code == CODE)

    assert not [one for one in found["r3"].diagnostics if one.code == CODE]
    assert "reads every row of public.people" in said.message
    assert "public.adults" in said.message


@pytest.mark.long
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


@pytest.mark.long
def test_each_with_its_own(server: Server, history: History) -> None:
    """Where env.py gives each revision a transaction, the range is judged as its parts are."""
    add(history, TABLES, ADD, VALIDATE)
    assert judged(server, history, "r1:r3", SEPARATE)["r3"].verdict == "safe"


@pytest.mark.long
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


@pytest.mark.few(1)
@pytest.mark.parametrize(("connect", "said"), [("connect", False), ("begin", True)], ids=["own", "begun outside"])
def test_code_with_a_block_says_what_env_py_has_to_change_first(
    server: Server, history: History, connect: str, said: bool
) -> None:
    """Where env.py has begun a transaction itself, autocommit_block() cannot commit: proposed code begins with that."""
    add(history, TABLES, 'op.create_index("ix_pets", "pets", ["id"])')
    found = judged(server, history, "r2", SEPARATE, connect)["r2"]
    (build,) = (one.fix or "" for one in found.diagnostics if one.code == "blocking-index-build")

    assert "autocommit_block()" in build
    assert (
        build.startswith("# First, because autocommit_block() cannot commit otherwise. In env.py, line 6: hand") is said
    )


ENUM = "op.execute(\"CREATE TYPE mood AS ENUM ('glad')\")\nop.execute('CREATE TABLE people (id int, m mood, t text)')"
LABEL = "op.execute(\"ALTER TYPE mood ADD VALUE 'sad'\")"
USES_LABEL = "op.execute(\"ALTER TABLE people ALTER m SET DEFAULT 'sad'\")"
TEMPORARY = 'op.execute("CREATE TEMP TABLE work ON COMMIT DROP AS SELECT 1 AS n")'
DEFERRED = """
op.execute("CREATE TABLE people (id int PRIMARY KEY)")
op.execute("CREATE TABLE pets (owner int REFERENCES people DEFERRABLE INITIALLY DEFERRED, n int)")
"""
WRITES = 'op.execute("UPDATE pets SET owner = (SELECT min(id) FROM people) WHERE n = 3")'
ALTERS = 'op.execute("ALTER TABLE pets ADD note text")'


@pytest.mark.long
@pytest.mark.parametrize(
    ("upgrades", "error"),
    [
        ((ENUM, LABEL, USES_LABEL), "unsafe use of new value"),
        ((ENUM, TEMPORARY, TEMPORARY), 'relation "work" already exists'),
        ((DEFERRED, WRITES, ALTERS), "pending trigger events"),
    ],
    ids=["label of an enum", "temporary table", "deferred key"],
)
def test_what_fails_without_a_commit_before_it(
    server: Server, history: History, upgrades: tuple[str, ...], error: str
) -> None:
    """Revisions that run alone and fail in one transaction are told of, with the line that parts them."""
    add(history, *upgrades)
    found = judged(server, history, "r1:r3")
    (failure,) = (one for one in found["r3"].diagnostics if one.code == FAILS)
    (history.folder.parent / f"{history.folder.name}_project").rename(history.folder.parent / "first")
    apart = judged(server, history, "r1:r3", SEPARATE)

    assert error in failure.message
    assert "transaction_per_migration=True" in failure.help
    assert found["r3"].verdict == "unsafe"
    assert not any(one.code == FAILS for one in (*found["r2"].diagnostics, *apart["r3"].diagnostics))


SEEN = """
op.execute(
    "INSERT INTO held SELECT n.nspname || '.' || c.relname, mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE pid = pg_backend_pid() AND c.relname IN ('people', 'pets')"
)
"""
INDEX = 'op.create_index("ix_age", "people", ["age"])'
FILL = 'op.execute("UPDATE pets SET id = id WHERE id > 0")'
KEY = 'op.execute("ALTER TABLE pets ADD CONSTRAINT owned FOREIGN KEY (id) REFERENCES people NOT VALID")'


@pytest.mark.long
def test_the_locks_put_together_are_those_of_the_transaction(server: Server, history: History, tmp_path: Path) -> None:
    """What revisions were seen to lock, one by one, is what one transaction of all of them holds at its end."""
    add(history, f'{TABLES}\nop.execute("CREATE TABLE held (relation text, mode text)")', COLUMN, ADD, INDEX, FILL, KEY)
    history.add("r7", "r6", SEEN)
    found = judged(server, history, "r1:r6")
    together: dict[str, LockMode] = {}
    for analysis in found.values():
        for table, mode in analysis.trace.locks.items():
            together[table] = max(mode, together.get(table, mode))
    database = f"held_{server.major}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
    url = server.url(database)
    config = tmp_path / "versions_project" / "alembic.ini"
    env = config.parent / "env.py"
    env.write_text(
        env.read_text(encoding="utf-8").replace(
            "postgresql+psycopg://nowhere.invalid/none", url.replace("postgresql:", "postgresql+psycopg:")
        ),
        encoding="utf-8",
    )
    for revision in ("r1", "r7"):
        subprocess.run([sys.executable, "-m", "alembic", "-c", str(config), "upgrade", revision], check=True)
    held: dict[str, LockMode] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for relation, mode in connection.execute("SELECT relation, mode FROM held").fetchall():
            parsed = LockMode.parse(mode)
            held[relation] = max(parsed, held.get(relation, parsed))

    assert together == {"public.people": LockMode.ACCESS_EXCLUSIVE, "public.pets": LockMode.ACCESS_EXCLUSIVE}
    assert held == together
