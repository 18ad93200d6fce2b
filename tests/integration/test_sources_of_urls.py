"""A hint names where the URL came from: the environment, `.env`, the call, or the embedded Postgres."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.postgres import embedded
from tests.integration.isolation.user import accounts, folder_for_everybody, needs_another
from tests.support import PROJECT_ROOT, process_environment

COMMANDS = {"alembic": ("alembic", "current"), "migrate": ("adapter.inbound.cli.migrate", "status")}
NOWHERE = "postgresql://127.0.0.1:1/nowhere"


def hint(*command: str, cwd: Path = PROJECT_ROOT, **environment: str) -> str:
    """Run a command that must fail in two lines, and return the second."""
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=process_environment(environment.pop("DATABASE_URL", ""), **environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode != 0, result.stdout
    what, how = (result.stdout + result.stderr).strip().splitlines()
    assert what.startswith(("FAILED: ", "error: "))
    return how.strip()


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Return the path of the `.env` of a copy of this project."""
    ignored = shutil.ignore_patterns(".*", "tests", "benchmarks")
    shutil.copytree(PROJECT_ROOT, tmp_path / "copy", ignore=ignored)
    return tmp_path / "copy" / ".env"


@pytest.mark.few(1)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_env_file(env_file: Path, command: tuple[str, ...]) -> None:
    """A URL of `.env` is corrected in that file, and no variable is to be unset for it."""
    for line, advice in (
        (f"DATABASE_URL={NOWHERE}", "correct DATABASE_URL (set in {}); take the line out to use the embedded Postgres"),
        (f"DATABASE_URL='\"{NOWHERE}'", "Take it out of DATABASE_URL (set in {}), and"),
        ("DATABASE_URL=host=db", "Write it in DATABASE_URL (set in {}) as postgresql://"),
    ):
        env_file.write_text(f"{line}\n", encoding="utf-8")
        how = hint(*command, cwd=env_file.parent, PYTHONPATH=str(env_file.parent), DATABASE_URL=" ")

        assert advice.format(env_file) in how
        assert "unset" not in how


@pytest.mark.few(1)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_env_file_that_cannot_be_read(env_file: Path, command: tuple[str, ...]) -> None:
    """A `.env` in another encoding, or without a = behind the name, is refused: no other database is used instead."""
    for text, advice in (
        (f"DATABASE_URL={NOWHERE}\r\n".encode("utf-16"), "Save it as UTF-8"),
        (f"A=1\nDATABASE_URL: {NOWHERE}\n".encode(), "Write DATABASE_URL=postgresql://"),
    ):
        env_file.write_bytes(text)
        assert advice in hint(*command, cwd=env_file.parent, PYTHONPATH=str(env_file.parent))


@pytest.mark.few(1)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_environment_and_call(command: tuple[str, ...]) -> None:
    """A variable is corrected where it is set, and an option where it is given."""
    how = hint(*command, DATABASE_URL=NOWHERE)
    assert "correct DATABASE_URL (set in the environment); unset DATABASE_URL to use the embedded" in how
    module, *rest = command
    given = [module, "-x", f"url={NOWHERE}", *rest] if module == "alembic" else [*command, "--url", NOWHERE]
    assert "correct the URL of this call (-x url=, --url, --target-url); leave it out to use" in hint(*given)


@pytest.fixture
def closed() -> Iterator[Path]:
    """Return the root of an embedded server whose database admits nobody."""
    with folder_for_everybody("hx") as root:
        server = embedded.start(root=root, settings={"fsync": "off"})
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER DATABASE hexalembic ALLOW_CONNECTIONS false")
        yield root
        embedded.stop(root=root, force=True)
        embedded.release(server)


def test_embedded(closed: Path) -> None:
    """Of the embedded Postgres, the hint names the command that shows where it is."""
    for command in COMMANDS.values():
        how = hint(*command, HEXALEMBIC_POSTGRES_DIR=str(closed))
        assert how.endswith("ALLOW_CONNECTIONS true; or look at the embedded Postgres (migrate db status).")


OF_ANOTHER = {**COMMANDS, "db status": ("adapter.inbound.cli.migrate", "db", "status")}


@needs_another
@pytest.mark.parametrize("command", OF_ANOTHER.values(), ids=OF_ANOTHER)
def test_embedded_of_another_user(command: tuple[str, ...]) -> None:
    """A `.postgres` of another user is said to be that, with whose it is; nothing is moved away or given up."""
    starts = accounts()[-1].starts()
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT,
        env=process_environment("", HEXALEMBIC_POSTGRES_DIR="/usr", PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **starts,
    )
    said = result.stdout + result.stderr
    if command == OF_ANOTHER["db status"]:  # which writes nothing, and there is nothing to read
        assert result.returncode == 0, said
        return
    assert result.returncode == (255 if command[0] == "alembic" else 2), said
    assert "/usr belongs to user root: another one cannot use its Postgres (Permission denied: " in said
    assert "hint: run this as root, or choose a directory of your own with HEXALEMBIC_POSTGRES_DIR" in said


@needs_another
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a command as another user")
def test_status_of_another_users_server() -> None:
    """Whoever may not read a data directory is told that, and not that its server does not run."""
    with folder_for_everybody("hx") as root:
        (root / "18").mkdir(mode=0o700)
        result = subprocess.run(
            [sys.executable, "-m", "adapter.inbound.cli.migrate", "db", "status", "--pg", "18"],
            cwd=PROJECT_ROOT,
            env=process_environment("", HEXALEMBIC_POSTGRES_DIR=str(root), PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **accounts()[-1].starts(),
        )

    assert result.returncode == 2, result.stdout
    assert f"{root} belongs to user root: another one cannot use its Postgres" in result.stderr
    assert "(for a sandbox: HEXALEMBIC_SANDBOX_DIR, --sandbox-url)" in result.stderr
