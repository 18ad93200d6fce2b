"""Code that is proposed for revisions of published projects passes: pasted in, it is safe, and its downgrade exact.

A statement's code is killed at each statement in a revision of its own, and takes the place of its statement among the
others, where the finding is gone and nothing worse comes. See `proposed_code` for the other kinds of code.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project as MigratedProject
from tests.conftest import Server
from tests.real_projects.environments import environment
from tests.real_projects.proposed_code import Finding, Trial, find
from tests.real_projects.test_real_projects import INI, NOWHERE, PROJECTS, ROWS, Project

pytestmark = pytest.mark.long

# Revisions of mlflow, the first of the projects, and the rules of which a finding is tried.
SAMPLE = {
    "451aebb31d03": {"lossy-downgrade", "silent-downgrade"},
    "2b4d017a5e9b": {"downgrade-fails"},
    "cfd24bdc0731": {"table-rewrite", "lock-without-timeout"},
    "5b0e9adcef9c": {"constraint-validated-at-once"},
    "5d2d30f0abce": {"blocking-index-drop", "drop-or-rename-in-use", "blocking-index-build"},
    "ae8bbe7743c9": {"foreign-key-without-index"},
}
_AT_ONCE = 20  # findings whose revisions stand in one folder, which is read for each of them


def test_proposed_code_passes(server_18: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One finding of each kind passes: neither the rule that proposed it nor the round trip has anything against it."""
    with databases(PROJECTS[0], server_18, tmp_path, monkeypatch) as of_project:
        findings = {
            (finding.analysis.trace.revision, finding.diagnostic.code): finding for finding in find(of_project, SAMPLE)
        }
        chosen = [findings[revision, code] for revision, codes in SAMPLE.items() for code in sorted(codes)]
        assert failures(of_project, chosen, tmp_path) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_all_proposed_code_passes(
    project: Project, server_18: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does every finding on the whole history of each project."""
    with databases(project, server_18, tmp_path, monkeypatch) as of_project:
        findings = list(find(of_project, "base:heads"))
        assert findings
        assert failures(of_project, findings, tmp_path) == []


def failures(of_project: RevisionDatabases, findings: Sequence[Finding], folder: Path) -> list[str]:
    """Try the code of findings; tell what is wrong with it, and the code."""
    wrong = []
    for start in range(0, len(findings), _AT_ONCE):
        some = findings[start : start + _AT_ONCE]
        place = folder / f"pasted{start}"
        place.mkdir()
        problems = Trial(of_project, place).problems(some)
        wrong += [f"{some[number]}: {problem}\n{some[number].diagnostic.fix}" for number, problem in problems.items()]
    return wrong


@contextmanager
def databases(
    project: Project, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RevisionDatabases]:
    """Open a sandbox for a project on the tests' server."""
    for name, value in {**project.variables, "DATA_DIR": folder, "PHOENIX_WORKING_DIR": folder}.items():
        monkeypatch.setenv(name, str(value))
    setup = project.options[project.options.index("--setup") + 1] if "--setup" in project.options else None
    python = environment(project.name)
    config = configured(project, python, folder)
    with ServerSandbox(server.url()) as sandbox, Agent(python=str(python)) as agent:
        yield RevisionDatabases(MigratedProject(config, setup=setup, rows=ROWS), sandbox, agent)


# What the advice says to change first: env.py of phoenix begins a transaction of its own.
_MENDED = {
    "phoenix": (
        ("    transaction = connection.begin()\n", ""),
        (
            "        context.run_migrations()\n",
            "        with context.begin_transaction():\n            context.run_migrations()\n",
        ),
        ("        transaction.commit()\n", ""),
        ("        transaction.rollback()\n", "        connection.rollback()\n"),
    )
}


def configured(project: Project, python: Path, folder: Path) -> Path:
    """Write the configuration of a project; where its env.py has to change first, with that."""
    config, location, versions = folder / "alembic.ini", project.location, ""
    if project.name in _MENDED:
        package, _, place = location.partition(":")
        found = next(python.parents[1].glob(f"lib/python*/site-packages/{package}/{place}"))
        text = (found / "env.py").read_text(encoding="utf-8")
        for old, new in _MENDED[project.name]:
            assert old in text
            text = text.replace(old, new)
        (folder / "migrations").mkdir()
        (folder / "migrations" / "env.py").write_text(text, encoding="utf-8")
        location, versions = (
            str(folder / "migrations"),
            f"version_locations = {found / 'versions'}\npath_separator = os\n",
        )
    text = INI.format(location=location, url=f"{project.scheme}:{NOWHERE}")
    config.write_text(text.replace("[alembic]\n", f"[alembic]\n{versions}", 1), encoding="utf-8")
    return config
