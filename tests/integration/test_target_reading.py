"""A target is read within timeouts, by a role that is told exactly what it lacks, and called what it is."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command

from adapter.outbound.migration.target.applied import read_applied
from adapter.outbound.migration.target.statistics import read_statistics
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.statistics import Statistics
from tests.conftest import Server
from tests.history import History
from tests.support import alembic_config, open_to_others, run

pytestmark = pytest.mark.one_major

READER = "reader_of_revisions"


@pytest.fixture
def reader(empty_url: str) -> Iterator[str]:
    """URL of a role that may connect to a database with a version table in a schema of an odd name."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {READER}; CREATE ROLE {READER} LOGIN")
        connection.execute('CREATE SCHEMA "My.Shop"; CREATE TABLE "My.Shop".alembic_version (version_num text)')
        connection.execute("""INSERT INTO "My.Shop".alembic_version VALUES ('r1')""")
        yield empty_url.replace("://postgres@", f"://{READER}@")
        connection.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}")


def refusal(url: str) -> DatabaseError:
    """Read the revisions of a target that must refuse."""
    with pytest.raises(DatabaseError) as caught:
        read_applied(DatabaseURL.parse(url))
    return caught.value


def test_what_the_role_lacks_is_granted_by_the_statement_in_the_hint(reader: str, empty_url: str) -> None:
    """The hint's statements are for exactly what is missing, and enough; there is no CREATE."""
    for grant in (
        f'GRANT USAGE ON SCHEMA "My.Shop" TO {READER}; GRANT SELECT ON "My.Shop"."alembic_version" TO {READER};',
        f'GRANT SELECT ON "My.Shop"."alembic_version" TO {READER};',
    ):
        error = refusal(reader)
        assert error.message.startswith(f'Role {READER} may not read "My.Shop"."alembic_version"')
        assert error.hint.endswith(f"Its owner runs there: {grant}")
        with psycopg.connect(empty_url) as owner:
            owner.execute(f'GRANT USAGE ON SCHEMA "My.Shop" TO {READER}')
    with psycopg.connect(empty_url) as owner:
        owner.execute(error.hint.partition(": ")[2].encode())

    assert read_applied(DatabaseURL.parse(reader)) == ("r1",)


@pytest.mark.long
def test_commands_say_it_too(empty_url: str, history: History) -> None:
    """`migrate status`, `analyze --target-url` and `alembic current` by a role without SELECT name the grant."""
    history.add("r1", None, "pass")
    command.upgrade(history.config(empty_url), "head")
    with psycopg.connect(empty_url) as owner:
        owner.execute(f"DROP ROLE IF EXISTS {READER}")
        owner.execute(f"CREATE ROLE {READER} LOGIN")
    url = empty_url.replace("://postgres@", f"://{READER}@")
    for result in (
        run("adapter.inbound.cli.migrate", "status", url=url),
        run("adapter.inbound.cli.migrate", "analyze", "--target-url", url, "-c", str(history.ini())),
    ):
        assert result.returncode == 3
        assert f'GRANT SELECT ON "public"."alembic_version" TO {READER};' in result.stderr
        assert "CREATE" not in result.stderr
    result = run("alembic", "current", url=url)
    assert f'GRANT SELECT ON "public"."alembic_version" TO {READER};' in result.stdout
    assert "CREATE" not in result.stdout


def test_a_version_table_that_is_locked_is_not_waited_for(reader: str, empty_url: str) -> None:
    """A deployment that holds the version table stops nothing for long, and is named."""
    with psycopg.connect(empty_url) as deployment:
        deployment.execute("SET application_name = 'a deployment'")
        deployment.execute('LOCK TABLE "My.Shop".alembic_version')
        pid = deployment.info.backend_pid
        begin = time.monotonic()
        error = refusal(empty_url)

        assert time.monotonic() - begin < 5
    assert f"is locked by process {pid} (user postgres, 'a deployment', idle in transaction since" in error.message
    assert reader


def test_a_name_without_a_schema_is_looked_up_in_the_search_path(empty_url: str) -> None:
    """Another application's version table is not read for it; a name with a schema may be elsewhere at the target."""
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE SCHEMA other; CREATE TABLE other.alembic_version (version_num text)")
        connection.execute("INSERT INTO other.alembic_version VALUES ('theirs')")
    url, in_other = DatabaseURL.parse(empty_url), DatabaseURL.parse(f"{empty_url}&options=-csearch_path%3Dother")

    assert read_applied(url, ["alembic_version"]) == ()
    assert read_applied(in_other, ["alembic_version"]) == ("theirs",)
    assert read_applied(url, ["public.alembic_version"]) == ("theirs",)


