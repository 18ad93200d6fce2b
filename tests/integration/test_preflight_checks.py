"""The checks of a preflight, each on a server where what it looks for is there, and on one where it is not."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.target.journal.database import DatabaseJournal
from adapter.outbound.migration.target.preflight import SessionChecks, all_checks, connections_left
from adapter.outbound.migration.target.preflight import long_transactions as long_transactions_check
from adapter.outbound.migration.target.preflight import old_snapshots as old_snapshots_check
from adapter.outbound.migration.target.preflight import replication as replication_check
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.embedded.place import EmbeddedServer
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.plan import Part, PartKind, Plan
from domain.migration.deployment.preflight import Finding, Outcome
from domain.migration.errors import JournalError
from domain.migration.locks import LockMode
from tests.conftest import Server
from tests.integration.pgbouncer import pgbouncer
from tests.unit.adapter.test_file_journal import ENTRIES
from tests.unit.domain.migration.deployment.plans import lock, plan, planned

SHOPS = "public.shops"
ALTERS = plan(planned("a1", lock(SHOPS)))
WRITES = plan(planned("a1", lock(SHOPS, LockMode.ROW_EXCLUSIVE)))
BUILDS = plan(
    planned(
        "a1",
        lock(SHOPS, LockMode.SHARE_UPDATE_EXCLUSIVE),
        parts=(Part(PartKind.AUTOCOMMIT, 1, 1, concurrent=True),),
    )
)
_SETTINGS = {
    "fsync": "off",
    "max_prepared_transactions": "5",
    "wal_level": "logical",
    "max_connections": "30",
    "autovacuum_naptime": "1",
}


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server of the test's own, with a table of shops, where prepared transactions and replication are possible."""
    root = tmp_path_factory.mktemp("preflight")
    root.chmod(0o755)
    started = embedded.start(request.param, root, settings=_SETTINGS)
    with psycopg.connect(started.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE shops (id integer PRIMARY KEY, name text) WITH (autovacuum_enabled = off)")
        connection.execute("CREATE TABLE other (id integer) WITH (autovacuum_enabled = off)")
        connection.execute("CREATE ROLE owner LOGIN; CREATE ROLE guest LOGIN; CREATE ROLE blind LOGIN")
        connection.execute("GRANT pg_read_all_stats TO guest; ALTER TABLE shops OWNER TO owner")
    yield started
    embedded.stop(request.param, root, force=True)
    embedded.release(started)


both_majors = pytest.mark.parametrize("running", [18, 16], indirect=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every transaction is long, so that no test waits for it to become so."""
    monkeypatch.setattr(long_transactions_check, "_LONG", 0.0)
    monkeypatch.setattr(old_snapshots_check, "_LONG", 0.0)


def url_of(running: EmbeddedServer, user: str) -> str:
    """Return the URL of the server for a role."""
    return running.url().replace("postgres@", f"{user}@", 1)


def checked(url: str, wanted: Plan | None = ALTERS) -> dict[str, list[Finding]]:
    """Return the findings by check."""
    found: dict[str, list[Finding]] = {}
    for finding in SessionChecks(DatabaseURL.parse(url)).run(wanted):
        found.setdefault(finding.check, []).append(finding)
    return found


@contextmanager
def session(running: EmbeddedServer, statement: str, **more: Any) -> Iterator[psycopg.Connection[Any]]:
    """Open a session that has run a statement in a transaction."""
    with psycopg.connect(running.url(), **more) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


@both_majors
@pytest.mark.parametrize("wanted", [ALTERS, BUILDS, plan(), None])
def test_a_quiet_server_passes_each_check(running: EmbeddedServer, wanted: Plan | None) -> None:
    """With a plan and without one, each check says what it found in order."""
    found = checked(running.url(), wanted)
    assert [*found] == [module.CODE for module in all_checks()]
    assert {finding.outcome for findings in found.values() for finding in findings} == {Outcome.PASSED}


@both_majors
@pytest.mark.usefixtures("at_once")
def test_an_idle_transaction_in_the_way(running: EmbeddedServer) -> None:
    """Who holds the table is named with the statement that ends it; a lock that does not conflict is no matter."""
    with session(running, "SELECT count(*) FROM shops", application_name="report") as other:
        (finding,) = checked(running.url())["long-transactions"]
        assert finding.outcome is Outcome.FAILED
        assert SHOPS in finding.message
        assert "'report'" in finding.message
        assert "idle in transaction" in finding.message
        assert f"pg_terminate_backend({other.info.backend_pid})" in finding.remedy
        assert checked(running.url(), WRITES)["long-transactions"][0].outcome is Outcome.PASSED
    with session(running, "SELECT count(*) FROM other"):
        assert checked(running.url())["long-transactions"][0].outcome is Outcome.PASSED


@both_majors
@pytest.mark.usefixtures("at_once")
def test_a_working_transaction_may_end_soon(running: EmbeddedServer) -> None:
    """A query that runs is a warning."""
    other = psycopg.connect(running.url(), autocommit=True)
    other.pgconn.send_query(b"SELECT pg_sleep(60) FROM (SELECT count(*) FROM shops) s")
    with psycopg.connect(running.url(), autocommit=True) as watching:
        for _ in range(300):
            if watching.execute("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone() is not None:
                break
            watching.execute("SELECT pg_sleep(0.1)")
        (finding,) = checked(running.url())["long-transactions"]
        watching.execute("SELECT pg_terminate_backend(%s)", (other.info.backend_pid,))
    other.close()
    assert finding.outcome is Outcome.WARNING
    assert "pg_sleep" in finding.message


@both_majors
@pytest.mark.usefixtures("at_once")
def test_a_prepared_transaction_in_the_way(running: EmbeddedServer) -> None:
    """It has no session, and is ended by its name."""
    with psycopg.connect(running.url(), autocommit=True) as connection:
        connection.execute("BEGIN; INSERT INTO shops VALUES (1); PREPARE TRANSACTION 'half''done'")
        connection.execute("BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'elsewhere'")
        try:
            (finding,) = checked(running.url())["long-transactions"]
        finally:
            connection.execute("ROLLBACK PREPARED 'half''done'")
            connection.execute("ROLLBACK PREPARED 'elsewhere'")
    assert finding.outcome is Outcome.FAILED
    assert finding.remedy == "ROLLBACK PREPARED 'half''done'"
    assert "other" not in finding.message


@both_majors
@pytest.mark.usefixtures("at_once")
def test_old_snapshots_matter_to_concurrent_builds_only(running: EmbeddedServer) -> None:
    """A snapshot that reads another table keeps a build waiting, and an ALTER not."""
    with session(running, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other"):
        (finding,) = checked(running.url(), BUILDS)["old-snapshots"]
        assert finding.outcome is Outcome.WARNING
        assert checked(running.url(), ALTERS)["old-snapshots"][0].outcome is Outcome.PASSED


@both_majors
def test_a_running_dump(running: EmbeddedServer) -> None:
    """A session of pg_dump stops the deployment."""
    with session(running, "SELECT 1", application_name="pg_dump"):
        (finding,) = checked(running.url())["running-dump"]
    assert finding.outcome is Outcome.FAILED


@both_majors
def test_an_invalid_index(running: EmbeddedServer) -> None:
    """It is built again; what REINDEX CONCURRENTLY left is dropped."""
    with psycopg.connect(running.url(), autocommit=True) as connection:
        connection.execute("CREATE INDEX lost ON other (id); CREATE INDEX lost_ccnew1 ON other (id)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE 'lost%'")
        found = checked(running.url())["invalid-indexes"]
        connection.execute("DROP INDEX lost, lost_ccnew1")
    assert [finding.remedy for finding in found] == [
        "REINDEX INDEX CONCURRENTLY public.lost",
        "DROP INDEX CONCURRENTLY public.lost_ccnew1",
    ]
    assert {finding.outcome for finding in found} == {Outcome.FAILED}


@both_majors
def test_a_role_that_owns_nothing(running: EmbeddedServer) -> None:
    """A plan that alters a table needs its owner; one that writes rows does not."""
    (finding,) = checked(url_of(running, "guest"))["rights"]
    assert finding.outcome is Outcome.FAILED
    assert finding.message == f"{SHOPS} belongs to owner, and guest may not alter it"
    assert finding.remedy == "GRANT owner TO guest; or run this as owner"
    assert checked(url_of(running, "guest"), WRITES)["rights"][0].outcome is Outcome.PASSED
    assert checked(url_of(running, "owner"))["rights"][0].outcome is Outcome.PASSED


@both_majors
def test_connections_run_out(running: EmbeddedServer) -> None:
    """The limit of the role, of the database and of the server are told apart."""
    with psycopg.connect(running.url(), autocommit=True) as connection:
        connection.execute("ALTER ROLE guest CONNECTION LIMIT 2")
        (of_role,) = checked(url_of(running, "guest"))["connections-left"]
        connection.execute("ALTER ROLE guest CONNECTION LIMIT -1")
        (database,) = connection.execute("SELECT quote_ident(current_database())").fetchone() or ("",)
        connection.execute(f"ALTER DATABASE {database} CONNECTION LIMIT 3".encode())
        (of_database,) = checked(running.url())["connections-left"]
        connection.execute(f"ALTER DATABASE {database} CONNECTION LIMIT -1".encode())
        others = [psycopg.connect(url_of(running, "owner")) for _ in range(30 - 3 - connections_left.NEEDED)]
        (of_server,) = checked(url_of(running, "guest"))["connections-left"]
        for other in others:
            other.close()
    assert of_role.message.startswith("the role has 1 connections left")
    assert of_database.message.startswith(("the database has 1 ", "the database has 0 "))  # guest may still be leaving
    assert of_server.message.startswith("the server has ")
    assert {of_role.outcome, of_database.outcome, of_server.outcome} == {Outcome.FAILED}


@both_majors
def test_a_setting_that_forbids_writing(running: EmbeddedServer) -> None:
    """It is called one, with what undoes it."""
    with psycopg.connect(running.url(), autocommit=True) as connection:
        connection.execute("ALTER ROLE guest SET default_transaction_read_only = on")
        (finding,) = checked(url_of(running, "guest"))["writable"]
        connection.execute("ALTER ROLE guest RESET default_transaction_read_only")
    assert finding.outcome is Outcome.FAILED
    assert "ALTER ROLE guest RESET default_transaction_read_only" in finding.remedy


@both_majors
def test_logical_replication(running: EmbeddedServer) -> None:
    """A publication and a subscription of a table of the plan are named; those of other tables are not."""
    with psycopg.connect(running.url(), autocommit=True) as connection:
        connection.execute("CREATE PUBLICATION p FOR TABLE shops; CREATE PUBLICATION q FOR TABLE other")
        connection.execute("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)")
        connection.execute(
            "INSERT INTO pg_subscription_rel SELECT oid, 'shops'::regclass, 'r', NULL FROM pg_subscription"
        )
        found = checked(running.url())["logical-replication"]
        connection.execute("ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s; DROP PUBLICATION p, q")
    assert [finding.message.partition(",")[0] for finding in found] == [
        f"the publication p has {SHOPS}",
        "a subscription writes into shops",
    ]


@both_majors
def test_a_slot_that_nobody_reads(running: EmbeddedServer) -> None:
    """It keeps WAL, and is named with what drops it."""
    with psycopg.connect(running.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('left', true)")
        (finding,) = checked(running.url())["replication"]
        connection.execute("SELECT pg_drop_replication_slot('left')")
    assert finding.outcome is Outcome.WARNING
    assert finding.remedy.endswith("SELECT pg_drop_replication_slot('left')")


@pytest.mark.long
@both_majors
@pytest.mark.parametrize("prevents_wraparound", [False, True])
def test_autovacuum_on_a_table_of_the_plan(running: EmbeddedServer, prevents_wraparound: bool) -> None:
    """A worker on it is a warning, and one that prevents a wraparound stops the deployment."""
    with psycopg.connect(running.url(), autocommit=True) as connection:
        connection.execute("INSERT INTO shops SELECT i, '' FROM generate_series(1, 20000) i; DELETE FROM shops")
        options = "autovacuum_enabled = on, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
        if prevents_wraparound:
            connection.execute("DO $$ BEGIN FOR i IN 1..100001 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$")
            options += ", autovacuum_freeze_max_age = 100000, autovacuum_vacuum_threshold = 1000000"
        else:
            options += ", autovacuum_vacuum_threshold = 1"
        connection.execute(f"ALTER TABLE shops SET ({options})".encode())
        try:
            finding = _until_a_worker_is_there(running)
        finally:
            connection.execute(_END_WORKERS)
            connection.execute("ALTER TABLE shops SET (autovacuum_enabled = off)")
            connection.execute("ALTER TABLE shops RESET (autovacuum_freeze_max_age, autovacuum_vacuum_threshold)")
            connection.execute("TRUNCATE shops")
    assert finding.outcome is (Outcome.FAILED if prevents_wraparound else Outcome.WARNING)
    assert SHOPS in finding.message


_END_WORKERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"


def _until_a_worker_is_there(running: EmbeddedServer) -> Finding:
    with psycopg.connect(running.url(), autocommit=True) as connection:
        for _ in range(600):
            (finding,) = checked(running.url())["autovacuum"]
            if finding.outcome is not Outcome.PASSED:
                return finding
            connection.execute("SELECT pg_sleep(0.1)")
    raise AssertionError("no worker came")


def test_a_pooler_in_transaction_mode(server: Server, empty_url: str) -> None:
    """The session is one that others share, so that nothing of it lasts."""
    assert empty_url
    with pgbouncer(server, "transaction") as pooled:
        (finding,) = checked(pooled, plan())["transaction-pooler"]
        assert finding.outcome is Outcome.FAILED
        assert "transaction mode" in finding.message
    with pgbouncer(server, "session") as pooled:
        assert checked(pooled, plan())["transaction-pooler"][0].outcome is Outcome.PASSED


@both_majors
def test_what_cannot_be_read_costs_that_check(running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are made, and the report says what was not seen."""
    monkeypatch.setattr(replication_check, "_SLOTS", "SELECT rolname, rolpassword FROM pg_authid")
    found = checked(url_of(running, "guest"), WRITES)
    (finding,) = found["replication"]
    assert finding.outcome is Outcome.NOT_READ
    assert "permission denied" in finding.message
    assert finding.remedy
    assert {one.outcome for code, (one,) in found.items() if code != "replication"} == {Outcome.PASSED}


@both_majors
def test_hidden_sessions_are_not_called_absent(running: EmbeddedServer) -> None:
    """Postgres shows no state of other roles' sessions without an error, so that these checks say what they need."""
    found = checked(url_of(running, "blind"), WRITES)
    hidden = {code for code, (finding,) in found.items() if finding.outcome is Outcome.NOT_READ}
    assert hidden == {"autovacuum", "long-transactions", "old-snapshots", "replication", "running-dump"}
    assert found["autovacuum"][0].remedy == "GRANT pg_read_all_stats TO blind"
    assert {finding.outcome for code, (finding,) in found.items() if code not in hidden} == {Outcome.PASSED}


@pytest.mark.long
@both_majors
def test_a_standby_that_is_behind(
    running: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any
) -> None:
    """A standby of which the replay is paused is named, and the standby itself cannot be written."""
    monkeypatch.setattr(replication_check, "_LAG", 0.0)
    root = tmp_path_factory.mktemp("standby")
    root.chmod(0o755)
    standby = embedded.start(running.major, root, settings=_SETTINGS, keep=True)
    embedded.stop(running.major, root, force=True)
    _copy_of(running, standby)
    try:
        embedded.start(running.major, root, settings=_SETTINGS)
        (writable,) = checked(standby.url())["writable"]
        assert writable.outcome is Outcome.FAILED
        assert "standby" in writable.message
        with pytest.raises(JournalError, match="is a standby, which only reads"):
            DatabaseJournal(DatabaseURL.parse(standby.url())).write(ENTRIES[0])
        with psycopg.connect(standby.url(), autocommit=True) as replica:
            replica.execute("SELECT pg_wal_replay_pause()")
            with psycopg.connect(running.url(), autocommit=True) as primary:
                finding = _until_it_lags(primary, running)
        assert finding.outcome is Outcome.WARNING
        assert "s behind" in finding.message
    finally:
        embedded.stop(running.major, root, force=True)
        embedded.release(standby)


def _copy_of(primary: EmbeddedServer, standby: EmbeddedServer) -> None:
    """Replace the data of a stopped server by a copy of that of a running one, which it follows then."""
    with psycopg.connect(primary.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_backup_start('standby', true)")
        shutil.rmtree(standby.data_directory)
        command = ["/bin/cp", "-a", str(primary.data_directory), str(standby.data_directory)]
        subprocess.run(command, check=False)  # pg_internal.init may go meanwhile; the start tells what else lacks
        ((_, label, _),) = connection.execute("SELECT * FROM pg_backup_stop()").fetchall()
    (standby.data_directory / "postmaster.pid").unlink()
    files = {
        "backup_label": label,
        "standby.signal": "",
        "postgresql.auto.conf": f"primary_conninfo = 'host={primary.socket_directory} user=postgres'\n",
    }
    owner = standby.data_directory.stat()
    for name, text in files.items():
        file = standby.data_directory / name
        file.write_text(text)
        shutil.chown(file, owner.st_uid, owner.st_gid)


def _until_it_lags(primary: "psycopg.Connection[Any]", running: EmbeddedServer) -> Finding:
    for _ in range(300):
        primary.execute("INSERT INTO other VALUES (1)")
        (finding,) = checked(running.url())["replication"]
        if finding.outcome is not Outcome.PASSED:
            return finding
        primary.execute("SELECT pg_sleep(0.1)")
    raise AssertionError("the standby keeps up")


def test_module_names() -> None:
    """Each check has a code of its own, a sentence for a pass, and a remedy where it cannot be read."""
    modules = all_checks()
    assert len({module.CODE for module in modules}) == len(modules)
    for module in modules:
        assert Path(str(module.__file__)).stem.replace("_", "-") == module.CODE
        assert module.TITLE
        assert module.REMEDY
