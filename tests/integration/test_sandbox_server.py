"""The embedded sandbox's server stays as it was made, whatever a revision does to it as its superuser."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.sandbox.names import PREFIX
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.url import DatabaseURL

pytestmark = pytest.mark.one_major


@dataclass(frozen=True)
class Place:
    """Where an embedded sandbox is."""

    major: int
    folder: Path

    def open(self) -> EmbeddedSandbox:
        """Open a sandbox there."""
        return EmbeddedSandbox(self.major, self.folder)

    def stop(self) -> None:
        """Stop the server, so that the next sandbox starts it."""
        embedded.stop(self.major, self.folder, force=True)


@pytest.fixture(scope="module", params=[18, 16])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server of its own, which is made anew where a test spoils it."""
    folder = tmp_path_factory.mktemp(f"sandbox_{request.param}")
    yield Place(request.param, folder)
    embedded.stop(request.param, folder, force=True)
    shutil.rmtree(folder, ignore_errors=True)


def run(url: str, *statements: str) -> None:
    """Run what a revision might, each statement by itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    """Ask a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def works(place: Place) -> None:
    """Show that a sandbox does what an analysis asks of it, and finds nothing of others."""
    with place.open() as sandbox:
        database = sandbox.create()
        sandbox.show(database)
        run(database, "CREATE TABLE t AS SELECT 1 AS v", "CREATE ROLE visitor", "CREATE EXTENSION vector")
        copy = sandbox.copy(database)
        sandbox.show(copy)
        run(copy, "INSERT INTO t VALUES (2)", "DROP ROLE visitor")
        assert rows(copy, "SELECT count(*) FROM t") == [(2,)]
        assert rows(copy, "SHOW search_path") == [('"$user", public',)]
        assert rows(copy, "SHOW default_transaction_read_only") == [("off",)]
        assert rows(copy, "SELECT datname FROM pg_database WHERE datname LIKE 'stray%'") == []
        third = sandbox.create()
        sandbox.show(third)
        assert sandbox.save_template(third, "a template")
        run(sandbox.create("a template"), "CREATE TABLE u (v int)")
    with place.open() as sandbox:
        assert not [
            name for (name,) in rows(sandbox.create(), "SELECT datname FROM pg_database") if "stray" in str(name)
        ]


ATTACKS = {
    "settings of the server": ["ALTER SYSTEM SET shared_preload_libraries = 'there_is_no_such_library'"],
    "read only": ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"],
    "settings of the role": ["ALTER ROLE postgres SET default_transaction_read_only = on"],
    "settings of all roles": ["ALTER ROLE ALL SET search_path = nowhere"],
    "settings of its own database": ["ALTER DATABASE postgres SET statement_timeout = 1"],
    "a library that is not there": ["ALTER ROLE postgres SET session_preload_libraries = 'there_is_no_such_library'"],
    "another role": ["CREATE ROLE weak", "ALTER ROLE postgres SET role = 'weak'"],
    "no login": ["ALTER ROLE postgres NOLOGIN"],
    "a password": ["ALTER ROLE postgres PASSWORD 'secret'"],
    "another name": [
        "CREATE ROLE other SUPERUSER LOGIN",
        "SET SESSION AUTHORIZATION other",
        "ALTER ROLE postgres RENAME TO elsewhere",
    ],
    "template0 opened": ["UPDATE pg_database SET datallowconn = true WHERE datname = 'template0'"],
    "template0 dropped": [
        "UPDATE pg_database SET datistemplate = false WHERE datname = 'template0'",
        "DROP DATABASE template0",
    ],
    "its own database closed": ["UPDATE pg_database SET datallowconn = false WHERE datname = 'postgres'"],
    "its own database dropped": ["DROP DATABASE postgres WITH (FORCE)"],
    "databases": ["CREATE DATABASE stray"],
    "who may connect": [
        "COPY (SELECT 'local all all reject') TO PROGRAM 'cat > pg_hba.conf'",
        "SELECT pg_reload_conf()",
    ],
    "a standby": ["COPY (SELECT 1) TO PROGRAM 'touch standby.signal'"],
    "the configuration": ["COPY (SELECT 'nonsense nonsense') TO PROGRAM 'cat >> postgresql.conf'"],
    "a subscription": [
        "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)"
    ],
    "a role and what it owns": ["CREATE ROLE owner LOGIN", "CREATE SCHEMA theirs AUTHORIZATION owner"],
}


# What a running server does not notice; the others are tried on it.
AT_THE_START = {"settings of the server", "a standby", "the configuration"}
CASES = [(attack, attack in AT_THE_START) for attack in ATTACKS] + [("who may connect", True), ("no login", True)]


