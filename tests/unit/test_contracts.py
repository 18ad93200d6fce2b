"""The import contracts: each holds, and each is broken once to show that it would be noticed."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import PROJECT_ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source that may be spoiled."""
    for name in ("adapter", "application", "domain"):
        shutil.copytree(PROJECT_ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT_ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a source tree."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "LANG": "C.UTF-8", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_contracts_hold(copy: Path) -> None:
    """The source as it is keeps every contract."""
    result = lint(copy)

    assert result.returncode == 0, result.stdout + result.stderr


# A file that should not be, what it imports, and the contract that forbids it.
INTRUDERS = [
    ("domain/users/intruder.py", "import application", "adapter -> application -> domain"),
    ("application/users/intruder.py", "import adapter.bootstrap", "adapter -> application -> domain"),
    ("domain/users/stranger.py", "import sqlalchemy", "domain and application use the standard library only"),
    ("application/users/stranger.py", "import rich", "domain and application use the standard library only"),
    (
        "adapter/outbound/database/alembic/intruder.py",
        "import domain",
        "migrations depend on neither application nor domain",
    ),
    (
        "adapter/outbound/database/alembic/versions/intruder.py",
        "import adapter.outbound.database.base",
        "a revision imports nothing of ours",
    ),
    (
        "domain/migration/analysis/rules/intruder.py",
        "import domain.migration.analysis.rules.unbatched_write",
        "rules are independent of each other",
    ),
    (
        "adapter/inbound/cli/intruder.py",
        "import adapter.outbound.postgres.engine",
        "inbound reaches outbound only through the composition root",
    ),
    ("adapter/outbound/postgres/intruder.py", "import adapter.outbound.database.base", "postgres knows nobody"),
    (
        "adapter/outbound/migration/intruder.py",
        "import adapter.outbound.database.metadata",
        "the migration tool never imports the backend",
    ),
    ("domain/migration/intruder.py", "import domain.users.user", "the migration tool never imports the backend"),
    (
        "application/migration/intruder.py",
        "import application.orders.place_order",
        "the migration tool never imports the backend",
    ),
    (
        "adapter/outbound/database/intruder.py",
        "import adapter.outbound.migration.trial.trials",
        "the backend never imports the migration tool",
    ),
    ("adapter/outbound/isolation/intruder.py", "import adapter.outbound.postgres.url", "isolation knows nobody"),
    ("adapter/outbound/isolation/stranger.py", "import psycopg", "isolation knows nobody"),
]


def test_broken_contracts_are_noticed(copy: Path) -> None:
    """Each import that a contract forbids fails the check: the contract is named as broken, with the file."""
    for module, statement, _ in INTRUDERS:
        (copy / module).write_text(f"{statement}\n", encoding="utf-8")
    result = lint(copy)
    said = " ".join(result.stdout.split())

    assert result.returncode == 1, result.stdout + result.stderr
    for module, _, contract in INTRUDERS:
        assert f"{contract} BROKEN" in said
        assert module.removesuffix(".py").replace("/", ".") in said


def test_each_contract_is_broken_once() -> None:
    """A contract that nobody has broken on purpose may forbid nothing."""
    settings = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = {contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}

    assert names == {contract for _, _, contract in INTRUDERS}
