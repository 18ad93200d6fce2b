"""Where the embedded server has its files, and what it refuses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from tests.integration.embedded.users import PROJECT, SETTINGS, USER, both_majors, processes, run
from tests.support import wait_until

pytestmark = pytest.mark.one_major


@both_majors
def test_start_gives_a_server_with_pgvector(root: Path, major: int) -> None:
    """A started server has the asked major version, UTF-8, UTC, the default database and pgvector."""
    server = embedded.start(major, root, settings=SETTINGS)
    run(server.url(), "create extension vector")
    facts = "current_setting('server_encoding'), current_setting('timezone'), current_setting('fsync')"
    number = "current_setting('server_version_num')::int / 10000"
    row = run(server.url(), f"select {number}, current_database(), {facts}, '[1,2]'::vector::text, lower('Ä')")
    assert row == [(major, "hexalembic", "UTF8", "UTC", "off", "[1,2]", "ä")]
    assert embedded.start(major, root) == server
    embedded.release(server)


@both_majors
def test_long_paths_have_their_socket_elsewhere(root: Path, major: int) -> None:
    """A path too long for a socket works, and the socket's directory is private and goes with the server."""
    server = embedded.start(major, root / ("long name " * 12), settings=SETTINGS)
    assert server.socket_directory != server.data_directory
    assert server.socket_directory.stat().st_mode & 0o077 == 0
    assert run(server.url(), "select 1") == [(1,)]
    embedded.release(server)
    wait_until(lambda: not processes(root))
    assert not server.socket_directory.exists()


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["with space", "quote\"s'", "a,b", "späße", "per%cent"])
def test_odd_paths_work(root: Path, name: str) -> None:
    """Characters that mean something to a shell, a URL or a list of directories do no harm in a path."""
    server = embedded.start(18, root / name, settings=SETTINGS)
    assert run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


def test_private_directories_are_passed_and_left_as_they_are(root: Path) -> None:
    """A root below a private directory works, also for the superuser, and its mode stays."""
    root.chmod(0o700)
    server = embedded.start(18, root / "data", settings=SETTINGS)
    assert run(server.url(), "select 1") == [(1,)]
    assert root.stat().st_mode & 0o777 == 0o700
    embedded.release(server)
    wait_until(lambda: not processes(root))


@pytest.mark.long
@both_majors
def test_a_private_checkout_works(root: Path, major: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the programs themselves are below a private directory, as in a checkout of mode 0700, they start too."""
    installed = embedded.binary("postgres", major).parents[2]
    shutil.copytree(installed / "pginstall", root / installed.name / "pginstall")
    shutil.copy(installed / "__init__.py", root / installed.name)
    libraries = installed.with_name(f"{installed.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, root / libraries.name)
    root.chmod(0o700)
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{PROJECT}")
    result = subprocess.run(
        [sys.executable, "-c", USER, str(major), str(root / "data")],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("postgresql://postgres@/")
    assert f"{root / installed.name}" in (root / "data" / str(major) / "postmaster.opts").read_text()


@both_majors
def test_a_directory_of_another_major_is_left_alone(root: Path, major: int) -> None:
    """Where another major's data directory is, start and reset say so and change nothing."""
    other = 34 - major
    server = embedded.start(major, root, settings=SETTINGS)
    embedded.release(server)
    embedded.stop(major, root, force=True)
    (root / str(major)).rename(root / str(other))
    before = sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*"))
    for act in (embedded.start, embedded.reset):
        with pytest.raises(DatabaseConfigurationError, match=f"belongs to Postgres {major}, not {other}") as caught:
            act(other, root)
        assert "move" in caught.value.hint
    assert sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*")) == before


def test_reset_deletes_only_what_was_created_here(root: Path) -> None:
    """Neither reset nor start touches a directory that `start` has not created."""
    mine = root / "18"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for text in (None, "18\n"):
        if text:
            (mine / "PG_VERSION").write_text(text)
        for act in (embedded.start, embedded.reset):
            with pytest.raises(DatabaseConfigurationError):
                act(18, root)
    assert (mine / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("version", ["15", "latest"])
def test_unknown_versions_are_named(root: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A version without binaries is refused with the ones there are."""
    monkeypatch.setenv("HEXALEMBIC_POSTGRES_VERSION", version)
    with pytest.raises(DatabaseConfigurationError, match=version) as caught:
        embedded.start(root=root)
    assert "18, 16" in caught.value.hint


def test_a_server_that_cannot_start_says_why(root: Path) -> None:
    """When Postgres refuses to start, the error quotes its log, and nothing keeps running."""
    with pytest.raises(DatabaseError, match="unrecognized configuration parameter"):
        embedded.start(18, root, settings={"no_such_setting": "1"})
    wait_until(lambda: not processes(root))
    server = embedded.start(18, root, settings=SETTINGS)
    assert run(server.url(), "select 1") == [(1,)]
    embedded.release(server)


def _migrate_db(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from adapter.inbound.cli.migrate import main; main()", "db", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "HEXALEMBIC_POSTGRES_DIR": str(root)},
        text=True,
        check=False,
    )


@pytest.mark.long
@both_majors
def test_the_commands(root: Path, major: int) -> None:
    """`migrate db` prints the URL alone, passes psql its arguments and exit code, and deletes only with --yes."""
    pg = ["--pg", str(major)]
    assert json.loads(_migrate_db(root, "status", "--format", "json", *pg).stdout)["running"] is False
    assert _migrate_db(root, "start", *pg).returncode == 0
    url = _migrate_db(root, "url", *pg).stdout
    assert run(url.removesuffix("\n"), "select 1") == [(1,)]
    assert _migrate_db(root, "psql", *pg, "-XAtc", "select 1 + 1").stdout == "2\n"
    assert _migrate_db(root, "psql", *pg, "-X", "-v", "ON_ERROR_STOP=1", "-c", "select nothing").returncode == 1
    status = json.loads(_migrate_db(root, "status", "--format", "json", *pg).stdout)
    assert (status["running"], status["keep"], status["url"]) == (True, True, url.removesuffix("\n"))
    assert "until `migrate db stop`" in _migrate_db(root, "status", *pg).stdout
    refused = _migrate_db(root, "reset", *pg)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert _migrate_db(root, "stop", *pg).stdout == "stopped\n"
    assert _migrate_db(root, "stop", *pg).stdout == "it was not running\n"
    assert (root / str(major)).is_dir()
    assert _migrate_db(root, "reset", "--yes", *pg).returncode == 0
    assert not (root / str(major)).exists()
