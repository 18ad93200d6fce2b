"""What can be wrong around an upgrade: each gets one line of what and one line of how, and no traceback."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import create_engine

from adapter.outbound.postgres.url import DatabaseURL
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, alembic_config, process_environment, run

pytestmark = pytest.mark.one_major


def fails(*arguments: str, url: str | None, exit_code: int = 255) -> str:
    """Run a command that must fail, and give what it says."""
    result = run(*arguments, url=url)
    assert result.returncode == exit_code, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    said = result.stdout + result.stderr
    assert "hint: " in said
    return said


def test_server_not_reachable() -> None:
    """Where no server answers, the URL is named, without its password."""
    said = fails("alembic", "upgrade", "head", url="postgresql://ana:s3cret@127.0.0.1:1/shop")

    assert "No Postgres server answers at postgresql://ana:***@127.0.0.1:1/shop" in said
    assert "s3cret" not in said
    assert "correct DATABASE_URL (set in the environment)" in said
    option = "url=postgresql://ana:s3cret@127.0.0.1:1/shop"
    assert "correct the URL of this call (-x url=" in fails("alembic", "-x", option, "current", url="")


def test_host_that_does_not_exist() -> None:
    """A host name without an address is a server that does not answer."""
    assert "No Postgres server answers" in fails("alembic", "current", url="postgresql://nowhere.invalid/shop")


def test_database_missing(server: Server) -> None:
    """A database that does not exist gets the statement that creates it."""
    said = fails("alembic", "upgrade", "head", url=server.url("no_such_database"))

    assert "The database does not exist" in said
    assert 'CREATE DATABASE "no_such_database"; or correct DATABASE_URL (set in the environment)' in said


def test_wrong_password(server: Server, empty_url: str) -> None:
    """A wrong password is called that, and not shown."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        hba = Path(row[0])
        connection.execute("DROP ROLE IF EXISTS with_password")
        connection.execute("CREATE ROLE with_password LOGIN PASSWORD 'right'")
        before = hba.read_text(encoding="utf-8")
        hba.write_text(f"local all with_password scram-sha-256\n{before}", encoding="utf-8")
        try:
            connection.execute("SELECT pg_reload_conf()")
            url = empty_url.replace("://postgres@", "://with_password:wr0ng@")
            said = fails("alembic", "current", url=url)
        finally:
            hba.write_text(before, encoding="utf-8")
            connection.execute("SELECT pg_reload_conf()")

    assert "refused the login" in said
    assert "wr0ng" not in said


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("role", "message", "remedy"),
    [
        ("CONNECTION LIMIT 0 LOGIN", "has no free connection", 'ALTER ROLE "kept_out" CONNECTION LIMIT -1;'),
        ("NOLOGIN", "refused the login", 'ALTER ROLE "kept_out" LOGIN;'),
    ],
)
def test_role_that_may_not_connect(server: Server, empty_url: str, role: str, message: str, remedy: str) -> None:
    """A role without LOGIN, or with no connection left, gets the statement that admits it, from both commands."""
    url = empty_url.replace(f"://{server.user}", "://kept_out")
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE kept_out {role} PASSWORD 'right'".encode())
        try:
            texts = [
                fails("alembic", "current", url=url),
                fails("adapter.inbound.cli.migrate", "status", url=url, exit_code=3),
            ]
        finally:
            connection.execute("DROP ROLE kept_out")

    for text in texts:
        assert message in text
        assert remedy in text


def test_pgvector_not_on_the_server(server: Server, empty_url: str) -> None:
    """A server without pgvector is told from a role without permission, and the package is named."""
    if server.major < 18:
        # Only 18 can hide an extension from one database; the server's message is the same on 16.
        with psycopg.connect(empty_url) as connection, pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
            connection.execute("CREATE EXTENSION nothing_like_this")
        assert 'extension "nothing_like_this" is not available' in str(caught.value)
        return
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE hexalembic_empty SET extension_control_path = '/nonexistent'")
    said = fails("alembic", "upgrade", "head", url=empty_url)

    assert "pgvector is not installed on the server" in said
    assert "postgresql-<major>-pgvector" in said


