"""Whatever stops a backup: one line what, one line how, an exit code, and nothing left half."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.target.backup.client import client_of
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.full_disk import FullDiskError
from domain.migration.deployment.backup import BackupScope
from tests.conftest import Server
from tests.integration.backed_up import SHOP, taken
from tests.integration.pgbouncer import pgbouncer
from tests.support import PROJECT_ROOT, process_environment, value, wait_until

pytestmark = pytest.mark.one_major

DUMPING = "FROM pg_stat_activity WHERE application_name = 'hexalembic backup'"


@pytest.fixture
def shop(empty_url: str) -> str:
    """URL of a database with something of everything."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    return empty_url


@contextmanager
def waiting(url: str, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", psycopg.Connection[tuple[object, ...]]]]:
    """A `migrate backup` whose pg_dump waits for a lock, and a session beside it."""
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    secret = url.replace("postgres@", "postgres:s3cr3t@", 1)
    with closing(psycopg.connect(url)) as holder, closing(psycopg.connect(url, autocommit=True)) as beside:
        holder.execute("LOCK TABLE chunks IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen(
            [sys.executable, "-m", "adapter.inbound.cli.migrate", "backup", "--backup", "full", "--to", str(folder)],
            cwd=PROJECT_ROOT,
            env=process_environment(secret, TMPDIR=str(temporary)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: value(beside, f"SELECT count(*) {DUMPING} AND wait_event_type = 'Lock'") == 1)
        yield process, beside
        process.kill()
        process.communicate()


def test_interrupted(shop: str, tmp_path: Path) -> None:
    """After Ctrl-C its files, its pg_dump and its sessions are gone; no command line has had the password."""
    with waiting(shop, tmp_path / "b") as (process, beside):
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _is_readable(path)]
        assert any(b"pg_dump" in line for line in lines)
        assert not any(b"s3cr3t" in line for line in lines)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (130, "interrupted\n")
        assert list((tmp_path / "b").iterdir()) == []
        wait_until(lambda: value(beside, f"SELECT count(*) {DUMPING}") == 0)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_killed(shop: str, tmp_path: Path) -> None:
    """What a killed backup has left is no backup, and the next one removes it."""
    folder = tmp_path / "b"
    with waiting(shop, folder) as (process, beside):
        process.kill()
        process.communicate()
        assert [path.suffix for path in folder.iterdir()] == [".partial"]
        beside.execute(f"SELECT pg_terminate_backend(pid) {DUMPING}".encode())
    backup = taken(shop, BackupScope.FULL, folder)
    assert [str(path) for path in folder.iterdir()] == [backup.path]


def test_its_session_is_ended(shop: str, tmp_path: Path) -> None:
    """The server's reason is shown, and nothing is left."""
    with waiting(shop, tmp_path / "b") as (process, beside):
        beside.execute(f"SELECT pg_terminate_backend(pid) {DUMPING}".encode())
        _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert said.startswith("error: pg_dump failed: ")
    assert "hint: " in said
    assert len(said.splitlines()) == 2
    assert list((tmp_path / "b").iterdir()) == []


def test_the_server_is_stopped(server: Server, tmp_path: Path) -> None:
    """A server that stops at once, as in a crash, ends the backup with one line, and nothing is left."""
    root = tmp_path / "server"
    running = embedded.start(server.major, root, settings={"fsync": "off"})
    try:
        with psycopg.connect(running.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE chunks (id integer)")
        with waiting(running.url(), tmp_path / "b") as (process, _):
            postmaster = (running.data_directory / "postmaster.pid").read_text().partition("\n")[0]
            os.kill(int(postmaster), signal.SIGQUIT)  # an immediate shutdown
            _, said = process.communicate(timeout=60)
        assert (process.returncode, len(said.splitlines())) == (3, 2), said
        assert list((tmp_path / "b").iterdir()) == []
    finally:
        embedded.stop(server.major, root, force=True)
        embedded.release(running)


def test_without_the_right(shop: str, tmp_path: Path) -> None:
    """A role that sees no rows of others is refused, because its backup would lack them."""
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS no_reader; CREATE ROLE no_reader LOGIN")
        connection.execute("GRANT SELECT ON alembic_version TO no_reader")
        connection.execute('GRANT USAGE ON SCHEMA "My.Shop" TO no_reader')
    try:
        with pytest.raises(DatabaseError) as caught:
            taken(shop.replace("postgres@", "no_reader@", 1), BackupScope.FULL, tmp_path)
        assert "row-level security" in caught.value.message
        assert "BYPASSRLS" in caught.value.hint
        assert list(tmp_path.iterdir()) == []
    finally:
        with psycopg.connect(shop, autocommit=True) as connection:
            connection.execute("DROP OWNED BY no_reader; DROP ROLE no_reader")


def test_no_folder_and_no_room(shop: str, tmp_path: Path, small: Callable[[str], Path]) -> None:
    """A folder that is none, and a disk that fills up, are named; the backup before stays."""
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseConfigurationError, match="backups cannot be kept in"):
        taken(shop, BackupScope.FULL, tmp_path / "file" / "b")
    folder = small("1m")
    kept = taken(shop, BackupScope.FULL, folder)
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("CREATE TABLE big AS SELECT gen_random_uuid() FROM generate_series(1, 100000)")
    with pytest.raises(FullDiskError, match="bytes are free"):
        taken(shop, BackupScope.FULL, folder)
    assert [str(path) for path in folder.iterdir()] == [kept.path]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount file systems in memory, of a size such as `1m`."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "small"

    def mount(size: str) -> Path:
        folder.mkdir()
        subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
        return folder

    yield mount
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def test_no_client_of_that_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found instead is named, and what to install; a client on PATH comes before the embedded one."""
    with pytest.raises(DatabaseConfigurationError, match=r"is Postgres 14, and no pg_dump .* is here") as caught:
        client_of(14)
    assert "postgresql-client-14" in caught.value.hint
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 14.1 (Debian)'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert client_of(14).folder == tmp_path
    with pytest.raises(DatabaseConfigurationError, match=r"14\.1"):
        client_of(13)


@pytest.mark.usefixtures("shop")
def test_behind_a_pooler(server: Server, tmp_path: Path) -> None:
    """In transaction mode no snapshot lasts: it is refused before anything is written."""
    with pgbouncer(server, "transaction") as url, pytest.raises(DatabaseConfigurationError, match="pooler"):
        taken(url, BackupScope.FULL, tmp_path)
    assert list(tmp_path.iterdir()) == []


def _is_readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False
