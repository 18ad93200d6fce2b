"""An `alembic.ini` that cannot be used is a fault of the configuration: two lines, and the exit code 2."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.history import History
from tests.integration.test_errors import fails
from tests.support import PROJECT_ROOT, process_environment


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of this project."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "tests", "benchmarks")
    shutil.copytree(PROJECT_ROOT, tmp_path / "copy", ignore=ignored)
    return tmp_path / "copy"


@pytest.mark.few(1)
@pytest.mark.parametrize("command", ["status", "analyze"])
def test_alembic_ini(checkout: Path, command: str) -> None:
    """Each fault of the file is named with its cure."""
    file = checkout / "alembic.ini"
    text = file.read_text(encoding="utf-8")
    for content, message, hint in (
        (text.replace("%(here)s", "50% off"), "alembic.ini cannot be read: '%' must be followed by", "as %%;"),
        (
            f"\ufeff{text}",
            "alembic.ini cannot be read: File contains no section headers (line 1).",
            "byte order mark",
        ),
        (text.replace("script_location = ", "script_location = no/"), "There is no folder no/", "%(here)s"),
        (
            text.replace("= os", "= nothing"),
            "'nothing' is not a valid value for path_separator",
            "Correct the setting in alembic.ini",
        ),
        (text.replace("[alembic]", "[other]"), "No 'script_location' key found", "in the section [alembic]"),
    ):
        file.write_text(content, encoding="utf-8")
        result = subprocess.run(
            [sys.executable, "-m", "adapter.inbound.cli.migrate", command],
            cwd=checkout,
            env=process_environment("postgresql://127.0.0.1:1/nowhere", PYTHONPATH=str(checkout)),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        lines = result.stderr.strip().splitlines()

        assert result.returncode == 2, result.stderr
        assert len(lines) == 2, lines
        assert message in lines[0]
        assert hint in lines[1]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("[formatters]", "[nothing]", "it has no section [formatters]"),
        ("keys = root,", "keys = root,lost,", "it has no section [logger_lost]"),
        ("class = StreamHandler", "class = NoHandler", "ModuleNotFoundError: No module named 'NoHandler'"),
    ],
)
def test_logging(history: History, before: str, after: str, reason: str) -> None:
    """Sections for logging that cannot be used are two lines, from Alembic and from `migrate`."""
    history.add("r1", None, "pass")
    path = history.ini()
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    url = "postgresql://127.0.0.1:1/nowhere"
    for command, exit_code in (("alembic", 255), ("adapter.inbound.cli.migrate", 2)):
        arguments = ["-c", str(path), "current"] if command == "alembic" else ["analyze", "-c", str(path), "base:heads"]
        said = fails(command, *arguments, url=url, exit_code=exit_code)

        assert f"Logging cannot be set up by alembic.ini: {reason}." in said
        assert "hint: Correct its sections for logging" in said