@pytest.mark.some(12)
@pytest.mark.few(3)
@pytest.mark.parametrize(("attack", "restarted"), CASES)
def test_the_next_sandbox_works_after(place: Place, attack: str, restarted: bool) -> None:
    """Whatever a revision did to the server, and though its process was killed, the next sandbox works."""
    sandbox = place.open()
    database = sandbox.create()
    with suppress(psycopg.Error):  # some are refused, by 18 more than by 16
        run(database, *ATTACKS[attack])
    # as a killed process leaves it: no database is dropped, the session ends
    sandbox._databases.clear()  # noqa: SLF001
    with suppress(psycopg.Error):
        sandbox._connection.close()  # noqa: SLF001
    embedded.release(sandbox._server)  # noqa: SLF001
    if restarted:
        place.stop()
    works(place)


@pytest.mark.parametrize("attack", ["no login", "a password", "settings of the role", "settings of all roles"])
def test_the_same_sandbox_goes_on_after(place: Place, attack: str) -> None:
    """What a revision did to the role that it runs as belongs to its database; the sandbox gets in as before."""
    with place.open() as sandbox:
        database = sandbox.create()
        sandbox.show(database)
        run(database, *ATTACKS[attack])
        other = sandbox.create()
        sandbox.show(other)
        run(other, "SET search_path = public", "CREATE TABLE t (v int)")
        assert rows(other, "SHOW default_transaction_read_only") == [("off",)]
        sandbox.show(database)
        assert rows(database, "SELECT count(*) FROM pg_db_role_setting") == [(int("settings" in attack),)]
    works(place)


def test_a_subscription_belongs_to_its_database(place: Place) -> None:
    """Each copy has the subscriptions of its source, may drop them, and is dropped with them."""
    with place.open() as sandbox:
        first = sandbox.create()
        sandbox.show(first)
        run(first, "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)")
        assert not sandbox.save_template(first, "it would be lost in a template")
        second, third = sandbox.copy(first), sandbox.copy(first)
        names = "SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid"
        for database in (second, third):
            sandbox.show(database)
            assert rows(database, f"{names} WHERE datname = current_database()") == [("feed",)]
        run(third, "ALTER SUBSCRIPTION feed SET (slot_name = NONE)", "DROP SUBSCRIPTION feed")
        sandbox.show(first)
        assert rows(first, names) == [("feed",)]
        sandbox.drop(first)
        sandbox.show(third)
        assert rows(third, names) == []
    works(place)


def test_settings_of_the_server(place: Place) -> None:
    """No subscription works there, nobody replicates, foreign tables are refused, and 18 has no ALTER SYSTEM."""
    with place.open() as sandbox:
        database = sandbox.create()
        names = ["max_logical_replication_workers", "max_replication_slots", "max_wal_senders"]
        values = rows(database, f"SELECT setting FROM pg_settings WHERE name = ANY (ARRAY{names})")
        assert values == [("0",)] * 3
        assert rows(database, "SHOW restrict_nonsystem_relation_kind") == [("foreign-table",)]
        if place.major > 16:
            with pytest.raises(psycopg.errors.FeatureNotSupported, match="ALTER SYSTEM is not allowed"):
                run(database, "ALTER SYSTEM SET work_mem = '5MB'")


def test_links_in_the_data_directory_are_not_followed(place: Place, tmp_path: Path) -> None:
    """A configuration file that a revision made a link to another file is replaced, and the other file stays."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    with place.open() as sandbox:
        run(sandbox.create(), f"COPY (SELECT 1) TO PROGRAM 'ln -sf {precious} pg_hba.conf'")
    place.stop()
    works(place)
    assert precious.read_text() == "precious"
    assert not (place.folder / str(place.major) / "pg_hba.conf").is_symlink()


def test_leftovers_with_prepared_transactions_and_subscriptions(tmp_path: Path) -> None:
    """What keeps a database from being dropped is ended first: prepared transactions, subscriptions, flags."""
    server = embedded.start(18, tmp_path, settings={"max_prepared_transactions": "5", "fsync": "off"})
    try:
        with ServerSandbox(server.url("postgres")) as sandbox:
            run(
                sandbox.create(),
                "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)",
            )
            database = sandbox.create()
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("CREATE TABLE t (v int)")
                connection.execute("BEGIN")
                connection.execute("INSERT INTO t VALUES (1)")
                connection.execute("PREPARE TRANSACTION 'it''s left'")
            flagged = DatabaseURL.parse(sandbox.create()).database
            run(server.url("postgres"), f'ALTER DATABASE "{flagged}" IS_TEMPLATE true ALLOW_CONNECTIONS false')
        found = rows(server.url("postgres"), f"SELECT datname FROM pg_database WHERE starts_with(datname, '{PREFIX}')")
        assert found == []
    finally:
        embedded.stop(18, tmp_path, force=True)
        embedded.release(server)
