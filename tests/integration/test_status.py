"""`migrate status`: the database beside the code, in one screen."""

import json
from typing import Any

import psycopg
import pytest
from alembic import command

from adapter.outbound.migration.catalog.inspector import snapshot
from tests.conftest import Server
from tests.history import History
from tests.support import alembic_config, run

pytestmark = pytest.mark.one_major


def status(url: str) -> dict[str, Any]:
    """Ask for the status as a program would."""
    result = run("adapter.inbound.cli.migrate", "status", "--format", "json", url=url)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_at_head(migrated_url: str) -> None:
    """At head nothing is pending, invalid or different, and pgvector has a version."""
    found = status(migrated_url)

    assert found["current"] == found["heads"]
    assert (found["pending"], found["invalid_indexes"], found["drift"], found["problems"]) == ([], [], [], [])
    assert found["extension"].startswith("0.8.")


def test_empty_database(empty_url: str) -> None:
    """Before the first upgrade everything is pending, and `--check` says so by its exit code."""
    found = status(empty_url)

    assert found["current"] == []
    assert found["pending"][0]["message"].startswith("Foundation")
    assert found["drift"] is None
    assert run("adapter.inbound.cli.migrate", "status", "--check", url=empty_url).returncode == 1


def test_half_way(migrated_url: str) -> None:
    """Between base and head the pending revisions are listed in the order in which they would run."""
    command.downgrade(alembic_config(migrated_url), "-2")

    assert [revision["message"] for revision in status(migrated_url)["pending"]] == [
        "Audit trail: its table and its function.",
        "Audit trail: its triggers.",
    ]


def test_drift_and_invalid_index(migrated_url: str) -> None:
    """What somebody changed by hand, and what an interrupted build left, is listed with what mends it."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN nickname text")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_orders_user_id'::regclass")
    found = status(migrated_url)

    assert found["invalid_indexes"] == ["public.idx_orders_user_id"]
    assert any("users" in line and "nickname" in line for line in found["drift"])
    assert any("REINDEX INDEX CONCURRENTLY public.idx_orders_user_id" in line for line in found["problems"])
    text = run("adapter.inbound.cli.migrate", "status", url=migrated_url)
    assert "nickname" in text.stdout
    assert "\x1b[" not in text.stdout  # colors reach terminals only


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP TRIGGER trg_users_set_updated_at ON users", "trg_users_set_updated_at"),
        ("ALTER TABLE users DISABLE TRIGGER trg_users_set_updated_at", "trg_users_set_updated_at"),
        ("ALTER FUNCTION set_updated_at() SECURITY DEFINER", "set_updated_at"),
        ("ALTER TABLE users ALTER COLUMN is_deleted DROP EXPRESSION", "is_deleted"),
    ],
)
def test_drift_that_autogenerate_has_no_operation_for(migrated_url: str, change: str, said: str) -> None:
    """The catalog is compared with what `create_all` makes, and nothing is left of that."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(change)
        before = snapshot(connection)
        found = status(migrated_url)
        assert snapshot(connection) == before

    assert any(said in line for line in found["drift"]), found["drift"]
    assert all("hexalembic" not in line for line in found["drift"])


@pytest.mark.long
@pytest.mark.parametrize("may_create", [False, True])
def test_drift_seen_by_another_role(migrated_url: str, may_create: bool) -> None:
    """A role that may not create a schema compares as well, and whose the objects are is no drift for any role."""
    narrow = migrated_url.replace("://postgres@", "://reader_of_drift@")
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader_of_drift LOGIN")
        try:
            connection.execute("GRANT SELECT ON alembic_version TO reader_of_drift")
            if may_create:
                name = connection.info.dbname
                connection.execute(f'GRANT CREATE ON DATABASE "{name}" TO reader_of_drift'.encode())
            assert status(narrow)["drift"] == []
            connection.execute("ALTER TABLE users DISABLE TRIGGER trg_users_set_updated_at")
            connection.execute("ALTER FUNCTION set_updated_at() SECURITY DEFINER")
            found = status(narrow)["drift"]
        finally:
            connection.execute("DROP OWNED BY reader_of_drift; DROP ROLE reader_of_drift")

    assert any("trg_users_set_updated_at: enabled is disabled" in line for line in found), found
    assert any("set_updated_at()" in line and "definer" in line.lower() for line in found), found
    assert all("pg_temp" not in line and "hexalembic" not in line for line in found)


def test_ahead(empty_url: str, history: History) -> None:
    """A database at a revision that the code does not have is called ahead, not pending."""
    history.add("from_the_future", None, "op.execute('CREATE TABLE a ()')")
    command.upgrade(history.config(empty_url), "head")
    found = status(empty_url)

    assert found["unknown"] == ["from_the_future"]
    assert found["pending"] == []
    assert "ahead of the code" in found["problems"][0]


def test_no_server() -> None:
    """Without a server there are two lines and exit code 3."""
    result = run("adapter.inbound.cli.migrate", "status", url="postgresql://ana:s3cret@127.0.0.1:1/shop")

    assert result.returncode == 3
    assert result.stderr.startswith("error: No Postgres server answers at postgresql://ana:***@127.0.0.1:1/shop")
    assert "Traceback" not in result.stderr
    assert "s3cret" not in result.stderr


def test_up(empty_url: str) -> None:
    """`migrate up` is `alembic upgrade head`, log lines included, and shows what came of it, drift included."""
    result = run("adapter.inbound.cli.migrate", "up", url=empty_url)

    assert result.returncode == 0, result.stderr
    assert "Running upgrade d8e3572ba96f -> 05f9c1d63e84" in result.stderr
    assert "(head)" in result.stdout
    assert "drift     none: models and database agree" in result.stdout
    assert "Try next:" in result.stdout

    with psycopg.connect(empty_url) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN nickname text")
    result = run("adapter.inbound.cli.migrate", "up", url=empty_url)

    assert (result.returncode, "Running upgrade" in result.stderr) == (0, False)
    assert "remove column users.nickname" in result.stdout


def test_up_without_a_server() -> None:
    """What fails in env.py comes out as two lines and an exit code here, too."""
    result = run("adapter.inbound.cli.migrate", "up", url="postgresql://ana:s3cret@127.0.0.1:1/shop")

    assert result.returncode == 3
    assert "error: No Postgres server answers" in result.stderr
    assert "hint: Start the server" in result.stderr
    assert "Traceback" not in result.stderr


def test_database_in_sql_ascii(server: Server) -> None:
    """A database without an encoding of its own is migrated and read as any other; psycopg gave bytes for its texts."""
    name = "hexalembic_sql_ascii"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0".encode())
        try:
            command.upgrade(alembic_config(server.url(name)), "head")
            result = run("adapter.inbound.cli.migrate", "status", "--format", "json", url=server.url(name))
        finally:
            connection.execute(f"DROP DATABASE {name} (FORCE)".encode())

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["current"] == found["heads"]
    assert found["drift"] == []
