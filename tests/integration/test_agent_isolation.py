"""What a project's process is led to, what it is told, and what is said when it went elsewhere."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.project.client import Agent, run_agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.environment_errors import described, raise_if_environment_failed
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from tests.conftest import SERVERS, Server
from tests.history import History

pytestmark = pytest.mark.one_major

Run = Callable[..., AgentResult]
ENV = """
import json, os, socket
from alembic import context
from sqlalchemy import create_engine
{prepare}
with {engine}.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
PLAIN = 'create_engine("postgresql+psycopg://u:p@10.1.2.3/prod")'
LATER = """
engine = create_engine("postgresql+psycopg://u:p@10.1.2.3/prod")
from sqlalchemy import event
@event.listens_for(engine, "do_connect")
def address(dialect, record, cargs, cparams):
    cparams.update(host="10.9.9.9", dbname="prod", password="token")
"""
ELSEWHERE = """
import psycopg
from psycopg.pq import PGconn
def elsewhere():
    return psycopg.Connection(PGconn.connect(b"{}"))
"""


@pytest.fixture
def run(empty_url: str, history: History, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the one revision of a project whose env.py a test writes, in a database of its own."""
    variables = {
        "PGSERVICE": "production",
        "PGHOST": "10.1.2.3",
        "PGOPTIONS": "-c work_mem=5MB",
        "SHOP_URL": "postgresql+asyncpg://u:p@10.1.2.3/prod",
        "SHOP_DSN": "host=10.1.2.3 dbname='pr od' password=p",
        "SHOP_KIND": "postgres",
        "SHOP_NOTE": "host is yes",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def run(engine: str = PLAIN, prepare: str = "", upgrade: str = "pass") -> AgentResult:
        history.add("r1", None, upgrade)
        config = history.plain_ini()
        text = ENV.format(engine=engine, prepare=textwrap.dedent(prepare))
        (config.parent / "env.py").write_text(text, encoding="utf-8")
        job = AgentJob(config=config, connection=Connection.parse(empty_url), command="upgrade", trace=False)
        return run_agent(job, timeout=60)

    return run


def _said_of(result: AgentResult) -> tuple[str, str]:
    """Return the message and the hint for an env.py that failed."""
    nowhere = Connection("nowhere", 1, "nobody", None, "none")
    with pytest.raises(DatabaseConfigurationError) as caught:
        raise_if_environment_failed(AgentJob(config=Path(), connection=nowhere, command="upgrade"), result)
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("engine", "prepare"),
    [
        (PLAIN, ""),
        ('create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect("host=10.1.2.3"))', "import psycopg"),
        ("engine", LATER),
        ('create_engine(os.environ["SHOP_URL"].replace("asyncpg", "psycopg"))', ""),
        ('create_engine("postgresql+psycopg://?service=production")', ""),
    ],
    ids=["url", "creator", "do_connect listener", "variable", "service"],
)
def test_what_is_led_to_the_sandbox(run: Run, engine: str, prepare: str) -> None:
    """Whatever address an engine is given, it gets the sandbox's database, and the revision runs."""
    name = 'assert op.get_bind().exec_driver_sql("SELECT current_database()").scalar() == "hexalembic_empty"'
    result = run(engine, prepare, name)
    assert result.error is None
    assert [one.error for one in result.runs] == [None]


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_variables(run: Run, server: Server, tmp_path: Path) -> None:
    """Variables with an address of Postgres hold the sandbox's, in their own form; all others are inherited."""
    kept = tmp_path / "variables"
    run(prepare=f"open({str(kept)!r}, 'w').write(json.dumps(dict(os.environ)))")
    found = json.loads(kept.read_text(encoding="utf-8"))
    assert found["SHOP_URL"].startswith("postgresql+asyncpg://postgres@/hexalembic_empty?")
    assert found["SHOP_DSN"] == f"host='{server.host}' port='{server.port}' user='postgres' dbname='hexalembic_empty'"
    assert (found["SHOP_KIND"], found["SHOP_NOTE"], found["PGOPTIONS"]) == (
        "postgres",
        "host is yes",
        "-c work_mem=5MB",
    )
    assert (found["PGHOST"], found["PGDATABASE"]) == (server.host, "hexalembic_empty")
    assert "PGSERVICE" not in found


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize("again", ["", "    except Exception: pass"], ids=["raised", "swallowed"])
def test_a_connection_to_somewhere_else(run: Run, server: Server, again: str) -> None:
    """A connection that does not lead to the sandbox is refused before anything runs, with the line that made it."""
    address = f"host={server.host} port={server.port} user={server.user} dbname={server.maintenance_dbname}"
    prepare = ELSEWHERE.format(address)
    engine = 'create_engine("postgresql+psycopg://", creator=elsewhere)'
    if again:
        prepare += f"    \nfor _ in range(2):\n    try: {engine}.connect()\n{again}\n"
        engine = PLAIN
    result = run(engine, prepare, 'op.execute("CREATE TABLE never (id int)")')
    assert result.error is not None
    assert result.error.kind == "elsewhere"
    assert result.error.message == f'env.py connected to "{server.host}"/postgres itself'
    assert Path(str(result.error.path)).name == "env.py"
    assert result.error.line
    assert bool(result.runs) == bool(again)  # what went on did so in the sandbox


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_a_revision_that_connects_anew(run: Run, server: Server) -> None:
    """A connection that a revision makes itself is proved as well."""
    address = f"host={server.host} port={server.port} user={server.user} dbname={server.maintenance_dbname}"
    upgrade = ELSEWHERE.format(address) + 'sa.create_engine("postgresql+psycopg://", creator=elsewhere).connect()'
    result = run(upgrade=upgrade)
    assert result.error is not None
    assert result.error.kind == "elsewhere"


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("prepare", "address"),
    [
        ("import urllib.request; urllib.request.urlopen('http://vault.invalid:8200/secret')", "vault.invalid:8200"),
        ("socket.create_connection(('10.1.2.3', 5432))", "10.1.2.3:5432"),
        ("socket.socket().connect(('10.1.2.3', 5432))", "the network"),
        (
            "import asyncio\nasync def go(): await asyncio.open_connection('10.1.2.3', 443)\nasyncio.run(go())",
            "10.1.2.3:443",
        ),
    ],
    ids=["urllib", "create_connection", "socket", "asyncio"],
)
def test_the_network_that_env_wanted(run: Run, prepare: str, address: str) -> None:
    """An env.py that needs the network fails with the address that it wanted."""
    result = run(prepare=prepare)
    assert result.error is not None
    assert result.error.kind == "network"
    assert address in result.addresses
    assert Path(str(result.error.path)).name == "env.py"
    message, hint = _said_of(result)
    assert message.startswith(f"env.py tried to reach {address}, but has no network (env.py, line ")
    assert all(way in hint for way in ("--env NAME=VALUE", "--setup", "--allow-network"))


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(("walled", "network"), [(True, True), (False, False)], ids=["allow-network", "no-isolation"])
def test_a_host_that_is_not_found(
    history: History, server: Server, empty_url: str, *, walled: bool, network: bool
) -> None:
    """Where the network is in reach, a host that has no address is what is said, and no wall."""
    history.add("r1", None, "pass")
    config = history.plain_ini()
    prepare = "import urllib.request; urllib.request.urlopen('http://vault.invalid:8200/secret')"
    (config.parent / "env.py").write_text(ENV.format(engine=PLAIN, prepare=prepare), encoding="utf-8")
    job = AgentJob(config=config, connection=Connection.parse(empty_url), command="upgrade", trace=False)
    with Agent(AgentProcess(keep=[server.host], walled=walled, network=network)) as agent:
        result = agent.run(job)

    with pytest.raises(DatabaseConfigurationError) as caught:
        raise_if_environment_failed(job, result)
    assert caught.value.message.startswith("env.py failed before any revision ran (env.py, line 5): URLError: ")
    assert "vault.invalid:8200" in caught.value.hint
    assert "--allow-network" not in caught.value.hint
    assert "has no network" not in caught.value.message


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_variables_that_are_not_there(run: Run) -> None:
    """Names that the project's own files asked for and nobody has set are reported; those of libraries are not."""
    prepare = """
    os.environ.get("SHOP_REGION"), os.getenv("SHOP_ZONE", "x"), "SHOP_COUNTRY" in os.environ
    os.environ["SHOP_SECRET"]
    """
    result = run(prepare=prepare)
    assert result.error is not None
    assert result.variables == ("SHOP_REGION", "SHOP_ZONE", "SHOP_COUNTRY", "SHOP_SECRET")
    names = ", ".join(result.variables)
    assert _said_of(result)[1] == f"it read variables that are not set ({names}): set them with --env NAME=VALUE"


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_other_sockets_are_covered(run: Run, tmp_path: Path) -> None:
    """A driver that is not led to the sandbox does not get to another server's socket either."""
    other = embedded.start(18, tmp_path, settings={"fsync": "off"})
    prepare = ELSEWHERE.format(f"host={other.socket_directory} user=postgres dbname=postgres")
    result = run('create_engine("postgresql+psycopg://", creator=elsewhere)', prepare)
    embedded.stop(18, tmp_path, force=True)
    assert result.error is not None
    assert result.error.kind in {"exception", "elsewhere"}  # the latter where the system gives no namespaces
    assert not result.runs


