"""`migrate new-service`: a service of one's own, from nothing to a proved revision."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from adapter.outbound.new_service.files import files_of
from adapter.outbound.new_service.writer import write_service
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from tests.support import PROJECT_ROOT, run


def _run(folder: Path, *command: str) -> str:
    """Run a command as a newcomer does, without anything of this project's environment."""
    hidden = {"PYTHONPATH", "DATABASE_URL", "HEXALEMBIC_SANDBOX_DIR", "HEXALEMBIC_POSTGRES_DIR", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["PYTHON"] = sys.executable
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


@pytest.mark.long
def test_a_service_of_ones_own(tmp_path: Path) -> None:
    """Both commands pass on the empty history; the first revision is written, runs, and is proved."""
    made = run("adapter.inbound.cli.migrate", "new-service", str(tmp_path / "Book Shop"))
    service = tmp_path / "Book Shop"
    commands = service / ".venv" / "bin"
    assert made.returncode == 0, made.stderr
    assert "the service book-shop" in made.stdout
    assert ".venv/bin/alembic revision --autogenerate" in made.stdout

    try:
        status = _run(service, "make", "migrate")
        assert "no revision yet" in status
        assert "add table notes" in status
        assert "1 skipped" in _run(service, "make", "test")
        _run(service, "make", "check")

        _run(service, str(commands / "alembic"), "revision", "--autogenerate", "-m", "notes")
        _run(service, str(commands / "alembic"), "upgrade", "head")
        assert "is added" in _run(service, str(commands / "book-shop"), "note", "add", "Buy milk")
        assert "Buy milk" in _run(service, str(commands / "book-shop"), "note", "list")
        assert "EXACT" in _run(service, str(commands / "migrate"), "verify")
        assert "skipped" not in _run(service, "make", "test")
        _run(service, "make", "check")
        assert "none: models and database agree" in _run(service, str(commands / "migrate"), "status", "--check")
    finally:
        if commands.exists():
            _run(service, str(commands / "migrate"), "db", "reset", "--yes")


def test_nothing_of_the_shop_is_left() -> None:
    """No file of a service is of this project's business, and none speaks of its revisions or its demo."""
    paths = {str(path): content for path, content, _mode in files_of(PROJECT_ROOT, "bookshop")}
    history = [
        path.stem.split("_", 3)[-1] for path in (PROJECT_ROOT / "adapter/outbound/database/alembic/versions").glob("2*")
    ]
    words = [
        *(f"`{slug}`" for slug in history),
        "backend demo",
        "backend ingest",
        "wordllama>=",
        "jafgen>=",
        "hypothesis>=",
        "test-all",
        "{{service}}",
        "{{database}}",
    ]

    assert not [path for path in paths if any(f"/{context}/" in path for context in ("users", "orders", "documents"))]
    assert [(path, word) for path, content in paths.items() for word in words if word in content] == []
    assert "domain/notes/note.py" in paths


def test_every_page_and_test_that_a_service_names_is_its_own() -> None:
    """Help and READMEs lead to files that the service has; two pages are written by commands, on demand."""
    contents = {str(path): content for path, content, _mode in files_of(PROJECT_ROOT, "bookshop")}
    written = {"docs/locks.md", "docs/rules.md"}

    named = {
        (path, name)
        for path, content in contents.items()
        for name in re.findall(r"\b(?:docs|tests)/[\w/-]+\.(?:md|py)\b", content)
    }
    assert {(path, name) for path, name in named if name not in contents and name not in written} == set()


def test_constraints_are_of_what_a_service_installs() -> None:
    """Each pinned package is one that the service needs, or that such a package needs."""
    contents = {str(path): content for path, content, _mode in files_of(PROJECT_ROOT, "bookshop")}
    project = tomllib.loads(contents["pyproject.toml"])["project"]
    needed: set[str] = set()
    waiting = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key in needed:
            continue
        needed |= {key, name}
        try:
            parts = [Requirement(part) for part in requires(name) or ()]
        except PackageNotFoundError:
            continue
        extras = ("", *requirement.extras)
        waiting += [
            str(part) for part in parts if not part.marker or any(part.marker.evaluate({"extra": e}) for e in extras)
        ]

    pinned = re.findall(r"^([\w-]+)==", contents["constraints.txt"], re.MULTILINE)
    assert pinned
    assert [name for name in pinned if canonicalize_name(name) not in needed] == []


def test_every_file_of_a_service_is_linted(tmp_path: Path) -> None:
    """No setting excludes a folder of the service, such as that of its first context."""
    write_service(tmp_path / "bookshop", None, PROJECT_ROOT)
    service = tmp_path / "bookshop"
    listed = _run(service, sys.executable, "-m", "ruff", "check", "--no-cache", "--show-files")
    unread = {str(path) for path in service.rglob("*.py")} - {*listed.splitlines()}

    assert unread == set()
    assert not (service / ".ruff_cache").exists()
    _run(service, sys.executable, "-m", "ruff", "check", "--no-cache", ".")


@pytest.mark.parametrize(
    ("folder", "name", "message"),
    [
        ("taken", None, "exists already"),
        ("new", "Not A Name", "cannot be a service's name"),
        ("new", "alembic", "is the name of a package"),
        ("123", None, "cannot be a service's name"),
    ],
)
def test_what_cannot_be_made(tmp_path: Path, folder: str, name: str | None, message: str) -> None:
    """A folder with something in it, and a name that pip or the shell would not take, leave everything as it is."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(DatabaseConfigurationError, match=message):
        write_service(tmp_path / folder, name, PROJECT_ROOT)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine.txt", "taken"]


def test_only_from_the_repository(tmp_path: Path) -> None:
    """Where the project's files are not at hand, the error says where they are."""
    with pytest.raises(DatabaseConfigurationError, match="is missing"):
        write_service(tmp_path / "new", None, tmp_path)
