"""Databases at revisions are begun where an earlier analysis has been."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.names import PREFIX, TEMPLATE_PREFIX
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.database import CannotBuildError
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.migration.trial.trials import SandboxTrials
from tests.conftest import SERVERS, Server
from tests.history import History

pytestmark = pytest.mark.one_major

ROWS = 30
EXIT_ONCE = """
import pathlib
try:
    pathlib.Path(__file__).with_name("first").touch(exist_ok=False)
except FileExistsError:
    pass
else:
    raise SystemExit(3)
"""


@pytest.fixture
def opened(server: Server, history: History) -> "Opened":
    """Three revisions, and what opens a sandbox for them."""
    history.add("r1", None, 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY)")', 'op.drop_table("people")')
    history.add("r2", "r1", 'op.add_column("people", sa.Column("note", sa.Text()))', 'op.drop_column("people", "note")')
    history.add("r3", "r2", 'op.add_column("people", sa.Column("n", sa.Integer()))', 'op.drop_column("people", "n")')
    return Opened(server, history)


class Opened:
    """Opens the same project again and again."""

    def __init__(self, server: Server, history: History) -> None:
        self._server = server
        self._config = history.plain_ini()

    @contextmanager
    def __call__(self) -> Iterator[RevisionDatabases]:
        """Open it."""
        with ServerSandbox(self._server.url()) as sandbox, Agent() as agent:
            databases = RevisionDatabases(Project(self._config, rows=ROWS), sandbox, agent)
            with closing(databases):
                yield databases


def sandbox_databases(server: Server) -> set[str]:
    """Name the throw-away databases that are there now."""
    with psycopg.connect(server.url()) as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND NOT starts_with(datname, %s)"
        return {str(name) for (name,) in connection.execute(query, (PREFIX, TEMPLATE_PREFIX)).fetchall()}


def described(url: str) -> tuple[object, ...] | None:
    """Return the revision, the number of rows, and how many of them have each value."""
    with psycopg.connect(url) as connection:
        query = "SELECT (SELECT version_num FROM alembic_version), count(*), count(note) FROM people"
        return connection.execute(query).fetchone()


def test_a_copy_of_the_last_template_is_ready(opened: Opened, server: Server) -> None:
    """The database in which env.py runs first is the one that is asked for next, when it was used last."""
    with opened() as databases:
        seen = described(databases.at(["r2"]).url)
    with opened() as databases:
        databases.history()
        before = sandbox_databases(server)
        first = databases.at(["r2"])
        assert sandbox_databases(server) == before
        second, copy = databases.at(["r2"]), first.copy()
        assert len(sandbox_databases(server) - before) == 2
        assert seen == ("r2", ROWS, 0)
        assert [described(one.url) for one in (first, second, copy)] == [seen] * 3


def test_a_later_revision_goes_on_from_a_template(opened: Opened) -> None:
    """What was kept at a revision is what those that follow begin with."""
    with opened() as databases:
        kept = databases.at(["r1"], at_once=True)
        with psycopg.connect(kept.url) as connection:
            connection.execute("INSERT INTO people VALUES (-7)")
        databases.keep(kept, "r1")
    with opened() as databases:
        later = databases.at(["r3"])
        assert described(later.url) == ("r3", ROWS + 1, 0)
        assert {name for name in later.young if "people" in name} == {"public.people.note", "public.people.n"}


def test_a_database_ends_with_its_block(opened: Opened, server: Server) -> None:
    """Its copies are databases of their own; a second drop does nothing."""
    with opened() as databases:
        before = sandbox_databases(server)
        with databases.maker.create() as database, database.copy() as copy:
            assert len(sandbox_databases(server) - before) == 2
            copy.session().execute("CREATE TABLE people ()")
            assert not database.snapshot().names("table")
            copy.drop()
            assert len(sandbox_databases(server) - before) == 1
        assert sandbox_databases(server) == before


@pytest.mark.parametrize(("error", "left"), [(CannotBuildError, 0), (ValueError, 1)])
def test_what_ends_the_command_leaves_databases_to_the_sandbox(
    opened: Opened, server: Server, error: type[Exception], left: int
) -> None:
    """The server may be gone then; a database that cannot be built is dropped at once."""
    with opened() as databases:
        before = sandbox_databases(server)
        with pytest.raises(error), databases.maker.create():
            raise error
        assert len(sandbox_databases(server) - before) == left
    assert sandbox_databases(server) == set()


@pytest.mark.long
def test_a_trial_ends_its_databases(opened: Opened, server: Server) -> None:
    """Of a trial only the database remains that the next one starts on."""
    with opened() as databases:
        trials = SandboxTrials(databases, keeps_before=True)
        _, second, third = trials.history().select("base:heads")
        with trials.begin(second) as trial:
            assert not trial.upgrade_again().schema
            assert trial.repeat().kills == 1
            during = sandbox_databases(server)
        between = sandbox_databases(server)
        assert len(during - between) == 1
        with trials.begin(third, goes_on=False) as trial:
            assert trial.trace.after is not None
        assert len(between - sandbox_databases(server)) == 1
        trials.close()


@pytest.mark.few(1)
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    "trouble",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n",
        EXIT_ONCE,
        "import sys\nassert not hasattr(sys, 'application'), 'it was made already'\nsys.application = object()\n",
    ],
    ids=["leaves a thread", "exits", "may run once in a process"],
)
def test_what_env_py_does_first_harms_no_job(server: Server, history: History, trouble: str) -> None:
    """Later jobs run as in a new process when env.py left something in this one."""
    history.add("r1", None, 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, note text NOT NULL)")')
    config = history.plain_ini()
    env = config.parent / "env.py"
    env.write_text(trouble + env.read_text(encoding="utf-8"), encoding="utf-8")
    with ServerSandbox(server.url()) as sandbox, Agent() as agent:
        databases = RevisionDatabases(Project(config, rows=ROWS), sandbox, agent)
        databases.history()
        made = databases.at(["r1"])
        databases.close()
        assert described(made.url) == ("r1", ROWS, ROWS)
