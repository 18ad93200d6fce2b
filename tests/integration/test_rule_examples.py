"""Each rule's own examples, run on a real server: the bad one is found, the good one is not and is safe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.migration.trial.trials import SandboxTrials
from domain.migration.analysis.revision_analysis import RevisionAnalysis, analyze
from domain.migration.analysis.rule import Example, Rule
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Severity
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

RULES = {rule.code: rule for rule in all_rules()}
ROWS = 1200


@pytest.fixture(scope="module")
def sandbox(server: Server) -> Iterator[ServerSandbox]:
    """A sandbox for all examples."""
    with ServerSandbox(server.url()) as opened:
        yield opened


@pytest.fixture(scope="module")
def agent(sandbox: ServerSandbox) -> Iterator[Agent]:
    """One agent for all examples on a server."""
    del sandbox  # the agent reaches one server only
    with Agent() as started:
        yield started


def run(example: Example, sandbox: ServerSandbox, agent: Agent, folder: Path) -> RevisionAnalysis:
    """Analyze an example after its setup."""
    folder.mkdir()
    history = History(folder)
    extension = "CREATE EXTENSION IF NOT EXISTS vector;" if "vector(" in example.setup else ""
    statements = [part.strip() for part in f"{extension}{example.setup}".split(";") if part.strip()]
    setup = "\n".join(f"op.execute(sa.text({part!r}))" for part in statements) or "pass"
    history.add("r1", None, setup)
    history.add("r2", "r1", example.upgrade, example.downgrade)
    databases = RevisionDatabases(Project(history.plain_ini(), rows=ROWS), sandbox, agent)
    trials = SandboxTrials(databases)
    (entry,) = trials.history().select("r2")
    with trials.begin(entry, goes_on=False) as trial:
        return analyze(trial.trace)


def codes(analysis: RevisionAnalysis) -> set[str]:
    """Name what was said."""
    return {diagnostic.code for diagnostic in analysis.diagnostics}


@pytest.mark.few(2)
@pytest.mark.some(20)
@pytest.mark.parametrize("code", RULES)
def test_examples(code: str, sandbox: ServerSandbox, agent: Agent, tmp_path: Path) -> None:
    """The rule speaks of its bad example with its severity, and not of its good one, which is safe."""
    rule: Rule = RULES[code]
    bad = run(rule.bad, sandbox, agent, tmp_path / "bad")
    good = run(rule.good, sandbox, agent, tmp_path / "good")

    assert code in codes(bad), [str(one) for one in bad.diagnostics]
    assert rule.severity is Severity.ERROR or code not in bad.reasons
    if rule.severity is Severity.ERROR:
        assert bad.verdict == "unsafe"
    assert code not in codes(good), [str(one) for one in good.diagnostics]
    assert good.verdict == "safe", good.reasons
