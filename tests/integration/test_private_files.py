"""What the embedded server leaves behind and starts: files and environments that are nobody else's business."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.postgres import embedded
from tests.secret_urls import MARKER, leaked
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

_SETTINGS = {"fsync": "off"}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with a short path; the server in its folder `pg` is stopped afterwards."""
    monkeypatch.setenv("HEXALEMBIC_POSTGRES_LINGER", "0.3")
    path = Path(tempfile.mkdtemp(prefix="hx-", dir="/tmp")).resolve()
    path.chmod(0o755)
    yield path
    embedded.stop(None, path / "pg", force=True)
    shutil.rmtree(path)


def modes(root: Path) -> dict[str, str]:
    """Return the permissions of the server's own files, by their names' endings."""
    return {path.suffix: f"{stat.S_IMODE(path.stat().st_mode):o}" for path in root.iterdir() if path.is_file()}


def processes(root: Path) -> dict[int, str]:
    """Return arguments and environments of the processes that name the folder; none where the system hides them."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes()
            if os.fsencode(root) in arguments and int(entry.name) != os.getpid():
                found[int(entry.name)] = (arguments + b"\n" + (entry / "environ").read_bytes()).decode(errors="replace")
        except OSError:  # it ended, or is a container's
            continue
    return found


def test_files_are_their_owners_alone(folder: Path) -> None:
    """Folder and files are private from the start, and wider ones are made so at the next start."""
    root = folder / "pg"
    server = embedded.start(18, root, settings=_SETTINGS, keep=True)
    expected = {".lease": "600", ".supervisor": "600", ".keep": "600", ".log": "600"}
    assert modes(root) == expected
    assert stat.S_IMODE(root.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)
    embedded.release(server)
    embedded.stop(18, root, force=True)
    for path in root.iterdir():
        if path.is_file():
            path.chmod(0o644)
    root.chmod(0o755)
    embedded.release(embedded.start(18, root, settings=_SETTINGS, keep=True))

    assert modes(root) == expected
    assert stat.S_IMODE(root.stat().st_mode) == 0o755


def test_nobody_else_can_hold_a_lock(folder: Path) -> None:
    """Another user cannot open the lock files, so the server starts and stops whatever that user does."""
    root = folder / "pg"
    root.mkdir(mode=0o755)
    embedded.release(embedded.start(18, root, settings=_SETTINGS))
    code = (
        "import fcntl, sys\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n        fcntl.flock(open(path), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    except PermissionError:\n        print('refused')\n"
    )
    files = [str(root / f"18.{suffix}") for suffix in ("lease", "supervisor")]
    other = {"user": 65533, "group": 65533, "extra_groups": []} if os.geteuid() == 0 else {}
    if other:
        said = subprocess.run(
            ["/usr/bin/env", "python3", "-c", code, *files],  # another user may not reach this one's Python
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            **other,  # type: ignore[call-overload]
        ).stdout
        assert said.split() == ["refused", "refused"]
    assert not any(Path(path).stat().st_mode & 0o077 for path in files)


def test_no_process_of_the_server_keeps_the_callers_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervisor and Postgres, which outlive their caller, have neither its secrets nor its addresses."""
    for name in ("DATABASE_URL", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "EDITOR"):
        monkeypatch.setenv(name, f"postgresql://ana:{MARKER}@127.0.0.1:1/shop")
    root = folder / "pg"
    server = embedded.start(18, root, settings=_SETTINGS)
    found = processes(root)
    embedded.release(server)

    assert len(found) >= (2 if sys.platform == "linux" else 0), "supervisor and postmaster"
    for said in found.values():
        assert not leaked(said)
        variables = {line.partition("=")[0] for line in said.partition("\n")[2].split("\0") if line}
        assert variables <= {"PATH", "HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH"} | {
            name for name in variables if name.startswith(("LC_", "PYTHON"))
        }


def test_a_failed_statement_is_not_logged(folder: Path) -> None:
    """The server's log has what concerns the server, and nothing of statements: their client is told."""
    root = folder / "pg"
    server = embedded.start(18, root, settings=_SETTINGS)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for statement in (
            f"CREATE ROLE postgres PASSWORD '{MARKER}'",
            f"DO $$ BEGIN EXECUTE 'CREATE ROLE postgres PASSWORD ''{MARKER}'''; END $$",
            f"CREATE ROLE somebody PASSWORD {MARKER}",
            f"CREATE SERVER s FOREIGN DATA WRAPPER none OPTIONS (password '{MARKER}')",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())
    embedded.release(server)
    log = (root / "18.log").read_text(encoding="utf-8")

    assert "ready to accept connections" in log
    assert "ERROR" not in log
    assert not leaked(log)


def test_psql_gets_no_secret_of_the_caller(folder: Path) -> None:
    """`migrate db psql` has a terminal's variables, and no password in its arguments or its environment."""
    environment = process_environment(
        f"postgresql://ana:{MARKER}@127.0.0.1:1/shop",
        HEXALEMBIC_POSTGRES_DIR=str(folder / "pg"),
        PGPASSWORD=MARKER,
        PGSERVICE="elsewhere",
        PAGER="cat",
    )
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "adapter.inbound.cli.migrate",
            "db",
            "psql",
            "-X",
            "-c",
            r"\! tr '\0' '\n' < /proc/$PPID/cmdline; env",
        ],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "PAGER=cat" in result.stdout
    assert "PGSERVICE" not in result.stdout
    assert not leaked(result.stdout + result.stderr)
