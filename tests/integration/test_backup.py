"""Backups restore to what they were taken of, into new databases only, and what is broken is refused."""

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.catalog.digester import digest
from adapter.outbound.migration.sandbox.places import cache_directory
from adapter.outbound.migration.target.backup.place import ServerPlace
from adapter.outbound.migration.target.backup.source import DatabaseSource
from adapter.outbound.migration.target.backup.store import FolderStore
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.backup import TakeBackup
from domain.migration.deployment.backup import BackupError, BackupScope, BrokenBackupError
from domain.migration.digest import compare
from tests.conftest import Server
from tests.integration.backed_up import ODD, ORDERS, SHOP, USERS, databases, drop, restored, taken
from tests.support import value


@pytest.fixture
def shop(empty_url: str) -> str:
    """URL of a database with something of everything."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    return empty_url


@pytest.fixture(scope="module", autouse=True)
def _trials() -> Iterator[None]:
    """Stop the servers on which backups were restored on trial."""
    yield
    for major in embedded.PACKAGES:
        embedded.stop(major, cache_directory() / "restored", force=True)


def test_a_full_backup_restores_to_what_it_was(shop: str, server: Server, tmp_path: Path) -> None:
    """Taken under writers, it has one moment; a trial shows the same schema and values, and so does a new database."""
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(shop, autocommit=True) as session:
            while not stop.wait(0.002):
                session.execute("WITH one AS (INSERT INTO users (name) VALUES ('new') RETURNING id)"
                                " INSERT INTO orders SELECT id + 1000, '2026-01-05', id FROM one")  # fmt: skip

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = taken(shop, BackupScope.FULL, tmp_path / "b", verified=True)
    finally:
        stop.set()
        writer.join()

    manifest = backup.manifest
    assert (manifest.revisions, manifest.target.database, manifest.major) == (("r1",), "hexalembic_empty", server.major)
    assert manifest.tool.startswith(f"pg_dump (PostgreSQL) {server.major}.")
    assert "same schema, same values" in manifest.verified
    assert manifest.tables[USERS] - 500 == manifest.tables["public.orders_1"] + manifest.tables["public.orders_2"] - 400
    assert manifest.tables[ODD] == 300
    modes = {stat.S_IMODE(path.stat().st_mode) for path in Path(backup.path).rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "b", Path(backup.path))}
    assert (modes, folders) == ({0o600}, {0o700})
    assert [path.name for path in (tmp_path / "b").iterdir()] == [Path(backup.path).name]

    result = restored(shop, backup)
    try:
        with psycopg.connect(server.url(result.database)) as session:
            counts = digest(session, exclude_tables=()).tables
            assert counts[USERS].rows == manifest.tables[USERS]
            assert value(session, "SELECT users FROM counted") == manifest.tables[USERS]  # made again
            assert value(session, "SELECT nextval('loose')") == 8
            assert value(session, "SELECT count(*) FROM pg_largeobject_metadata") == 1
        with psycopg.connect(shop) as session:  # without the writer's, whose values differ
            live = digest(session, exclude_tables=()).tables
        assert {name: counts[name] for name in (ODD, "public.chunks")} == {
            name: live[name] for name in (ODD, "public.chunks")
        }
    finally:
        drop(shop, result.database)
    assert any("RENAME TO" in step for step in result.steps)


def test_touched_has_the_rows_of_the_plan_and_what_belongs_to_them(shop: str, server: Server, tmp_path: Path) -> None:
    """All partitions, own sequences and the version; other tables are empty, and keys that refer to them are named."""
    backup = taken(shop, BackupScope.TOUCHED, tmp_path, {"public.orders_1", ODD}, verified=True)

    manifest = backup.manifest
    assert set(manifest.tables) == {"public.alembic_version", "public.orders_1", "public.orders_2", ODD}
    assert "same values in 701 rows of 4 tables" in manifest.verified
    assert {key.table for key in manifest.left_out} == {ORDERS, ODD}
    assert manifest.whole == ""

    result = restored(shop, backup, "hexalembic_of_touched")
    try:
        with psycopg.connect(server.url(result.database)) as session, psycopg.connect(shop) as live:
            wanted = [ORDERS, ODD]
            assert not compare(digest(live, wanted), digest(session, wanted))
            assert value(session, "SELECT count(*) FROM users") == 0
            assert value(session, """SELECT nextval('"My.Shop"."Odd|""Name"".*_id_seq"')""") == 301
    finally:
        drop(shop, result.database)
    assert any("refers to an empty table" in step for step in result.steps)


@pytest.mark.one_major
def test_what_is_not_known_is_copied_whole(shop: str, tmp_path: Path) -> None:
    """A plan of which nothing is known, or that names a table that is not there, gets all rows and the reason."""
    for touched, why in ((None, "not known"), ({USERS, "public.gone"}, "public.gone")):
        manifest = taken(shop, BackupScope.TOUCHED, tmp_path, touched).manifest
        assert why in manifest.whole
        assert manifest.tables["public.chunks"] == 50
    schema = taken(shop, BackupScope.SCHEMA, tmp_path, verified=True).manifest
    assert (dict(schema.tables), schema.verified.endswith("same schema")) == ({}, True)


@pytest.mark.one_major
def test_broken_backups_and_existing_databases_are_refused(shop: str, tmp_path: Path) -> None:
    """A changed, missing or added file, another version and a name that is taken: one line, and no database is made."""
    backup = taken(shop, BackupScope.FULL, tmp_path)
    major = backup.manifest.major
    before = databases(shop)

    def refusal(name: str = "hexalembic_new") -> tuple[str, int]:
        with pytest.raises(BackupError) as caught:
            restored(shop, backup, name)
        assert databases(shop) == before
        assert "\n" not in caught.value.message
        return caught.value.message, caught.value.exit_code

    assert "exists" in refusal("hexalembic_empty")[0]
    assert "63 bytes" in refusal("x" * 64)[0]
    file = next(Path(backup.path).rglob("*.dat.gz"))
    content = file.read_bytes()
    for change in (lambda: file.write_bytes(content + b" "), file.unlink, (Path(backup.path) / "more").touch):
        change()
        message, code = refusal()
        assert ("not as they were written" in message, code) == (True, 1)
        file.write_bytes(content)
    (Path(backup.path) / "more").unlink()
    manifest = Path(backup.path, "manifest.json")
    data = json.loads(manifest.read_text())
    data["target"]["postgres"] = "15.2"
    manifest.write_text(json.dumps(data))
    assert refusal() == (f"the backup is of Postgres 15, and {DatabaseURL.parse(shop)} is Postgres {major}", 2)
    manifest.write_text("{}")
    assert "manifest" in refusal()[0]
    manifest.unlink()
    assert refusal()[1] == 2


@pytest.mark.one_major
def test_a_backup_that_does_not_restore_is_none(shop: str, tmp_path: Path) -> None:
    """A CHECK that needs a search_path cannot be restored with rows: the trial says so, and the backup is removed."""
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("CREATE FUNCTION known(text) RETURNS boolean LANGUAGE sql AS"
                           " 'SELECT EXISTS (SELECT FROM users WHERE name LIKE $1 || ''%'')'")  # fmt: skip
        connection.execute("CREATE TABLE notes (who text CHECK (known(who))); INSERT INTO notes VALUES ('user')")
    with pytest.raises(DatabaseError, match='relation "users" does not exist'):
        taken(shop, BackupScope.FULL, tmp_path, verified=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.one_major
def test_keep_removes_older_backups_of_the_same_database_only(shop: str, tmp_path: Path, server: Server) -> None:
    """What is incomplete, of another database or no backup at all stays; what a killed process has left goes."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "left.partial").mkdir()
    other = taken(server.url(), BackupScope.SCHEMA, tmp_path)
    backups = [taken(shop, BackupScope.SCHEMA, tmp_path, keep=2) for _ in range(3)]

    assert [backup.removed for backup in backups] == [(), (), (backups[0].path,)]
    names = {Path(path).name for path in (other.path, backups[1].path, backups[2].path)} | {"mine"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.one_major
def test_a_command_is_run_without_a_shell(shop: str, tmp_path: Path) -> None:
    """Its output and files are kept, without the password; what a shell would expand stays as it is."""
    script = tmp_path / "snapshot.sh"
    script.write_text('#!/bin/sh\necho "$1 of $PGDATABASE with $PGPASSWORD"; echo x > "$HEXALEMBIC_BACKUP_FOLDER/id"\n')
    script.chmod(0o700)
    url = shop.replace("postgres@", "postgres:s3cr3t@", 1)
    backup = taken(url, BackupScope.COMMAND, tmp_path / "b", command=f"{script} '$(touch /tmp/x); `id`'")

    assert backup.manifest.output == "$(touch /tmp/x); `id` of hexalembic_empty with ***\n"
    assert list(backup.manifest.files) == ["id"]
    with pytest.raises(BackupError, match="taken by a command"):
        restored(shop, backup, "hexalembic_new")

    script.write_text("#!/bin/sh\necho no snapshot of password=s3cr3t; exit 7\n")
    for command, message in (
        (str(script), "exit code 7: no snapshot of"),
        ("/no/such", "cannot be run"),
        ("'", "read"),
    ):
        with pytest.raises(DatabaseError, match=message) as caught:
            taken(url, BackupScope.COMMAND, tmp_path / "b", command=command)
        assert "s3cr3t" not in str(caught.value)
    assert len(list((tmp_path / "b").iterdir())) == 1


@pytest.mark.one_major
def test_a_trial_that_differs_is_told(shop: str, tmp_path: Path) -> None:
    """Each difference of schema and rows is a sentence, as when a trigger of the other server had changed rows."""

    class Careless(ServerPlace):
        """A server that loses something of what it restores."""

        def restore(self, folder, manifest, database, roles, progress) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            """Restore, and then lose it."""
            super().restore(folder, manifest, database, roles, progress)
            with self._session(database) as session:
                session.execute("DROP VIEW happy; UPDATE users SET name = 'other' WHERE id = 3")

    place = Careless(DatabaseURL.parse(shop))
    before = databases(shop)
    take = TakeBackup(DatabaseSource(place.url), FolderStore(tmp_path), lambda: nullcontext(place))
    with pytest.raises(BrokenBackupError, match=r"view public\.happy is missing.*users\.name") as caught:
        take.take(BackupScope.FULL)
    assert caught.value.exit_code == 1
    assert (list(tmp_path.iterdir()), databases(shop)) == ([], before)
