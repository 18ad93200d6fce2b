"""Code that the product proposes for revisions, and how its reader puts it into a revision.

A statement's code takes the place of the statement, and has a revision of its own behind what the revision does before.
A line goes to the top of the upgrade, a declaration to the end of the file, and a downgrade takes the place of the old.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
from adapter.outbound.migration.trial.trial import SandboxTrial
from adapter.outbound.migration.trial.trials import SandboxTrials
from domain.migration.analysis.revision_analysis import RevisionAnalysis, analyze
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import DOWNGRADE, execute, in_autocommit, indented, lines
from domain.migration.snapshot import compare
from domain.migration.trace import RevisionTrace, StatementTrace
from domain.migration.verification.proof import RevisionProof, round_trip
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.verdict import judge_proof

_WRITES = "unbatched-write"  # the values before are gone, which a revision declares
_IRREVERSIBLE = 'irreversible = "the values before are gone"'
_LEFT = "invalid-index-left"
# Rules whose code reaches, in place of the statement, the schema that the revision reaches anyway.
_SAME_END = {
    "blocking-index-build",
    "blocking-index-drop",
    "constraint-validated-at-once",
    _LEFT,
    "set-not-null-scan",
}
# What the old code meets whether or not the statement blocks: another finding, on the revision as it is.
_OLD_CODE = {"breaks-old-code"}
_DECLARATIONS = ("lossy_downgrade =", "irreversible =")
_LEFT_OUT = re.compile(r"^# Take out .* \(statement (\d+)\)", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\$\d|%\(\w+\)s|%s")


@dataclass(frozen=True)
class Finding:
    """A diagnostic that proposes code.

    Attributes:
        analysis: Analysis of its revision.
        diagnostic: The diagnostic, of analyze or of verify.
        errors: Codes of the errors that verify has for the revision as it is.
    """

    analysis: RevisionAnalysis
    diagnostic: Diagnostic
    errors: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return the revision, the rule and the place in one line."""
        place = self.diagnostic.relation if self.diagnostic.statement is None else self.diagnostic.statement + 1
        return f"{self.analysis.trace.revision} {self.diagnostic.code} {place}"

    @property
    def lines(self) -> list[str]:
        """The lines of the code without declarations."""
        return [line for line in str(self.diagnostic.fix).splitlines() if not line.startswith(_DECLARATIONS)]

    @property
    def declarations(self) -> str:
        """The declarations in the code."""
        return "\n".join(line for line in str(self.diagnostic.fix).splitlines() if line.startswith(_DECLARATIONS))

    @property
    def upgrade(self) -> str:
        """The code of the upgrade."""
        return "\n".join(self.lines).partition(DOWNGRADE)[0].strip("\n")

    @property
    def downgrade(self) -> str:
        """The body of the downgrade, indented; empty where the code has none."""
        return "\n".join(self.lines).partition(DOWNGRADE)[2].strip("\n")

    @property
    def is_of_statement(self) -> bool:
        """Whether the code takes the place of a statement, or stands in a revision of its own."""
        is_setting = self.upgrade.startswith('op.execute("SET LOCAL ') and "\n" not in self.upgrade
        return bool(self.upgrade) and not is_setting

    @property
    def reaches_the_same_end(self) -> bool:
        """Whether the code is another way to what the statement does, and neither its first step nor the rest of it."""
        is_first_step = "# In the next revision" in self.upgrade
        attaches_the_rest = self.diagnostic.code == _LEFT and "ATTACH PARTITION" in self.upgrade
        return self.diagnostic.code in _SAME_END and not (is_first_step or attaches_the_rest)

    @property
    def is_of_new_table(self) -> bool:
        """Whether the code belongs into the transaction that makes a table, and goes with it."""
        return not self.downgrade and self.diagnostic.relation not in self.analysis.trace.tables

    def context(self) -> list[StatementTrace]:
        """Return what changes the schema before the code, or fills a new table, and stays."""
        trace, statement = self.analysis.trace, self.diagnostic.statement
        end = len(trace.upgrade) if statement is None or self._comes_later else statement + (not self._replaces)
        return [
            step
            for index, step in enumerate(trace.upgrade[:end])
            if index not in self._left_out and (_changes_schema(step) or _fills_new(trace, step))
        ]

    def in_place(self) -> str | None:
        """Return the upgrade with the code in the place of its statement; None where it belongs to a later revision."""
        trace, place = self.analysis.trace, self.diagnostic.statement
        if self._comes_later or self.upgrade.startswith("# In an earlier revision"):
            return None
        if any(_PLACEHOLDER.search(statement.sql) for statement in trace.upgrade if _writes(statement)):
            return None  # its values are not known
        if place is None:
            return "\n".join([*map(_executed, filter(_does_something, trace.upgrade)), self.upgrade])
        own = _executed(trace.upgrade[place])
        pasted = [self.upgrade] if self._replaces else [own, self.upgrade]
        if self.upgrade.startswith("# Before"):
            pasted.reverse()
        left_out = self._left_out
        before, after = (
            [trace.upgrade[other] for other in part if other not in left_out and _does_something(trace.upgrade[other])]
            for part in (range(place), range(place + 1, len(trace.upgrade)))
        )
        return "\n".join([*map(_executed, before), *pasted, *map(_executed, after)])

    @property
    def _left_out(self) -> set[int]:
        """Indexes of the statements that the code says to take out."""
        return {int(number) - 1 for number in _LEFT_OUT.findall(self.upgrade)}

    @property
    def _comes_later(self) -> bool:
        return self.upgrade.startswith("# In the next revision")

    @property
    def _replaces(self) -> bool:
        return self.diagnostic.code not in {
            "foreign-key-without-index",
            "ann-options-without-reindex",
            "sequence-behind-rows",
        }


