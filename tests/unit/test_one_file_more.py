"""As docs/architecture.md says, a rule, a check, a command and a report format are found by the place of their file."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PROJECT_ROOT

_COMMAND = '''"""A command more."""

import typer

app = typer.Typer()


@app.command("one-more")
def one_more() -> None:
    """Do nothing."""
'''
_FORMAT = '''"""A format more."""


def render(report):
    return "one more"
'''
_ASKED = """
from adapter.inbound.cli import backend, migrate
from adapter.outbound.migration.report.writers import render_report
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.rules import all_rules
from domain.migration.verification.checks import all_checks
from typer.main import get_command

print("one-more" in {rule.code for rule in all_rules()})
print("one-more" in {check.code for check in all_checks()})
for program in (migrate, backend):
    commands = get_command(program.build()).commands
    print("one-more" in commands)
    if "analyze" in commands:
        print(commands["analyze"].make_context("analyze", ["--format", "one_more"]).params["form"])
print(render_report(AnalysisReport("18", None, ()), "one_more", lambda: None, verbose=False, color=False))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source to which files can be added."""
    for name in ("adapter", "application", "domain"):
        shutil.copytree(PROJECT_ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _like(folder: Path, module: str, code: str) -> None:
    """Write a module with another code beside one."""
    text = (folder / f"{module}.py").read_text(encoding="utf-8")
    (folder / "one_more.py").write_text(text.replace(f'"{code}"', '"one-more"'), encoding="utf-8")


def test_each_is_found(copy: Path) -> None:
    """A file in the right folder is enough: nothing else names it."""
    _like(copy / "domain/migration/analysis/rules", "duplicate_index", "duplicate-index")
    _like(copy / "domain/migration/verification/checks", "loss_not_seen", "loss-not-seen")
    for program in ("migrate", "backend"):
        (copy / "adapter/inbound/cli" / program / "one_more.py").write_text(_COMMAND, encoding="utf-8")
    (copy / "adapter/outbound/migration/report/analysis_one_more.py").write_text(_FORMAT, encoding="utf-8")
    asked = subprocess.run(
        [sys.executable, "-c", _ASKED],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PATH": "", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert asked.stdout.split("\n")[:-1] == ["True", "True", "True", "one_more", "True", "one more"], asked.stderr