def test_the_file_behind_an_error(run: Run) -> None:
    """The place of an error is a line of the project, not of compiled code, and a missing key is called one."""
    compiled = "exec(compile(\"def look(row): return row['kind']\", 'lib/some/_compiled.py', 'exec'), globals())"
    result = run(prepare="", upgrade=f"{compiled}\nlook({{}})")

    for error in (result.error, result.runs[0].error):
        assert error is not None
        assert Path(str(error.path)).name == "r1.py"
        assert described(error) == "KeyError: 'kind' (r1.py, line 12)"


def test_an_installed_project_without_an_address(empty_url: str, tmp_path: Path) -> None:
    """An env.py among the installed packages is the project's as well, and is told how it gets the address."""
    folder = tmp_path / "site-packages" / "shop" / "versions"
    folder.mkdir(parents=True)
    history = History(folder)
    history.add("r1", None, "pass")
    config = history.plain_ini()
    text = ENV.format(engine='create_engine("sqlite:///shop.db")', prepare="")
    (config.parent / "env.py").write_text(text, encoding="utf-8")
    job = AgentJob(config=config, connection=Connection.parse(empty_url), command="upgrade", trace=False)
    result = run_agent(job, timeout=60)

    with pytest.raises(DatabaseConfigurationError) as caught:
        raise_if_environment_failed(job, result)
    assert caught.value.message.endswith("refused a connection to sqlite: only Postgres can be analyzed")
    assert caught.value.message.startswith("env.py failed before any revision ran (env.py, line ")
    assert "name the variable with --env NAME" in str(caught.value.hint)
