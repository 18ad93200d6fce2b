"""The journal in a database: who makes it, who may write to it, and that it is no drift."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from alembic import command

from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.target.journal import bootstrap
from adapter.outbound.migration.target.journal.database import DatabaseJournal
from adapter.outbound.migration.target.statistics import read_statistics
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.journal import Event
from domain.migration.errors import JournalError
from tests.conftest import Server
from tests.integration.test_status import status
from tests.support import alembic_config, value
from tests.unit.adapter.test_file_journal import ENTRIES, FILE, SHA256
from tests.unit.domain.migration.deployment.journals import entry

MARK = "SELECT count(*) FROM hexalembic.journal_bootstrap"


def journal_at(url: str) -> DatabaseJournal:
    """Return the journal of a database."""
    return DatabaseJournal(DatabaseURL.parse(url), "shop (7512)")


@pytest.fixture
def journal(empty_url: str) -> Iterator[DatabaseJournal]:
    """The journal of an empty database, in which nothing is written yet."""
    with closing(journal_at(empty_url)) as opened:
        yield opened


@pytest.fixture
def clerk(database: psycopg.Connection[Any], empty_url: str) -> Iterator[str]:
    """URL of the database for a role that may do nothing but connect."""
    database.execute("CREATE ROLE clerk LOGIN")
    yield empty_url.replace("://postgres@", "://clerk@")
    database.execute("DROP OWNED BY clerk; DROP ROLE clerk")


def test_entries_come_back(journal: DatabaseJournal, database: psycopg.Connection[Any]) -> None:
    """As they were written; reading makes nothing, and a session that was ended is replaced."""
    assert (journal.read(), journal.kept_file(SHA256)) == ((), None)
    assert value(database, "SELECT to_regnamespace('hexalembic')") is None
    journal.write(ENTRIES[0])
    ending = (
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE query LIKE '%INTO hexalembic.j%'"
    )
    assert value(database, f"{ending} AND pid <> pg_backend_pid()") == 1
    for one in (*ENTRIES[1:], ENTRIES[2]):
        journal.write(one)
    assert journal.read() == ENTRIES
    assert {one.database for one in journal.read()} == {"shop (7512)"}
    journal.write(entry(Event.FAILED, 9, message="postgresql://ana:s3cr3t@db/shop \0"))
    assert "s3cr3t" not in journal.read()[-1].message
    for _ in range(2):
        journal.keep_file("a1", SHA256, FILE)
    assert journal.kept_file(SHA256) == FILE
    assert value(database, "SELECT max(octet_length(gzip)) FROM hexalembic.revision_file") < len(FILE) / 10


def test_only_appended(journal: DatabaseJournal, database: psycopg.Connection[Any]) -> None:
    """Nobody changes or removes a row, not the owner, not under replication's settings, not through a parent table."""
    journal.write(ENTRIES[0])
    journal.keep_file("a1", SHA256, FILE)
    for table, column in (("journal", "event"), ("revision_file", "revision"), ("journal_bootstrap", "who")):
        for setting in ("origin", "replica"):
            database.execute(f"SET session_replication_role = {setting}".encode())
            for statement in (
                f"UPDATE hexalembic.{table} SET {column} = ''",
                f"DELETE FROM hexalembic.{table}",
                f"DELETE FROM hexalembic.{table} WHERE false",
                f"TRUNCATE hexalembic.{table}",
            ):
                with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="only appended to"):
                    database.execute(statement.encode())
    database.execute("CREATE TABLE parent (event text NOT NULL); ALTER TABLE hexalembic.journal INHERIT parent")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        database.execute("UPDATE parent SET event = 'committed'")
    assert journal.read() == ENTRIES[:1]


def test_a_failure_is_recorded_beside_its_transaction(
    journal: DatabaseJournal, database: psycopg.Connection[Any]
) -> None:
    """The entry stays where the deployment's own transaction, which holds its locks meanwhile, is rolled back."""
    with database.transaction(force_rollback=True):
        database.execute("CREATE TABLE shops (id integer)")
        journal.write(ENTRIES[0])
    assert journal.read() == ENTRIES[:1]
    assert value(database, "SELECT to_regclass('shops')") is None


