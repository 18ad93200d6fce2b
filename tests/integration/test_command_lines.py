"""What every command line answers before it looks for a database or a project."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from adapter.inbound.cli import version as version_of_product
from tests.support import PROJECT_ROOT, process_environment, run


@pytest.mark.parametrize("command", ["migrate", "backend"])
def test_version(command: str) -> None:
    """`--version` names the product and Alembic, and needs no command and no database."""
    result = run(f"adapter.inbound.cli.{command}", "--version", url="postgresql://127.0.0.1:1/nowhere")

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"hexalembic {version('hexalembic')} (alembic {version('alembic')}")


def test_version_without_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that runs from its folder says so in the place of its version."""
    monkeypatch.setattr(version_of_product, "_NAME", "no-such-distribution")

    assert version_of_product.version().startswith("no-such-distribution (not installed) (alembic ")


def test_the_former_name_of_the_lock_catalog() -> None:
    """`migrate catalogue` is `migrate locks` for one release more, and no help lists it."""
    former, listed = (run("adapter.inbound.cli.migrate", *words, "--help") for words in (["catalogue"], []))

    assert former.returncode == 0
    assert "the page and Postgres disagree" in " ".join(former.stdout.replace("│", " ").split())
    assert "catalogue" not in listed.stdout
    assert "locks" in listed.stdout


def test_folder_without_alembic_ini(tmp_path: Path) -> None:
    """In a folder of nobody's, no project is judged in place of the one that was meant."""
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze"]
    result = subprocess.run(
        command, cwd=tmp_path, env=process_environment(), capture_output=True, text=True, check=False, timeout=60
    )

    assert result.returncode == 2, result.stdout + result.stderr
    assert f"there is no alembic.ini in {tmp_path}" in result.stderr
    assert f"hint: name the project's with -c; that of Hexalembic is {PROJECT_ROOT}{os.sep}alembic.ini" in result.stderr


def test_percent_sign_in_a_password() -> None:
    """A raw percent sign in a password gets the same two lines from `alembic` and from `migrate`."""
    url = "postgresql://ana:s3%cret@127.0.0.1:1/shop"
    said = [run(*one, url=url) for one in (("alembic", "current"), ("adapter.inbound.cli.migrate", "status"))]

    for result in said:
        lines = (result.stdout + result.stderr).splitlines()
        assert len(lines) == 2, lines
        assert lines[0].endswith("a % is not followed by two hexadecimal digits.")
        assert lines[1].strip().startswith("hint: ")
        assert "percent-encode % : / ? # @ in the password (% is %25)" in lines[1]
        assert "s3" not in lines[0] + lines[1]


@pytest.mark.parametrize("command", ["analyze", "verify"])
def test_progress_is_shown_whatever_the_format(command: str, tmp_path: Path) -> None:
    """On a terminal, progress goes to stderr also where stdout is JSON for a program."""
    reader, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "adapter.inbound.cli.migrate", command, "-c", "none.ini", "--format", "json"],
        cwd=tmp_path,
        env=process_environment(TERM="xterm", COLUMNS="80"),
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = _read_terminal(reader)
        assert process.stdout is not None
        assert process.stdout.read() == b""

    assert "preparing the sandbox" in shown
    assert process.returncode == 2


def _read_terminal(reader: int) -> str:
    """Return all that a terminal shows, until nobody has it open; unread, it is full after 4 kB: its writer waits."""
    pieces = []
    with os.fdopen(reader, "rb", buffering=0) as terminal, suppress(OSError):  # EIO is its end
        while piece := terminal.read(4096):
            pieces.append(piece)
    return b"".join(pieces).decode()


@pytest.mark.parametrize("command", [("alembic", "heads"), ("adapter.inbound.cli.migrate", "rules")])
def test_locale_that_is_not_installed(command: tuple[str, ...]) -> None:
    """Where LC_ALL names a locale that the system does not have, Python reads ASCII, and all the same works."""
    result = run(*command, LC_ALL="xx_XX.UTF-8")

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("answer", "exit_code", "last_line"), [("", 130, "interrupted"), ("n\n", 1, "nothing was deleted")]
)
def test_question_before_a_reset(answer: str, exit_code: int, last_line: str, tmp_path: Path) -> None:
    """`migrate db reset` deletes nothing without a yes; Ctrl-C at its question ends it as everywhere."""
    (tmp_path / "18").mkdir()
    keyboard, terminal = os.openpty()
    with (
        os.fdopen(keyboard, "wb", buffering=0) as keys,
        subprocess.Popen(
            [sys.executable, "-m", "adapter.inbound.cli.migrate", "db", "reset"],
            env=process_environment(HEXALEMBIC_POSTGRES_DIR=str(tmp_path), HEXALEMBIC_POSTGRES_VERSION="18"),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        os.close(terminal)
        assert process.stdout is not None
        question = f"Delete all data in {tmp_path / '18'}? [y/N]: "
        assert process.stdout.read(len(question)) == question.encode()
        if answer:
            keys.write(answer.encode())
        while not answer and process.poll() is None:  # a signal that comes before it reads the terminal is not seen
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
        said = process.communicate(timeout=60)[1].decode()

    assert process.returncode == exit_code, said
    assert said.splitlines()[-1] == last_line
    assert (tmp_path / "18").is_dir()
