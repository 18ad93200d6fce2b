"""A corpus of revisions with the verdict that the definition of "unsafe" gives them, on each Postgres major."""

import ast
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.migration.trial.trials import SandboxTrials
from domain.migration.analysis.revision_analysis import RevisionAnalysis, analyze
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "tests" / "verdicts"
CASES: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "cases.toml").read_text(encoding="utf-8"))
ROWS = 1200


@pytest.fixture(scope="module")
def trials(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxTrials]:
    """Traces the corpus: one base, and every case a branch that follows it."""
    history = History(tmp_path_factory.mktemp("verdicts") / "versions")
    history.folder.mkdir()
    history.add("base0", None, f"op.execute({(FOLDER / 'base.sql').read_text(encoding='utf-8')!r})")
    for name, case in CASES.items():
        history.add(name, "base0", case["upgrade"], case["downgrade"])
    with ServerSandbox(server.url()) as sandbox, Agent() as agent:
        yield SandboxTrials(RevisionDatabases(Project(history.plain_ini(), rows=ROWS), sandbox, agent))


def case_of(name: str) -> Any:
    """Return a case as a parameter: where nothing it expects depends on the major, one major is enough."""
    depends = any(
        isinstance(CASES[name][key], dict) and "16" in CASES[name][key] for key in ("verdict", "reasons", "locks")
    )
    return pytest.param(name, marks=() if depends else pytest.mark.one_major)


def expected(server: Server, value: Any) -> Any:
    """Return what a case says for this major; most say the same for all."""
    return value.get(str(server.major), value) if isinstance(value, dict) else value


@pytest.mark.some(35)
@pytest.mark.few(4)
@pytest.mark.parametrize("name", [case_of(name) for name in CASES])
def test_verdict(name: str, server: Server, trials: SandboxTrials) -> None:
    """Verdict, reasons and locks are those of the corpus, and every corrected revision is Python."""
    case = CASES[name]
    (entry,) = trials.history().select(name)
    with trials.begin(entry, goes_on=False) as trial:
        found: RevisionAnalysis = analyze(trial.trace)

    assert found.verdict == expected(server, case["verdict"]), [str(one) for one in found.diagnostics]
    assert list(found.reasons) == expected(server, case["reasons"]), [str(one) for one in found.diagnostics]
    locks = {table: mode.sql for table, mode in found.trace.locks.items()}
    assert locks == expected(server, case["locks"])
    for diagnostic in found.diagnostics:
        ast.parse(diagnostic.fix or "")
