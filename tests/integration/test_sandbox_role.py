"""`--sandbox-url`: the role reaches the sandbox's own databases only, by privileges; another is refused."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.sandbox.guest import GuestSandbox
from adapter.outbound.migration.sandbox.names import PREFIX
from adapter.outbound.migration.sandbox.role import UnfitRoleError
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.url import DatabaseURL
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

PASSWORD = "a password of its own"  # noqa: S105 - of a server that is thrown away


@pytest.fixture(scope="module", params=[18, 16])
def stock(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server as it is after initdb, with an application's database and role."""
    root = Path(tempfile.mkdtemp(prefix="hx"))
    running = embedded.start(request.param, root, settings={"fsync": "off"})
    server = Server(str(request.param), str(running.socket_directory), running.port, running.user, None)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE shop LOGIN")
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute('CREATE DATABASE "the shop" OWNER shop')
    with psycopg.connect(server.url("the shop")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT generate_series(1, 100) AS id; GRANT ALL ON orders TO PUBLIC")
    yield server
    embedded.stop(request.param, root, force=True)
    embedded.release(running)
    shutil.rmtree(root, ignore_errors=True)


def migrate(url: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `migrate analyze` with a sandbox on that server."""
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "--sandbox-url", url]
    return subprocess.run(
        [*command, "--rows", "50", *map(str, arguments)],
        cwd=PROJECT_ROOT,
        env=process_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def run(url: str, *statements: str) -> None:
    """Run statements, each by itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def databases(server: Server) -> set[str]:
    """Name the databases of a server."""
    with psycopg.connect(server.url()) as connection:
        return {str(name) for (name,) in connection.execute("SELECT datname FROM pg_database")}


def printed_statements(said: str) -> list[str]:
    """Find the statements in an error: they stand by themselves, indented."""
    return [line.strip().replace("'…'", f"'{PASSWORD}'") for line in said.splitlines() if line.startswith("  ")]


@pytest.fixture(scope="module")
def guest(stock: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the role that the printed statements make, and nothing else."""
    history = History(tmp_path_factory.mktemp("versions"))
    history.add("r1", None, "pass")
    result = migrate(stock.url(), "r1", "-c", history.plain_ini())
    assert result.returncode == 2
    assert "the role 'postgres' of --sandbox-url is a superuser" in result.stderr
    statements = printed_statements(result.stderr)
    assert [" ".join(statement.split()[:2]) for statement in statements] == [
        "CREATE ROLE",
        "CREATE DATABASE",
        "REVOKE CONNECT",
        "GRANT CONNECT",
        "CREATE DATABASE",
    ]
    run(stock.url(), *statements)
    run(stock.url("hexalembic_sandbox_base"), "CREATE EXTENSION vector")
    return replace(stock, user="hexalembic_sandbox", password=PASSWORD).url("hexalembic_sandbox")


@pytest.mark.long
def test_the_printed_statements_suffice(stock: Server, guest: str, history: History) -> None:
    """The role that they make is taken, pgvector is there, and no database is left: no template either."""
    before = databases(stock)
    history.add("r1", None, 'op.execute("CREATE EXTENSION IF NOT EXISTS vector")')
    history.add("r2", "r1", 'op.execute("CREATE TABLE t (id int PRIMARY KEY, v vector(3) NOT NULL)")')
    history.add("r3", "r2", 'op.execute("CREATE INDEX ON t USING hnsw (v vector_l2_ops)")')
    result = migrate(guest, "base:heads", "-c", history.plain_ini(), "--fail-on", "never")
    assert result.returncode == 0, result.stderr
    assert "UNSAFE  r3" in result.stdout
    assert databases(stock) == before


def test_others_still_connect(stock: Server, guest: str) -> None:
    """The statements shut nobody out but the sandbox's role."""
    with psycopg.connect(replace(stock, user="reader").url("the shop")) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (100,)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(DatabaseURL.parse(guest).with_database("the shop").libpq)


def test_settings_of_other_roles(stock: Server, guest: str) -> None:
    """What others set for their roles while a revision runs is no difference of its catalog, as its own would be."""
    statement = "ALTER ROLE {} SET work_mem = '5MB'"
    with psycopg.connect(guest, autocommit=True) as connection:
        before = snapshot(connection)
        run(stock.url(), statement.format("shop"), statement.format("ALL"))
        assert snapshot(connection) == before
        connection.execute(statement.format("CURRENT_USER").encode())
        assert "work_mem of hexalembic_sandbox" in str(snapshot(connection))
        connection.execute("ALTER ROLE CURRENT_USER RESET ALL")
    run(stock.url(), "ALTER ROLE shop RESET ALL", "ALTER ROLE ALL RESET ALL")


def test_settings_that_a_revision_left(stock: Server, guest: str) -> None:
    """A sandbox resets what revisions before it have set for the role, and not what one in another sandbox sets now."""

    def count() -> int:
        with psycopg.connect(stock.url()) as connection:
            return len(connection.execute("SELECT FROM pg_db_role_setting WHERE setdatabase = 0").fetchall())

    with GuestSandbox(guest):
        run(guest, "ALTER ROLE CURRENT_USER SET work_mem = '5MB'")
        with GuestSandbox(guest):
            assert count() == 1
    assert count() == 1
    with GuestSandbox(guest):
        assert count() == 0


# What makes the role unfit, what undoes that, and what is said.
UNFIT = {
    "CREATEROLE": ("may create roles", "ALTER ROLE hexalembic_sandbox NOCREATEROLE"),
    "BYPASSRLS": ("may bypass row security", "ALTER ROLE hexalembic_sandbox NOBYPASSRLS"),
    "REPLICATION": ("may replicate", "ALTER ROLE hexalembic_sandbox NOREPLICATION"),
    "SUPERUSER": ("is a superuser", "ALTER ROLE hexalembic_sandbox NOSUPERUSER"),
    "NOCREATEDB": ("may not create databases", "ALTER ROLE hexalembic_sandbox CREATEDB"),
    **{
        f"GRANT {role} TO": (f"is a member of .*{role}", f"REVOKE {role} FROM hexalembic_sandbox")
        for role in (
            "pg_execute_server_program",
            "pg_read_server_files",
            "pg_write_server_files",
            "pg_signal_backend",
            "pg_read_all_data",
            "pg_write_all_data",
            "pg_create_subscription",
            "postgres",
        )
    },
    "GRANT shop TO": ("owns the shop", "REVOKE shop FROM hexalembic_sandbox"),
    'GRANT CONNECT ON DATABASE "the shop" TO': (
        "may connect to the shop",
        'REVOKE CONNECT ON DATABASE "the shop" FROM hexalembic_sandbox',
    ),
    "CREATE DATABASE newcomer": ("may connect to newcomer", "DROP DATABASE newcomer"),
}


@pytest.mark.parametrize("change", UNFIT)
def test_unfit_roles_are_refused(stock: Server, guest: str, change: str) -> None:
    """A role that may do more, or too little, is refused before anything is made; a fitting one is not."""
    said, undo = UNFIT[change]
    if change.startswith("CREATE DATABASE"):
        statement = change
    else:
        statement = f"{change} hexalembic_sandbox" if " " in change else f"ALTER ROLE hexalembic_sandbox {change}"
    run(stock.url(), statement)
    before = databases(stock)
    try:
        with pytest.raises(UnfitRoleError, match=said) as raised:
            GuestSandbox(guest)
        assert raised.value.exit_code == 2
        assert PASSWORD not in str(raised.value)
        assert databases(stock) == before
    finally:
        run(stock.url(), undo)
    GuestSandbox(guest).close()


def test_a_role_of_an_application_is_refused(stock: Server, guest: str) -> None:
    """The usual role of a developer, which owns the real database and may create others, is none for a sandbox."""
    run(stock.url(), "ALTER ROLE shop CREATEDB")
    with pytest.raises(UnfitRoleError, match="owns the shop"):
        GuestSandbox(replace(stock, user="shop").url("the shop"))
    assert guest


ATTACKS = [
    '-- note\nDROP DATABASE "the shop"',
    '/**/ DROP DATABASE "the shop" WITH (FORCE)',
    '; ALTER DATABASE "the shop" RENAME TO gone',
    'ALTER DATABASE "the shop" OWNER TO CURRENT_USER',
    "ALTER DATABASE \"the shop\" SET search_path = 'nowhere'",
    'CREATE DATABASE copied TEMPLATE "the shop"',
    "/**/ALTER SYSTEM SET work_mem = '5MB'",
    "SELECT 1; ALTER ROLE shop NOLOGIN",
    "-- note\nCREATE ROLE mine SUPERUSER",
    "DO $$ BEGIN EXECUTE 'CREATE ' || 'ROLE mine'; END $$",
    "GRANT shop TO CURRENT_USER",
    "GRANT pg_read_all_data TO CURRENT_USER",
    "REASSIGN OWNED BY shop TO CURRENT_USER",
    "DROP OWNED BY shop",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/hexalembic'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE FOREIGN DATA WRAPPER far",
    "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "CREATE LANGUAGE plpython3u",
    "SELECT pg_create_physical_replication_slot('mine')",
    "SELECT pg_reload_conf()",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_privileges_refuse_what_reaches_beyond(stock: Server, guest: str, attack: str) -> None:
    """Whatever its text looks like, a statement reaches nothing outside of the sandbox's own databases."""
    with GuestSandbox(guest) as sandbox, pytest.raises(psycopg.Error) as refused:
        run(sandbox.create(), attack)
    assert refused.value.sqlstate in {"42501", "0A000", "58P01"}, refused.value
    assert "the shop" in databases(stock)


def test_sessions_of_others_are_not_ended(stock: Server, guest: str) -> None:
    """The sandbox's role ends sessions of its own only."""
    with psycopg.connect(replace(stock, user="shop").url("the shop")) as other, GuestSandbox(guest) as sandbox:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(sandbox.create(), f"SELECT pg_terminate_backend({other.info.backend_pid})")
        assert other.execute("SELECT count(*) FROM orders").fetchone() == (100,)


def test_revisions_that_reach_beyond_are_not_judged(stock: Server, guest: str, history: History) -> None:
    """The report says what the sandbox's role may not do; a database that a revision made is gone."""
    before = databases(stock)
    history.add("r1", None, 'op.execute("/* of the team */ CREATE ROLE team")')
    result = migrate(guest, "r1", "-c", history.plain_ini())
    assert result.returncode == 1
    assert "not-in-sandbox" in result.stdout
    assert "permission denied to create role" in result.stdout
    assert databases(stock) == before


def test_databases_of_revisions_are_dropped(stock: Server, guest: str) -> None:
    """A database that a revision made goes with the sandbox, and what was there before stays."""
    before = databases(stock)
    with GuestSandbox(guest) as sandbox:
        run(sandbox.create(), "/**/ CREATE DATABASE stray")
        assert "stray" in databases(stock)
    assert databases(stock) == before


def test_templates_live_as_long_as_the_last_sandbox(stock: Server, guest: str) -> None:
    """Templates are shared by the sandboxes of a moment; the last one drops them, or the next one after a kill."""
    before = databases(stock)
    with GuestSandbox(guest) as first:
        with GuestSandbox(guest) as second:
            second.save_template(second.create(), "key")
        assert first.has_template("key")
        assert first.create("key")
    assert databases(stock) == before
    killed = GuestSandbox(guest)
    killed.save_template(killed.create(), "key")
    killed._connection.close()  # noqa: SLF001 - as a process that is killed leaves it
    with GuestSandbox(guest) as sandbox:
        assert not sandbox.has_template("key")
    assert databases(stock) == before
    killed.close()


@pytest.mark.long
def test_a_database_that_stays_is_said(stock: Server, guest: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a database cannot be dropped, one line says which and why; the next sandbox that can drops it."""
    before = databases(stock)
    with GuestSandbox(guest) as sandbox:
        name = DatabaseURL.parse(sandbox.create()).database
        administrator = psycopg.connect(stock.url(name))
    said = capsys.readouterr().err
    assert said.startswith(f"warning: the database {name} was left: ")
    assert said.endswith("; the next sandbox on this server drops it\n")
    assert said.count("\n") == 1
    assert databases(stock) == before | {name}
    administrator.close()
    run(
        stock.url(), f'ALTER DATABASE "{name}" RENAME TO "{PREFIX}{"0" * 8}{name[len(PREFIX) + 8 :]}"'
    )  # another host's
    GuestSandbox(guest).close()
    assert databases(stock) == before
