"""Files of revisions are analyzed: by hand, by the pre-commit hook, and by the workflow that docs/ci.md shows."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import SERVERS
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

TABLE = 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)")'
INDEX = 'op.create_index("ix_people_name", "people", ["name"])'
COLUMN = 'op.execute("ALTER TABLE people ADD COLUMN nickname text")'
PAGE = (PROJECT_ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


@pytest.fixture
def three(history: History) -> History:
    """A table, a safe revision, an unsafe one."""
    history.add("r1", None, TABLE, 'op.drop_table("people")')
    history.add("r2", "r1", COLUMN, 'op.drop_column("people", "nickname")')
    history.add("r3", "r2", INDEX, 'op.drop_index("ix_people_name")')
    (history.folder / "__init__.py").touch()
    return history


def analyze(sandbox_url: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a sandbox of the tests' server."""
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "--sandbox-url", sandbox_url]
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=PROJECT_ROOT,
        env=process_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def analyzed(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the revisions of a report in JSON."""
    assert result.returncode in {0, 1}, result.stdout + result.stderr
    return [revision["revision"] for revision in json.loads(result.stdout)["revisions"]]


def test_files_and_ranges_select_revisions(sandbox_url: str, three: History) -> None:
    """Files and ranges are analyzed together, each revision once and in the order in which they run."""
    ini, folder = three.plain_ini(), three.folder

    given = (folder / "r3.py", "base:r1", folder / "__init__.py", os.path.relpath(folder / "r1.py", PROJECT_ROOT))
    assert analyzed(analyze(sandbox_url, *given, "-c", ini, "--format", "json")) == ["r1", "r3"]


@pytest.mark.few(2)
@pytest.mark.parametrize("form", ["text", "json", "markdown", "sarif", "github"])
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_no_revision_among_the_files(sandbox_url: str, three: History, form: str) -> None:
    """An `__init__.py` alone is nothing to analyze, in every format, and that is no failure."""
    result = analyze(sandbox_url, three.folder / "__init__.py", "-c", three.plain_ini(), "--format", form)

    assert result.returncode == 0, result.stderr
    assert "r3" not in result.stdout


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_files_that_are_no_revisions(sandbox_url: str, three: History, tmp_path: Path) -> None:
    """A file of another place, and one that is not there, are two lines and exit code 2."""
    (tmp_path / "other.py").touch()
    ini = three.plain_ini()
    for name in ("other.py", "gone.py"):
        result = analyze(sandbox_url, tmp_path / name, "-c", ini)

        assert result.returncode == 2
        assert f"{name} is not a revision of this project" in result.stderr
        assert "hint: " in result.stderr


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_no_such_python(sandbox_url: str, three: History) -> None:
    """An interpreter that is not there is named, with the option that names another."""
    result = analyze(sandbox_url, three.folder / "r2.py", "-c", three.plain_ini(), "--python", "/nowhere/python")

    assert result.returncode == 2
    assert "there is no Python /nowhere/python" in result.stderr
    assert "--python" in result.stderr


def shown() -> list[Any]:
    """Read the YAML that the page shows."""
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)]


def hook() -> dict[str, Any]:
    """Read the hook that this repository offers."""
    (only,) = yaml.safe_load((PROJECT_ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return dict(only)


def test_the_page_shows_the_hook() -> None:
    """What the page shows is YAML, names the hook by its id, and its local form does the same as the hook."""
    remote, local, workflow = shown()
    mine = hook()

    assert [one["id"] for one in remote["repos"][0]["hooks"]] == [mine["id"]]
    copy = local["repos"][0]["hooks"][0]
    assert {key: copy[key] for key in ("entry", "files", "require_serial")} == {
        key: mine[key] for key in ("entry", "files", "require_serial")
    }
    assert workflow["jobs"]["analyze"]["steps"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of an Alembic project with one committed revision, and a branch with a safe and an unsafe one."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "versions").mkdir()
    revisions = History(root / "versions")
    (root / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n", encoding="utf-8")
    made = revisions.plain_ini().parent
    (made / "env.py").rename(root / "env.py")
    (root / ".venv").symlink_to(sys.prefix)
    (root / ".gitignore").write_text("versions_project\n.venv\n", encoding="utf-8")
    revisions.add("r1", None, TABLE, 'op.drop_table("people")')
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "start")
    revisions.add("r2", "r1", COLUMN, 'op.drop_column("people", "nickname")')
    revisions.add("r3", "r2", INDEX, 'op.drop_index("ix_people_name")')
    (root / "versions" / "__init__.py").touch()
    (root / "notes.py").touch()
    git(root, "add", ".")
    return root


def git(root: Path, *arguments: str) -> str:
    """Run git."""
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.run(
        ["git", *who, *arguments],  # noqa: S607 - the one of the path
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def environment(**more: str) -> dict[str, str]:
    """Return an environment where `migrate` is on the path, as it is for a hook and in a job."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **more}


@pytest.mark.long
def test_hook_runs(sandbox_url: str, repository: Path) -> None:
    """The hook's entry, given the staged files that its pattern lets through, fails on the unsafe revision only."""
    staged = git(repository, "diff", "--cached", "--name-only", "--diff-filter=ACM").split()
    files = [name for name in staged if re.search(hook()["files"], name)]
    assert sorted(files) == ["versions/__init__.py", "versions/r2.py", "versions/r3.py"]

    def run(*names: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*shlex.split(hook()["entry"]), "--sandbox-url", sandbox_url, *names],
            cwd=repository,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    failed = run("--format", "json", *files)
    assert failed.returncode == 1, failed.stderr
    assert analyzed(failed) == ["r2", "r3"]
    assert "blocking-index-build" in failed.stdout
    assert run("versions/r2.py").returncode == 0


@pytest.mark.long
def test_workflow_runs(repository: Path, tmp_path: Path) -> None:
    """The workflow's own scripts find the changed revisions, annotate the unsafe one, and write the reports."""
    base = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "commit", "-q", "-m", "two revisions")
    steps = {step["name"]: step for step in shown()[2]["jobs"]["analyze"]["steps"] if "name" in step}
    output, summary = tmp_path / "output", tmp_path / "summary"

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", "-e", "-c", steps[name]["run"]],
            cwd=repository,
            env=environment(
                BASE=base,
                GITHUB_OUTPUT=str(output),
                GITHUB_STEP_SUMMARY=str(summary),
                HEXALEMBIC_SANDBOX_DIR=str(tmp_path / "sandbox"),
                HEXALEMBIC_POSTGRES_LINGER="2",
            ),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    assert run("Find the changed revisions").returncode == 0
    assert output.read_text(encoding="utf-8") == "any=true\n"
    annotated = run("Annotate")
    assert annotated.returncode != 0
    assert "::error file=versions/r3.py,line=" in annotated.stdout, annotated.stderr
    reported = run("Report")
    assert reported.returncode == 0, reported.stderr
    comment = (repository / "report.md").read_text(encoding="utf-8")
    assert comment.startswith("<!-- migrate analyze -->")
    assert "`r3`" in comment
    assert summary.read_text(encoding="utf-8") == comment
    sarif = json.loads((repository / "report.sarif").read_text(encoding="utf-8"))
    places = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in sarif["runs"][0]["results"]
        for place in result["locations"]
    }
    assert "versions/r3.py" in places