def test_two_first_writers_at_once(empty_url: str, database: psycopg.Connection[Any]) -> None:
    """One makes the journal, the others wait for it, and each entry is there."""

    def write(number: int) -> None:
        with closing(journal_at(empty_url)) as journal:
            journal.write(entry(Event.STARTED, number))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert len(journal_at(empty_url).read()) == 6
    assert value(database, MARK) == 1


def test_a_setup_that_does_not_end(journal: DatabaseJournal, database: psycopg.Connection[Any]) -> None:
    """Who finds another one at it does not wait for ever, and the next attempt succeeds."""
    with database.transaction(force_rollback=True):
        database.execute("SELECT pg_advisory_xact_lock(%s)", [bootstrap._LOCK])  # noqa: SLF001 - nobody else takes it
        with pytest.raises(JournalError, match="cannot be written"):
            journal.write(ENTRIES[0])
    journal.write(ENTRIES[0])
    assert journal.read() == ENTRIES[:1]


def test_settings_of_a_role(clerk: str, database: psycopg.Connection[Any]) -> None:
    """An entry is written whatever search path, isolation and time zone the role has, and a commit is on the disk."""
    database.execute(
        "CREATE SCHEMA hexalembic AUTHORIZATION clerk; ALTER ROLE clerk SET search_path = hexalembic, pg_temp;"
        "ALTER ROLE clerk SET default_transaction_isolation = serializable;"
        "ALTER ROLE clerk SET synchronous_commit = off; ALTER ROLE clerk SET TimeZone = 'Asia/Tokyo'"
    )
    with closing(journal_at(clerk)) as journal:
        for one in ENTRIES:
            journal.write(one)
        assert journal.read() == ENTRIES
        assert value(journal._connected(), "SHOW synchronous_commit") == "local"  # noqa: SLF001 - nobody else sees it


def test_rights(journal: DatabaseJournal, clerk: str, database: psycopg.Connection[Any]) -> None:
    """A role that may not make the journal, read or write it, is told the statement that lets it; that is enough."""

    def hint(write: bool) -> str:
        with closing(journal_at(clerk)) as narrow, pytest.raises(JournalError, match="role clerk may not") as error:
            narrow.write(ENTRIES[1]) if write else narrow.read()
        assert "--journal file" in error.value.hint
        return error.value.hint.partition("there: ")[2].rpartition("; or")[0]

    assert journal_at(clerk).read() == ()
    assert hint(write=True) == "CREATE SCHEMA hexalembic AUTHORIZATION clerk"
    journal.write(ENTRIES[0])
    reading = hint(write=False)
    writing = hint(write=True)
    database.execute(reading.encode())
    assert journal_at(clerk).read() == ENTRIES[:1]
    assert hint(write=True) == writing
    database.execute(writing.encode())
    with closing(journal_at(clerk)) as narrow:
        narrow.write(ENTRIES[1])
        narrow.keep_file("a1", SHA256, FILE)
        assert narrow.read() == ENTRIES[:2]
    for change in ("UPDATE", "DELETE", "TRUNCATE"):
        assert not value(database, f"SELECT has_table_privilege('clerk', 'hexalembic.journal', '{change}')")


def test_a_schema_made_for_the_role(clerk: str, database: psycopg.Connection[Any]) -> None:
    """An empty schema of its own is all that a role needs; one of another role is no place, and is not touched."""
    database.execute("CREATE SCHEMA hexalembic")
    with closing(journal_at(clerk)) as journal:
        with pytest.raises(JournalError, match="may not make") as error:
            journal.write(ENTRIES[0])
        assert "GRANT USAGE, CREATE ON SCHEMA hexalembic TO clerk" in error.value.hint
        database.execute("ALTER SCHEMA hexalembic OWNER TO clerk")
        journal.write(ENTRIES[0])
        assert journal.read() == ENTRIES[:1]