def test_no_permission_to_create_the_extension(server: Server, empty_url: str) -> None:
    """A role that may not create the extension gets the one line that an administrator runs; then it works."""
    with psycopg.connect(empty_url, autocommit=True) as administrator:
        administrator.execute("DROP ROLE IF EXISTS owner_without_superuser")
        administrator.execute("CREATE ROLE owner_without_superuser LOGIN")
        administrator.execute("ALTER DATABASE hexalembic_empty OWNER TO owner_without_superuser")
        url = empty_url.replace("://postgres@", "://owner_without_superuser@")
        said = fails("alembic", "upgrade", "head", url=url)

        assert "may not create the extension" in said
        assert "An administrator runs once, in database hexalembic_empty: CREATE EXTENSION vector;" in said

        administrator.execute("CREATE EXTENSION vector")
    assert run("alembic", "upgrade", "head", url=url).returncode == 0
    assert server.name


def test_no_permission_on_the_schema(empty_url: str) -> None:
    """A role that may not create tables gets the grant for what it lacks of the schema, and for no more."""
    with psycopg.connect(empty_url, autocommit=True) as administrator:
        administrator.execute("DROP ROLE IF EXISTS guest")
        administrator.execute("CREATE ROLE guest LOGIN")
        url = empty_url.replace("://postgres@", "://guest@")
        said = fails("alembic", "upgrade", "head", url=url)
        assert "lacks a privilege (permission denied for schema public)" in said
        assert 'in database hexalembic_empty: GRANT CREATE ON SCHEMA "public" TO guest;' in said

        administrator.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        said = fails("alembic", "upgrade", "head", url=url)
        assert 'Role guest may not use schema "public" (no schema has been selected to create in)' in said
        assert 'GRANT USAGE, CREATE ON SCHEMA "public" TO guest;' in said