def _changes_schema(statement: StatementTrace) -> bool:
    return bool(statement.created or statement.altered or statement.dropped) and statement.error is None


def _writes(statement: StatementTrace) -> bool:
    return any(rows.total for rows in statement.rows.values()) and not _changes_schema(statement)


def _fills_new(trace: RevisionTrace, statement: StatementTrace) -> bool:
    """Return whether a statement, whose values are known, writes tables that its revision has made."""
    is_known = _PLACEHOLDER.search(statement.sql) is None
    return is_known and _writes(statement) and trace.tables.keys().isdisjoint(statement.rows)


def _does_something(statement: StatementTrace) -> bool:
    return _changes_schema(statement) or _writes(statement)


def _executed(statement: StatementTrace) -> str:
    return in_autocommit(execute(statement.sql)) if statement.cannot_run_in_transaction else execute(statement.sql)


def find(databases: RevisionDatabases, wanted: str | Iterable[str]) -> Iterator[Finding]:
    """Analyze revisions and prove their round trips; yield the findings that propose code.

    Args:
        databases: Of the project.
        wanted: A range, or some revisions.
    """
    trials, files = SandboxTrials(databases, keeps_before=True), ListedRevisionFiles(databases)
    history = trials.history()
    ranges = [wanted] if isinstance(wanted, str) else wanted
    for entry in (entry for name in ranges for entry in history.select(name)):
        with trials.begin(entry) as trial:
            trace = replace(trial.trace, unmade_edges=trial.unmade_edges())
            analysis = analyze(trace)
            again = None if trace.after is None or trace.restored is None else trial.upgrade_again()
        trip = None if trace.went_on else round_trip(trace, again)
        judged = judge_proof(RevisionProof(analysis, trip=trip), files.declaration(entry))
        errors = frozenset(diagnostic.code for diagnostic in judged if diagnostic.severity is Severity.ERROR)
        proposals: dict[tuple[str, int | None, str | None, str], Diagnostic] = {}
        for diagnostic in (*analysis.diagnostics, *judged):
            if diagnostic.fix and diagnostic.suppressed_reason is None:
                key = (diagnostic.code, diagnostic.statement, diagnostic.relation, diagnostic.fix)
                proposals.setdefault(key, diagnostic)
        yield from (Finding(analysis, diagnostic, errors) for diagnostic in proposals.values())
    trials.close()
    databases.close()


