"""A verdict depends on the revision and the schema, never on what ran before in the same call.

Of each history revisions in a row are judged as a range, and each of them alone, from nothing. `make test-exhaustive`
takes the whole history, of 35 to 67 revisions; otherwise it is seven of them, with a landing among them (see
`RevisionDatabases.is_landing`) and revisions on both sides. What is said of a range as such, that its transaction holds
the locks of earlier revisions, is not part of what is compared.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project as MigratedProject
from adapter.outbound.migration.trial.trials import SandboxTrials
from domain.migration.analysis.revision_analysis import analyze
from domain.migration.history import HistoryEntry
from tests.conftest import Server
from tests.real_projects.environments import environment
from tests.real_projects.test_real_projects import INI, NOWHERE, ONE_AND_OTHERS, ROWS, Project

pytestmark = pytest.mark.long

_SEVEN = 7
_BEGIN = 0.7  # of the history

Judged = tuple[str, list[tuple[str, str]]]


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["seven", "whole"])
@pytest.mark.parametrize("project", ONE_AND_OTHERS)
def test_same_verdict(
    project: Project, whole: bool, server_18: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdict and codes of a revision are the same in a range, where rows come from the one before, and alone."""
    for name, value in {**project.variables, "DATA_DIR": tmp_path, "PHOENIX_WORKING_DIR": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    migrated = MigratedProject(_config(project, tmp_path, "range"), setup=_setup(project), rows=ROWS)
    with ServerSandbox(server_18.url()) as sandbox, Agent(python=str(environment(project.name))) as agent:
        databases = RevisionDatabases(migrated, sandbox, agent)
        entries = databases.history().select("base:heads")
        assert len(entries) == project.revisions
        begin = 0 if whole else int(_BEGIN * len(entries))
        chosen = entries if whole else entries[begin : begin + _SEVEN]
        together = _judged(databases, chosen)
        alone: dict[str, Judged] = {}
        for entry in chosen:
            # a configuration of its own has templates of its own
            config = _config(project, tmp_path, entry.revision)
            alone |= _judged(RevisionDatabases(replace(migrated, config=config), sandbox, agent), [entry])
    assert alone == together


def _judged(databases: RevisionDatabases, entries: Sequence[HistoryEntry]) -> dict[str, Judged]:
    trials = SandboxTrials(databases)
    databases.history()
    found = {}
    for entry in entries:
        with trials.begin(entry, goes_on=len(entries) > 1) as trial:
            analysis = analyze(trial.trace)
        codes = sorted((one.code, one.severity.value) for one in analysis.diagnostics)
        found[entry.revision] = analysis.verdict, codes
    trials.close()
    databases.close()
    return found


def _config(project: Project, folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    path = folder / name / "alembic.ini"
    path.write_text(INI.format(location=project.location, url=f"{project.scheme}:{NOWHERE}"), encoding="utf-8")
    return path


def _setup(project: Project) -> str | None:
    return project.options[project.options.index("--setup") + 1] if "--setup" in project.options else None