@pytest.mark.long
def test_no_permission_on_the_version_table(empty_url: str, history: History) -> None:
    """Each command says by which grants a role may read the version table, as status does, and upgrades write it."""
    history.add("r1", None, "pass")
    command.upgrade(history.config(empty_url), "head")
    url = empty_url.replace("://postgres@", "://ro@")
    table = '"public"."alembic_version"'
    ini = str(history.ini())
    enter = 'GRANT USAGE ON SCHEMA "public" TO ro; '
    with psycopg.connect(empty_url, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS ro; CREATE ROLE ro LOGIN")
        for before in ("", enter):
            for arguments in (("current",), ("check",), ("upgrade", "head")):
                said = fails("alembic", "-c", ini, *arguments, url=url)
                privileges = "SELECT, INSERT, UPDATE, DELETE" if arguments[0] == "upgrade" else "SELECT"
                assert f"Role ro may not read {table}, where database hexalembic_empty keeps which revisions" in said
                assert f"hint: Its owner runs there: {before}GRANT {privileges} ON {table} TO ro;" in said
                assert "CREATE" not in said
            owner.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        owner.execute(f"GRANT USAGE ON SCHEMA public TO ro; GRANT SELECT (version_num) ON {table} TO ro".encode())
        assert "r1" in run("alembic", "-c", ini, "current", url=url).stdout
        owner.execute("DROP OWNED BY ro; DROP ROLE ro")


def test_no_permission_of_a_revision(empty_url: str, history: History) -> None:
    """A revision that its role may not run gets the grant of the very privilege, also on the caller's connection."""
    history.add("r1", None, "op.execute('CREATE TABLE people (id int PRIMARY KEY)')")
    command.upgrade(history.config(empty_url), "head")
    history.add("r2", "r1", "op.execute('CREATE TABLE pets (owner int REFERENCES people)')")
    with psycopg.connect(empty_url, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN; GRANT CREATE ON SCHEMA public TO writer")
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version TO writer")
    url = empty_url.replace("://postgres@", "://writer@")
    granted = 'GRANT REFERENCES ON "public"."people" TO writer;'
    with pytest.raises(CommandError) as caught:
        command.upgrade(history.config(url), "head")
    assert granted in str(caught.value)
    config = history.config(url)
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(CommandError) as caught:
            command.upgrade(config, "head")
    engine.dispose()
    assert granted in str(caught.value)
    with psycopg.connect(empty_url, autocommit=True) as owner:
        owner.execute("DROP OWNED BY writer; DROP ROLE writer")


@pytest.mark.long
def test_database_ahead_of_the_code(empty_url: str, history: History) -> None:
    """A database at a revision that this code does not have is left alone, and the revision is named."""
    history.add("from_the_future", None, "op.execute('CREATE TABLE a ()')")
    command.upgrade(history.config(empty_url), "head")
    for arguments in (("upgrade", "head"), ("current",), ("check",), ("downgrade", "-1")):
        said = fails("alembic", *arguments, url=empty_url)

        assert "at revision from_the_future, which this code does not have" in said
        assert "alembic stamp --purge" in said


def test_several_heads(empty_url: str, history: History) -> None:
    """Two heads are named together with the command that merges them; `heads` still works."""
    history.add("r1", None, "pass")
    history.add("r2a", "r1", "pass")
    history.add("r2b", "r1", "pass")
    said = fails("alembic", "-c", str(history.ini()), "upgrade", "head", url=empty_url)

    assert "There are 2 heads" in said
    assert ' merge -m "merge r2' in said
    assert run("alembic", "-c", str(history.ini()), "upgrade", "heads", url=empty_url).returncode == 0


@pytest.mark.parametrize("driver", ["asyncpg"])
def test_driver_not_installed(empty_url: str, driver: str) -> None:
    """A driver that is not installed is named with the command that installs it."""
    code = f"import sys; sys.modules['{driver}'] = None; from alembic.config import main; main(['upgrade', 'head'])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env=process_environment(empty_url),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 255
    assert f"The package {driver} is not installed." in result.stdout
    assert "pip install -c constraints.txt -e ." in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://root@127.0.0.1/shop", "for 'mysql'"),
        ("postgresql+pg8000://127.0.0.1/shop", "the driver 'pg8000'"),
        ("nonsense", "no scheme"),
    ],
)
def test_url_that_cannot_work(url: str, said: str) -> None:
    """A URL of another kind of database, of another driver, or none at all is refused by name."""
    assert said in fails("alembic", "current", url=url)


def test_wrong_option() -> None:
    """A misspelled -x option is refused with those that exist."""
    said = fails("alembic", "-x", "lock_timout=1s", "upgrade", "head", url="postgresql://127.0.0.1:1/x")

    assert "no option -x lock_timout" in said


def test_x_url_wins(migrated_url: str) -> None:
    """`-x url=…` names the database of one call, whatever DATABASE_URL says."""
    result = run(
        "alembic", "-x", f"url={migrated_url}", "current", "--check-heads", url="postgresql://127.0.0.1:1/nowhere"
    )

    assert result.returncode == 0, result.stdout


def test_url_forms_reach_the_server(empty_url: str) -> None:
    """Both drivers connect by each spelling, with options, a name and a password that needs escaping."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS escaped")
        connection.execute("CREATE ROLE escaped LOGIN SUPERUSER PASSWORD 'p@s/s:w%d'")
    url = empty_url.replace("://postgres@", "+asyncpg://escaped:p%40s%2Fs%3Aw%25d@")
    url += "&sslmode=disable&application_name=a%20name&options=-c%20statement_timeout%3D77s&connect_timeout=5"
    command.upgrade(alembic_config(url), "8a6e05d1c2f4")
    with psycopg.connect(DatabaseURL.parse(url).libpq) as connection:
        found = connection.execute(
            "SELECT current_setting('statement_timeout'), current_setting('application_name'), version_num "
            "FROM alembic_version"
        ).fetchone()

    assert found == ("77s", "a name", "8a6e05d1c2f4")