def test_refused_places(journal: DatabaseJournal, database: psycopg.Connection[Any]) -> None:
    """Where the journal would break what is there, nothing is made, and the way out is the file."""
    for make, take_back, reason in (
        ("CREATE SCHEMA hexalembic CREATE TABLE mine ()", "DROP SCHEMA hexalembic CASCADE", "is no journal"),
        ("CREATE PUBLICATION everything FOR ALL TABLES", "DROP PUBLICATION everything", "everything publishes all"),
        ("CREATE ROLE hexalembic", "DROP ROLE hexalembic", "there is a role hexalembic"),
    ):
        database.execute(make.encode())
        with pytest.raises(JournalError, match=reason) as error:
            journal.write(ENTRIES[0])
        database.execute(take_back.encode())
        assert "--journal file" in error.value.hint
        assert value(database, "SELECT to_regnamespace('hexalembic')") is None
    name = database.info.dbname
    database.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    with pytest.raises(JournalError, match="default_transaction_read_only is on"):
        journal.write(ENTRIES[0])


def test_another_version(
    journal: DatabaseJournal, database: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version changes the tables once; this one then neither writes nor reads, and says which one does."""
    journal.write(ENTRIES[0])
    journal.close()
    with monkeypatch.context() as later:
        steps = (*bootstrap._STEPS, "ALTER TABLE hexalembic.journal ADD COLUMN weather text")  # noqa: SLF001
        later.setattr(bootstrap, "_STEPS", steps)
        journal.write(ENTRIES[1])
        assert value(database, MARK) == 2
        assert journal.read() == ENTRIES[:2]
    journal.close()
    for use in (journal.read, lambda: journal.write(ENTRIES[2])):
        with pytest.raises(JournalError, match="has version 2, and this version of Hexalembic knows 1"):
            use()


def test_a_copy_without_rows(journal: DatabaseJournal, database: psycopg.Connection[Any]) -> None:
    """A schema that was copied without its rows, as pg_dump --schema-only does it, is an empty journal, and goes on."""
    journal.write(ENTRIES[0])
    journal.close()
    for table in bootstrap.TABLES:
        database.execute(
            f"ALTER TABLE hexalembic.{table} DISABLE TRIGGER USER; DELETE FROM hexalembic.{table};"
            f"ALTER TABLE hexalembic.{table} ENABLE TRIGGER USER".encode()
        )
    assert journal.read() == ()
    journal.write(ENTRIES[1])
    assert journal.read() == ENTRIES[1:2]


def test_an_encoding_without_all_letters(server: Server) -> None:
    """Letters that the database lacks do not keep an entry out of it."""
    name = "hexalembic_latin1"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0".encode())
        try:
            with closing(journal_at(server.url(name))) as journal:
                for one in ENTRIES:
                    journal.write(one)
                (_, gave_way, _) = journal.read()
        finally:
            connection.execute(f"DROP DATABASE {name} (FORCE)".encode())
    assert gave_way == replace(ENTRIES[1], blockers=("pid 7", "pid 8 \\u201c\\u2026\\u201d"))


def test_no_drift(migrated_url: str) -> None:
    """Nobody takes the journal for a schema of the user's: status, alembic check, the catalog of a plan, statistics."""
    database = DatabaseURL.parse(migrated_url)
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        before, tables = snapshot(connection), read_statistics(database).keys()
        with closing(journal_at(migrated_url)) as journal:
            journal.write(ENTRIES[0])
            journal.keep_file("a1", SHA256, FILE)
        assert snapshot(connection).digest() == before.digest()
        assert read_statistics(database).keys() == tables
        found = status(migrated_url)
        assert (found["drift"], found["problems"], found["invalid_indexes"]) == ([], [], [])
        command.check(alembic_config(migrated_url))
        command.downgrade(alembic_config(migrated_url), "base")
        command.upgrade(alembic_config(migrated_url), "head")
        assert journal_at(migrated_url).read() == ENTRIES[:1]
        connection.execute("DROP SCHEMA hexalembic CASCADE; CREATE SCHEMA hexalembic CREATE TABLE mine ()")
        assert any("hexalembic.mine" in name for _, name in snapshot(connection).objects)
