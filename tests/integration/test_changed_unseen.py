"""What a revision does past SQLAlchemy and the drivers is seen in the server's own words, and never called safe."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.migration.trial.trials import SandboxTrials
from domain.migration.analysis.revision_analysis import RevisionAnalysis, analyze
from domain.migration.analysis.rules import changed_unseen
from domain.migration.locks import LockMode
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

ROWS = 100
SCHEMA = """
for name in ("orders", "old", "notes"):
    op.execute(f"CREATE TABLE {name} (id bigserial PRIMARY KEY, n int, note text)")
op.execute("CREATE TABLE users (id bigserial PRIMARY KEY, n int NOT NULL DEFAULT 0, note text)")
op.execute("CREATE INDEX ix_users_n ON users (n)")
op.execute("CREATE TABLE events (id bigint, at date) PARTITION BY RANGE (at)")
op.execute("CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2020-01-01')")
op.execute("CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2020-01-01') TO (MAXVALUE)")
"""


def by_libpq(sql: str) -> str:
    """Return Python that executes SQL on the connection, below its driver."""
    return f"op.get_bind().connection.dbapi_connection.pgconn.exec_({sql.encode()!r})"


def in_another_process(sql: str) -> str:
    """Return Python that executes SQL in a program that it starts."""
    program = f"import psycopg\nwith psycopg.connect('') as connection: connection.execute({sql!r})"
    return f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {program!r}], check=True)"


def in_a_fork(sql: str) -> str:
    """Return Python that executes SQL in a copy of its process, below the driver."""
    return f"""
import os, psycopg
child = os.fork()
if child == 0:
    connection = psycopg.connect("")
    connection.pgconn.exec_({sql.encode()!r})
    connection.pgconn.exec_(b"COMMIT")
    os._exit(0)
os.waitpid(child, 0)
"""


def without_trace(sql: str) -> str:
    """Return Python that executes SQL while it has silenced the trace."""
    return f"""
import gc
tracer = next(item for item in gc.get_objects() if type(item).__name__ == "Tracer")
run, tracer._run = tracer._run, None
op.execute({sql!r})
tracer._run = run
"""


@pytest.fixture(scope="module")
def sandbox(server: Server) -> Iterator[ServerSandbox]:
    """A sandbox for all revisions."""
    with ServerSandbox(server.url()) as opened:
        yield opened


@pytest.fixture(scope="module")
def agent(sandbox: ServerSandbox) -> Iterator[Agent]:
    """One agent for all revisions on a server."""
    del sandbox  # the agent reaches one server only
    with Agent() as started:
        yield started


def judged(upgrade: str, sandbox: ServerSandbox, agent: Agent, folder: Path) -> RevisionAnalysis:
    """Analyze a revision without a downgrade."""
    folder.mkdir()
    history = History(folder)
    history.add("r1", None, SCHEMA)
    history.add("r2", "r1", upgrade)
    trials = SandboxTrials(RevisionDatabases(Project(history.plain_ini(), rows=ROWS), sandbox, agent))
    (entry,) = trials.history().select("r2")
    with trials.begin(entry, goes_on=False) as trial:
        return analyze(trial.trace)


def test_changes_that_no_statement_made(sandbox: ServerSandbox, agent: Agent, tmp_path: Path) -> None:
    """Changes of the schema and of rows below the driver are an error, which names the tables and the changes."""
    statements = (
        "UPDATE users SET note = 'x'",
        "DROP INDEX ix_users_n",
        "CREATE INDEX ix_users_note ON users (note)",
        "ALTER TABLE users ADD CHECK (n IS NOT NULL)",
        "ALTER TABLE users ALTER note SET NOT NULL",
        "DELETE FROM notes WHERE id = 1",
        "ALTER TABLE orders ALTER n TYPE bigint",
        "DROP TABLE old",
    )
    analysis = judged("\n".join(map(by_libpq, statements)), sandbox, agent, tmp_path / "a")

    assert {item.change for item in analysis.trace.unreported} >= {
        "rows of table public.users were written",
        "index public.ix_users_n was dropped",
        "index public.ix_users_note was created",
        "constraint users_n_check on public.users was created",
        "column public.users.note was altered",
        "rows of table public.notes were deleted",
        "table public.orders was rewritten",
        "table public.old was dropped",
    }
    assert {item.relation for item in analysis.diagnostics if item.code == changed_unseen.CODE} == {
        "public.users",
        "public.notes",
        "public.orders",
        "public.old",
    }
    assert analysis.verdict == "unsafe"


@pytest.mark.parametrize("way", [in_another_process, in_a_fork, without_trace])
def test_every_way_past_the_trace(
    way: Callable[[str], str], sandbox: ServerSandbox, agent: Agent, tmp_path: Path
) -> None:
    """Another process, a fork and a silenced trace are noticed as well."""
    analysis = judged(way("UPDATE users SET note = 'x' WHERE id = 1"), sandbox, agent, tmp_path / "a")

    assert changed_unseen.CODE in {item.code for item in analysis.diagnostics}


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "upgrade",
    [
        by_libpq("LOCK TABLE users") + "\nop.execute('UPDATE notes SET n = 1 WHERE id = 1')",
        "op.execute('UPDATE notes SET n = 1 WHERE id = 1')\n" + by_libpq("LOCK TABLE users"),
        by_libpq("LOCK TABLE users"),
        without_trace("LOCK TABLE users IN SHARE MODE"),
        "op.execute('SAVEPOINT s')\n" + by_libpq("LOCK TABLE users") + "\nop.execute('SELECT 1')",
    ],
)
def test_a_lock_that_no_statement_took(upgrade: str, sandbox: ServerSandbox, agent: Agent, tmp_path: Path) -> None:
    """A lock leaves no trace in rows or files; that it is held shows, whatever was executed before or after it."""
    analysis = judged(upgrade, sandbox, agent, tmp_path / "a")

    assert [item.table for item in analysis.trace.unreported] == ["public.users"]
    assert analysis.verdict == "unsafe"


@pytest.mark.long
@pytest.mark.parametrize("way", [in_another_process, in_a_fork])
def test_a_session_that_no_driver_began(
    way: Callable[[str], str], sandbox: ServerSandbox, agent: Agent, tmp_path: Path
) -> None:
    """What another program does is not known: not the locks that it gives back, nor rows that others write as well."""
    lock = judged(way("LOCK TABLE users"), sandbox, agent, tmp_path / "a")
    update = way("UPDATE users SET note = 'x' WHERE id = 1")
    write = judged(f"op.execute('UPDATE users SET n = n; COMMIT')\n{update}", sandbox, agent, tmp_path / "b")

    assert changed_unseen.CODE in lock.reasons
    assert changed_unseen.CODE in write.reasons


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "upgrade",
    [
        """