def test_status_does_not_wait(migrated_url: str) -> None:
    """`migrate status` gives up on a locked version table after seconds, and names who has locked it."""
    with psycopg.connect(migrated_url) as deployment:
        deployment.execute("LOCK TABLE alembic_version")
        pid = deployment.info.backend_pid
        result = run("adapter.inbound.cli.migrate", "status", url=migrated_url)

    assert result.returncode == 3
    assert result.stderr.startswith("error: The revisions of postgresql://")
    assert f"is locked by process {pid} " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("setting", "mend"),
    [
        ("DATABASE hexalembic_empty", "ALTER DATABASE hexalembic_empty RESET default_transaction_read_only;"),
        ("ROLE postgres", "ALTER ROLE postgres RESET default_transaction_read_only;"),
    ],
)
def test_read_only_by_a_setting(server: Server, empty_url: str, setting: str, mend: str) -> None:
    """A setting is called one, with the statement that undoes it; a standby is not spoken of."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER {setting} SET default_transaction_read_only = on".encode())
        try:
            result = run("alembic", "upgrade", "head", url=empty_url)
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER ROLE postgres RESET default_transaction_read_only")

    assert result.returncode == 255
    assert "default_transaction_read_only is on" in result.stdout
    assert mend in result.stdout
    assert "standby" not in result.stdout


@pytest.mark.long
def test_a_standby(server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A server in recovery is called a standby, with the primary as the way on; it is read as any other."""
    root = tmp_path_factory.mktemp("standby", numbered=True)
    root.chmod(0o755)
    running = embedded.start(server.major, root, settings={"fsync": "off"}, keep=True)
    try:
        command.upgrade(alembic_config(running.url()), "head")
        embedded.stop(server.major, root, force=True)
        (running.data_directory / "standby.signal").touch()
        embedded.start(server.major, root, settings={"fsync": "off"})
        status = run("adapter.inbound.cli.migrate", "status", url=running.url())
        written = run("alembic", "downgrade", "-1", url=running.url())
        product = run("adapter.inbound.cli.backend", "user", "register", "ana@example.org", "Ana", url=running.url())
    finally:
        embedded.stop(server.major, root, force=True)
        embedded.release(running)
    assert status.returncode == 0, status.stderr
    for said in (written.stdout, product.stderr):
        assert "is a standby, which only reads" in said
        assert "Use the URL of the primary" in said
        assert "Traceback" not in said


def test_one_file_that_cannot_be_measured(server: Server, empty_url: str) -> None:
    """A relation whose file is damaged has the size of its last ANALYZE, and is named; all others are read."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        for name in ("sound", "damaged"):  # autovacuum would add files to one of them
            rows = "SELECT g AS x FROM generate_series(1, 3000) g"
            connection.execute(f"CREATE TABLE {name} WITH (autovacuum_enabled = off) AS {rows}".encode())
        connection.execute("SELECT pg_stat_force_next_flush()")  # or what was counted before would be added later
        connection.execute("ANALYZE; CHECKPOINT")
        row = connection.execute(
            "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('damaged')"
        ).fetchone()
    assert row is not None
    file = Path(row[0])
    kept = file.rename(file.with_name("kept"))
    file.symlink_to(file)  # a circle
    try:
        text = run("adapter.inbound.cli.migrate", "stats", url=empty_url)
        found = read_statistics(DatabaseURL.parse(empty_url))
    finally:
        file.unlink()
        kept.rename(file)

    assert text.returncode == 0, text.stderr
    assert "not read: public.damaged (could not stat file" in text.stdout
    assert found.unread.keys() == {"public.damaged"}
    assert found["public.damaged"].rows == found["public.sound"].rows >= 3000
    assert found["public.damaged"].bytes == found["public.sound"].bytes
    assert Statistics.from_json(found.to_json()).unread == found.unread
    assert server.name


@pytest.mark.long
def test_extensions_that_cannot_be_read(server: Server, migrated_url: str, tmp_path: Path) -> None:
    """The control file of somebody else's extension that is damaged costs what the server offers, not the report."""
    if server.major < 18:
        return  # only 18 can be given another folder of extensions
    folder = tmp_path / "extension"
    folder.mkdir()
    (folder / "broken.control").write_text("comment = 'not closed\n")
    open_to_others(tmp_path)
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET extension_control_path = '{tmp_path}:$system'".encode())
        stats = run("adapter.inbound.cli.migrate", "stats", url=migrated_url)
        status = run("adapter.inbound.cli.migrate", "status", url=migrated_url)
        connection.execute(f"ALTER DATABASE {name} RESET extension_control_path".encode())

    assert stats.returncode == status.returncode == 0, stats.stderr + status.stderr
    assert "not read: extensions on offer (syntax error in file" in stats.stdout
    assert "public.users" in stats.stdout
    assert "not read: the extensions on offer (syntax error in file" in status.stdout
    assert "drift     none" in status.stdout
    assert "pgvector  0.8." in status.stdout
