"""Code that is proposed for revisions of published projects passes: pasted in, it is safe, and its downgrade exact.

Of each history some revisions are judged, and of each rule's findings on them the first few are tried, for the time it
takes. A finding's code stands in a revision of its own behind the parents of the one it is about, with what that one
does before: nothing, what it does on new objects only, or all.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project as MigratedProject
from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
from adapter.outbound.migration.trial.trial import SandboxTrial
from adapter.outbound.migration.trial.trials import SandboxTrials
from domain.migration.analysis.revision_analysis import analyze
from domain.migration.diagnostic import Severity
from domain.migration.op_code import DOWNGRADE, quoted
from domain.migration.trace import RevisionTrace, StatementTrace
from domain.migration.verification.proof import RevisionProof, round_trip
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.verdict import judge_proof
from tests.conftest import Server
from tests.real_projects.environments import environment
from tests.real_projects.test_real_projects import INI, NOWHERE, ONE_AND_OTHERS, ROWS, Project

pytestmark = pytest.mark.long

# Revisions with many findings, of every rule that has any.
REVISIONS = {
    "mlflow": ("bd07f7e963c5", "cfd24bdc0731", "5d2d30f0abce", "451aebb31d03", "6f8d9c3b2a1e", "90e64c465722"),
    "phoenix": ("2f9d1a65945f", "8a3764fe7f1a", "132d988c5bef", "4ded9e43755f", "3be8647b87d8"),
    "open-webui": ("1af9b942657b", "c29facfe716b", "4ace53fd72c8", "018012973d35", "b7c8d9e0f1a2", "81cc2ce44d79"),
}
FINDINGS = 1  # of a rule in a project
# What is no code in the place of a statement: a line before the others, or a declaration.
_BESIDE = {"lock-without-timeout", "lossy-downgrade"}
_WRITES = "unbatched-write"  # the values before are gone, which a revision declares
_IRREVERSIBLE = 'irreversible = "the values before are gone"'


@dataclass(frozen=True)
class Finding:
    """A diagnostic that proposes code.

    Attributes:
        trace: Of its revision.
        code: The rule.
        statement: Which statement it is about; None for the whole revision.
        fix: The code.
    """

    trace: RevisionTrace
    code: str
    statement: int | None
    fix: str

    @property
    def pasted(self) -> str:
        """The body of the upgrade."""
        return self.fix.partition(DOWNGRADE)[0]

    @property
    def undone(self) -> str:
        """The body of the downgrade; empty where the code has none."""
        return self.fix.partition(DOWNGRADE)[2]

    def contexts(self) -> Iterator[tuple[str, ...]]:
        """Return what the revision does before, as its reader may have it: nothing, new objects only, all of it."""
        known = {*self.trace.tables}
        end = len(self.trace.upgrade) if self.statement is None else self.statement
        if self.pasted.lstrip().startswith(("# In the next revision", "# In an earlier revision")):
            end = len(self.trace.upgrade)
        before = [one for one in self.trace.upgrade[:end] if one.created or one.altered or one.dropped]
        yield from dict.fromkeys(
            (
                (),
                tuple(one.sql for one in before if _is_new(one) or not known & {*one.locks}),
                tuple(one.sql for one in before),
            )
        )


def _is_new(statement: StatementTrace) -> bool:
    return any(one.kind == "table" for one in statement.created)


@pytest.mark.parametrize("project", ONE_AND_OTHERS)
def test_proposed_code_passes(
    project: Project, server_18: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No rule that proposed it, and nothing of the round trip, has anything against it."""
    for name, value in {**project.variables, "DATA_DIR": tmp_path, "PHOENIX_WORKING_DIR": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    setup = project.options[project.options.index("--setup") + 1] if "--setup" in project.options else None
    config = configured(project, environment(project.name), tmp_path)
    with ServerSandbox(server_18.url()) as sandbox, Agent(python=str(environment(project.name))) as agent:
        databases = RevisionDatabases(MigratedProject(config, setup=setup, rows=ROWS), sandbox, agent)
        findings = find(databases, REVISIONS[project.name], FINDINGS)
        assert findings
        assert failures(databases, findings, tmp_path) == []


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


def find(databases: RevisionDatabases, revisions: Sequence[str], most: int) -> list[Finding]:
    """Judge some revisions, and give the first findings of each rule that have code."""
    trials = SandboxTrials(databases)
    found: dict[str, list[Finding]] = {}
    for revision in revisions:
        (entry,) = trials.history().select(revision)
        with trials.begin(entry, goes_on=False) as trial:
            trace = trial.trace
        for one in analyze(trace).diagnostics:
            if one.fix and one.code not in _BESIDE and one.code != "foreign-key-without-index":
                found.setdefault(one.code, []).append(Finding(trace, one.code, one.statement, one.fix))
    trials.close()
    databases.close()
    return [one for several in found.values() for one in several[:most]]


def failures(databases: RevisionDatabases, findings: Sequence[Finding], folder: Path) -> list[str]:
    """Try the code of findings; what is wrong with it in each context is told."""
    versions = folder / "versions"
    versions.mkdir()
    named = {}
    for number, finding in enumerate(findings):
        for place, before in enumerate(finding.contexts()):
            named[number, place] = _write(versions, f"fix{number}n{place}", finding, before)
    text = databases.project.config.read_text(encoding="utf-8")
    theirs = Path(databases.listed(findings[0].trace.revision).path).parent
    config = folder / "pasted.ini"
    text = re.sub(r"^(version_locations|path_separator) .*\n", "", text, flags=re.MULTILINE)
    lines = f"[alembic]\nversion_locations = {theirs}:{versions}\npath_separator = os\n"
    config.write_text(text.replace("[alembic]\n", lines, 1), encoding="utf-8")
    pasted = RevisionDatabases(replace(databases.project, config=config), databases.sandbox, databases.agent)
    trials, files = SandboxTrials(pasted, keeps_before=True), ListedRevisionFiles(pasted)
    wrong = []
    for number, finding in enumerate(findings):
        said: list[str] = []
        for place, _ in enumerate(finding.contexts()):
            problem = _tried(trials, files, named[number, place], finding)
            said.append(problem)
            if not problem:
                break
        if all(said):
            tried = "\n".join(f"  {one}" for one in said)
            wrong.append(f"{finding.trace.revision} {finding.code}:\n{tried}\n{finding.fix}")
    trials.close()
    pasted.close()
    return wrong


def _tried(trials: SandboxTrials, files: ListedRevisionFiles, revision: str, finding: Finding) -> str:
    """Return what is wrong with pasted code; empty when nothing is."""
    (entry,) = trials.history().select(revision)
    with trials.begin(entry) as trial:
        return _wrong_in(trial, files.declaration(entry), finding)


def _wrong_in(trial: SandboxTrial, declaration: Declaration, finding: Finding) -> str:
    trace = replace(trial.trace, unmade_edges=trial.unmade_edges())
    analysis = analyze(trace)
    if trace.after is None:
        return f"it fails: {trace.not_run or trace.error or [one.error for one in trace.upgrade if one.error]}"
    again = [str(one.message) for one in analysis.diagnostics if one.unsafe]
    if again:
        return f"unsafe: {'; '.join(again)}"
    trip = round_trip(trace, trial.upgrade_again() if trace.restored is not None else None)
    proof = RevisionProof(analysis, trip=trip)
    judged = judge_proof(proof, declaration)
    errors = [one.message for one in judged if one.severity is Severity.ERROR]
    if errors:
        return f"not proved: {'; '.join(errors)}"
    kind = trip.reversibility if trip else None
    wanted = "irreversible" if finding.code == _WRITES else "exact"
    return "" if kind and kind.value == wanted else f"it is {kind and kind.value}"


def _write(folder: Path, name: str, finding: Finding, before: Sequence[str]) -> str:
    """Write the revision with the code, and one before it for its context; give its name."""
    parent: object = finding.trace.down_revision
    if before:
        body = "".join(f"    op.get_bind().exec_driver_sql({quoted(sql)})\n" for sql in before)
        _revision(folder, f"{name}a", parent, body, "    pass\n")
        parent = f"{name}a"
    upgrade = "".join(f"    {line}\n" if line.strip() else "\n" for line in finding.pasted.splitlines())
    irreversible = finding.code == _WRITES
    nothing = '    raise NotImplementedError("the values before are gone")\n' if irreversible else "    pass\n"
    _revision(folder, name, parent, upgrade, finding.undone or nothing, _IRREVERSIBLE if irreversible else "")
    return name


def _revision(folder: Path, name: str, parent: object, upgrade: str, downgrade: str, declared: str = "") -> None:
    text = (
        f'"""{name}"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = {name!r}\n'
        f"down_revision = {parent!r}\n{declared}\n\n\ndef upgrade():\n{upgrade}    pass\n\n\n"
        f"def downgrade():\n{downgrade}\n"
    )
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