@dataclass
class Trial:
    """A project with revisions more, in which proposed code stands.

    Attributes:
        databases: Of the project as it is.
        folder: For the new revisions and the configuration that knows them.
    """

    databases: RevisionDatabases
    folder: Path

    def problems(self, findings: Sequence[Finding]) -> dict[int, str]:
        """Try the code of findings; return what is wrong with it, by the number of the finding."""
        versions = self.folder / "versions"
        versions.mkdir()
        names = [list(_write(versions, f"fix{number}", finding)) for number, finding in enumerate(findings)]
        pasted = RevisionDatabases(
            replace(self.databases.project, config=self._configuration(findings[0], versions)),
            self.databases.sandbox,
            self.databases.agent,
        )
        trials, files = SandboxTrials(pasted, keeps_before=True), ListedRevisionFiles(pasted)
        wrong = {}
        for number, finding in enumerate(findings):
            for name in names[number]:
                in_place = name.endswith("place")
                problem = (
                    _problem_in_place(trials, name, finding) if in_place else _problem(trials, files, name, finding)
                )
                if problem:
                    wrong[number] = problem
                    break
        trials.close()
        pasted.close()
        return wrong

    def _configuration(self, finding: Finding, versions: Path) -> Path:
        text = self.databases.project.config.read_text(encoding="utf-8")
        theirs = Path(self.databases.listed(finding.analysis.trace.revision).path).parent
        text = re.sub(r"^(version_locations|path_separator) .*\n", "", text, flags=re.MULTILINE)
        lines = f"[alembic]\nversion_locations = {theirs}:{versions}\npath_separator = os\n"
        config = self.folder / "pasted.ini"
        config.write_text(text.replace("[alembic]\n", lines, 1), encoding="utf-8")
        return config


def _write(folder: Path, name: str, finding: Finding) -> Iterator[str]:
    """Write the revisions with the code; yield the names of those of its own, and of that with it in its place."""
    if not finding.is_of_statement:
        yield _write_into_source(folder, name, finding)
        return
    parent: object = finding.analysis.trace.down_revision
    irreversible = finding.diagnostic.code == _WRITES
    nothing = '    raise NotImplementedError("the values before are gone")' if irreversible else "    pass"
    undone = finding.downgrade
    declared = _IRREVERSIBLE if irreversible else finding.declarations
    whole = undone
    if "    ..." in undone:
        present = indented(lines(*map(_executed, finding.analysis.trace.downgrade or ())))
        whole = re.sub(r"^ +\.\.\..*\n", lambda _: present, undone, flags=re.MULTILINE)
        undone = "\n".join(line for line in undone.splitlines() if not line.strip().startswith("..."))
    if not finding.is_of_new_table:
        before = finding.context()
        if before:
            _revision(folder, f"{name}before", parent, "\n".join(map(_executed, before)), "    pass")
        _revision(folder, name, f"{name}before" if before else parent, finding.upgrade, undone or nothing, declared)
        yield name
    in_place = finding.in_place()
    if in_place is not None:
        # with its downgrade, as rows that fit a revision are made by way of that
        _revision(folder, f"{name}place", parent, in_place, whole or "    pass")
        yield f"{name}place"


def _write_into_source(folder: Path, name: str, finding: Finding) -> str:
    """Write the revision itself with a line, a declaration, or another downgrade."""
    source = re.sub(r"^revision\b.*$", f"revision = {name!r}", finding.analysis.trace.source, flags=re.MULTILINE)
    if finding.upgrade:
        source = re.sub(
            r"^(def upgrade\(.*\n(?:    \"\"\".*\"\"\"\n)?)", rf"\1    {finding.upgrade}\n", source, flags=re.MULTILINE
        )
    if finding.downgrade:
        source = re.sub(r"^def downgrade\(", "def _downgrade_before(", source, flags=re.MULTILINE)
        body = re.sub(r"\.\.\.  # .*", "_downgrade_before()", finding.downgrade)
        source += f"\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n\n{DOWNGRADE}\n{body}\n"
    source += f"\n\n{finding.declarations}\n"
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return name