op.execute("ALTER TABLE users RENAME n TO m")
op.execute("ALTER TABLE users DROP COLUMN m")
op.rename_table("users", "members")
op.execute("UPDATE members SET note = 1 WHERE id = 1")
op.execute("ALTER TABLE events DETACH PARTITION events_old")
op.execute("DROP TABLE events_old")
op.execute("ALTER TABLE orders ALTER n TYPE bigint")
op.execute("UPDATE orders SET n = 1")
""",
        """
op.execute("TRUNCATE users")
op.execute("INSERT INTO users (note) VALUES (1), (2)")
op.execute("UPDATE events SET at = '2030-01-01'")
op.execute("DELETE FROM notes")
op.execute("DO $$ BEGIN EXECUTE 'ALTER TABLE orders ADD COLUMN m int'; UPDATE orders SET m = 1; END $$")
op.execute("REINDEX TABLE orders")
op.execute("CREATE TABLE t AS TABLE orders")
op.execute("DELETE FROM t")
op.execute("ALTER TABLE old RENAME TO older")
op.execute("CREATE TABLE old AS TABLE older")
""",
        """
try:
    with op.get_bind().begin_nested():
        op.execute("UPDATE users SET id = id / 2")
except sa.exc.IntegrityError:
    pass
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY i ON users (note)")
    op.execute("UPDATE users SET note = 2 WHERE id < 9")
    op.execute("VACUUM (FULL) users")
with op.get_bind().engine.begin() as other:
    other.execute(sa.text("UPDATE notes SET note = 3"))
""",
        """
import psycopg
with psycopg.connect("") as connection:
    connection.execute("SELECT count(*) FROM users")
with op.get_context().autocommit_block():
    op.execute("REINDEX TABLE CONCURRENTLY users")
op.execute("LOCK TABLE users")
op.execute("SAVEPOINT s")
op.execute("LOCK TABLE notes")
op.execute("ROLLBACK TO SAVEPOINT s")
op.execute("LOCK TABLE old")
op.execute("RELEASE SAVEPOINT s")
""",
    ],
)
def test_what_statements_did_is_no_such_change(
    upgrade: str, sandbox: ServerSandbox, agent: Agent, tmp_path: Path
) -> None:
    """What the traced statements did is theirs, under whatever name, in whatever transaction."""
    analysis = judged(upgrade, sandbox, agent, tmp_path / "a")

    assert analysis.trace.after is not None, analysis.diagnostics
    assert analysis.trace.unreported == ()


def test_a_text_that_ends_its_transaction_has_locked_what_it_changed(
    sandbox: ServerSandbox, agent: Agent, tmp_path: Path
) -> None:
    """The locks of a transaction that a text ends are gone when it has run: the strongest mode is taken for them."""
    analysis = judged(
        "op.execute('ALTER TABLE orders ALTER n TYPE bigint; COMMIT; BEGIN')", sandbox, agent, tmp_path / "a"
    )

    assert analysis.trace.locks == {"public.orders": LockMode.ACCESS_EXCLUSIVE}


def test_a_proof_by_climbing_sees_them_as_well(sandbox: ServerSandbox, agent: Agent, tmp_path: Path) -> None:
    """Where many revisions are proved in one run, one that changes rows unseen is not among the exact ones."""
    folder = tmp_path / "a"
    folder.mkdir()
    history = History(folder)
    history.add("r1", None, SCHEMA)
    history.add("r2", "r1", by_libpq("UPDATE users SET note = note"))
    history.add("r3", "r2", "op.add_column('users', sa.Column('m', sa.Integer()))", "op.drop_column('users', 'm')")
    databases = RevisionDatabases(Project(history.plain_ini(), rows=ROWS), sandbox, agent)
    trials = SandboxTrials(databases, keeps_before=True)

    assert set(trials.climb(trials.history().select("r2:r3"))) == {"r3"}
