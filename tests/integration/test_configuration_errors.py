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


@pytest.mark.one_major
def test_alembic_ini(checkout: Path) -> None:
    """Each fault of the file is two lines with its cure, the same ones from Alembic and from `migrate`."""
    file = checkout / "alembic.ini"
    text = file.read_text(encoding="utf-8")
    for content, message, hint in (
        (text.replace("= UTC", "= 50% off"), "alembic.ini cannot be read: '%' must be followed by", "as %%;"),
        (f"\ufeff{text}", "alembic.ini cannot be read: it begins with a byte order mark (line 1).", "without a byte"),
        (f"a = 1\n{text}", "a setting stands before the first section (line 1).", "the section: [alembic]"),
        (
            text.replace("= UTC", "= UTC\ntimezone ="),
            "the setting timezone of [alembic] stands there twice",
            "Take one",
        ),
        (f"{text}\n[alembic]\n", "the section [alembic] stands there twice (line ", "into one section"),
        (text.replace("timezone =", "timezone "), "neither a setting nor a comment (line ", "name = value"),
        (text.replace("= UTC", "= \xe9"), "alembic.ini is not written in UTF-8.", "Save the file as UTF-8"),
        (text.replace("= os", "= nothing"), "'nothing' is not a valid value for path_separator", "Correct the setting"),
    ):
        file.write_bytes(content.encode("latin-1" if "\xe9" in content else "utf-8"))
        said = [
            _said(checkout, *command) for command in (("alembic", "heads"), ("adapter.inbound.cli.migrate", "status"))
        ]

        assert said[0] == said[1]
        assert message in said[0][0]
        assert hint in said[0][1]


@pytest.mark.few(1)
@pytest.mark.parametrize("command", ["status", "analyze"])
def test_no_revisions(checkout: Path, command: str) -> None:
    """A file that leads to no revisions is named with its cure."""
    file = checkout / "alembic.ini"
    text = file.read_text(encoding="utf-8")
    for content, message, hint in (
        (text.replace("script_location = ", "script_location = no/"), "There is no folder no/", "%(here)s"),
        (text.replace("[alembic]", "[other]"), "No 'script_location' key found", "in the section [alembic]"),
    ):
        file.write_text(content, encoding="utf-8")
        what, how = _said(checkout, "adapter.inbound.cli.migrate", command)

        assert message in what
        assert hint in how


def _said(folder: Path, program: str, *arguments: str) -> list[str]:
    """Run a command in a folder, which must end with its exit code for the configuration, and return its two lines."""
    result = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=folder,
        env=process_environment("postgresql://127.0.0.1:1/nowhere", PYTHONPATH=str(folder)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    output = result.stdout + result.stderr
    lines = [line.strip().removeprefix("FAILED: ").removeprefix("error: ") for line in output.strip().splitlines()]

    assert result.returncode == (255 if program == "alembic" else 2), output
    assert len(lines) == 2, lines
    return lines


@pytest.mark.one_major
def test_pyproject(tmp_path: Path) -> None:
    """A pyproject.toml that Alembic cannot read is named with its cure, although there is an alembic.ini."""
    (tmp_path / "alembic.ini").write_text("[alembic]\n", encoding="utf-8")
    for content, message, hint in (
        (b"[tool.alembic\n", "pyproject.toml cannot be read: Expected ']'", "Correct the file"),
        (b"# caf\xe9\n", "pyproject.toml is not written in UTF-8.", "Save the file as UTF-8"),
        (b"[tool.alembic]\nscript_location = '50%off'\n", "pyproject.toml cannot be read: a percent sign", "as %%"),
    ):
        (tmp_path / "pyproject.toml").write_bytes(content)
        what, how = _said(tmp_path, "alembic", "heads")

        assert message in what
        assert hint in how


@pytest.mark.one_major
def test_import_of_alembic() -> None:
    """The plugin changes nothing in a process other than the command `alembic`, and imports nothing of this project."""
    code = (
        "import sys; before = sys.excepthook; import alembic.command; "
        "print('hexalembic_plugin' in sys.modules, sys.excepthook is before, 'adapter' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.split() == ["True", "True", "False"]


@pytest.mark.one_major
def test_console_script(history: History) -> None:
    """The command explains what it cannot read, however it is started, and leaves a defect of env.py its traceback."""
    script = Path(sys.executable).parent / "alembic"
    for name, content, is_explained in (("a", "down_revision = \n", True), ("env", "x = 1 / 0\n", False)):
        if name == "env":
            (history.folder / "a.py").unlink()
            path = history.plain_ini()
            (path.parent / "env.py").write_text(content, encoding="utf-8")
        else:
            (history.folder / "a.py").write_text(content, encoding="utf-8")
            path = history.ini()
        arguments = ["-c", str(path), "heads" if is_explained else "current"]
        for program in ([str(script)], [sys.executable, "-m", "alembic.config"], [sys.executable, "-Im", "alembic"]):
            command = [*program, *arguments]
            result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=history.folder)

            assert ("Traceback" in result.stderr) != is_explained, result.stderr
            assert ("a.py, line 1: Python cannot read the file" in result.stdout) == is_explained
            assert result.returncode == (255 if is_explained else 1)


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