def _revision(folder: Path, name: str, parent: object, upgrade: str, downgrade: str, declared: str = "") -> None:
    body = "".join(f"    {line}\n" if line.strip() else "\n" for line in upgrade.splitlines())
    text = (
        f'"""{name}"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\nrevision = {name!r}\n'
        f"down_revision = {parent!r}\n{declared}\n\n\ndef upgrade():\n{body}    pass\n\n\n"
        f"def downgrade():\n{downgrade}\n"
    )
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def _problem(trials: SandboxTrials, files: ListedRevisionFiles, name: str, finding: Finding) -> str:
    """Return what is wrong with a revision that has the code, kills included; empty when nothing is."""
    (entry,) = trials.history().select(name)
    with trials.begin(entry) as trial:
        return _problem_of(trial, files.declaration(entry), name, finding)


def _problem_of(trial: SandboxTrial, declaration: Declaration, name: str, finding: Finding) -> str:
    trace = replace(trial.trace, unmade_edges=trial.unmade_edges())
    analysis = analyze(trace)
    if trace.after is None:
        return f"{name} fails: {_failure(analysis)}"
    own, stays = finding.is_of_statement, {*finding.analysis.reasons} - {finding.diagnostic.code}
    # What comes before it in the revision is a revision of its own here, whose code is not the old code.
    excused = _OLD_CODE if finding.context() and finding.in_place() is not None else _OLD_CODE & stays
    again = [
        str(diagnostic.message)
        for diagnostic in analysis.diagnostics
        if (diagnostic.unsafe and diagnostic.code not in (excused if own else stays))
        or (_is_same(diagnostic, finding.diagnostic) and diagnostic.suppressed_reason is None)
    ]
    if again:
        return f"{name} is unsafe: {'; '.join(again)}"
    second = trial.upgrade_again() if trace.restored is not None else None
    trip = None if trace.went_on else round_trip(trace, second)
    repetition = trial.repeat() if own else None
    judged = judge_proof(RevisionProof(analysis, trip=trip, repetition=repetition), declaration)
    known = frozenset() if own or finding.downgrade else finding.errors - {finding.diagnostic.code}
    errors = [
        diagnostic.message
        for diagnostic in judged
        if (diagnostic.severity is Severity.ERROR and diagnostic.code not in known)
        or (not own and _is_same(diagnostic, finding.diagnostic))
    ]
    if errors:
        return f"{name} is not proved: {'; '.join(errors)}"
    if not own:
        return ""
    kind = trip.reversibility if trip else None
    wanted = "irreversible" if finding.diagnostic.code == _WRITES else "lossy" if finding.declarations else "exact"
    return "" if kind and kind.value == wanted else f"{name} is {kind and kind.value}"


def _problem_in_place(trials: SandboxTrials, name: str, finding: Finding) -> str:
    """Return what is wrong with the code in the place of its statement: the finding stays, or something worse comes."""
    (entry,) = trials.history().select(name)
    with trials.begin(entry) as trial:
        trace = trial.trace
    analysis = analyze(trace)
    if trace.after is None:
        return f"{name} fails: {_failure(analysis)}"
    before, after = (
        sum(_is_same(diagnostic, finding.diagnostic) for diagnostic in each.diagnostics)
        for each in (finding.analysis, analysis)
    )
    if after >= before:
        return f"{name} has the finding still: {before} before, {after} after"
    worse = [
        diagnostic.message
        for diagnostic in analysis.diagnostics
        if diagnostic.unsafe
        and diagnostic.code not in finding.analysis.reasons
        and "downgrade" not in diagnostic.code
        and diagnostic.statement is not None
    ]
    if worse:
        return f"{name} has more to it: {'; '.join(worse)}"
    expected = finding.analysis.trace.after
    if finding.reaches_the_same_end and expected is not None:
        difference = compare(expected, trace.after, ignore={"position"})
        if difference:
            return f"{name} ends elsewhere: {'; '.join(difference.sentences())}"
    return ""


def _is_same(diagnostic: Diagnostic, other: Diagnostic) -> bool:
    return (diagnostic.code, diagnostic.relation) == (other.code, other.relation)


def _failure(analysis: RevisionAnalysis) -> object:
    trace = analysis.trace
    return trace.not_run or trace.error or [one.error for one in trace.upgrade if one.error]
