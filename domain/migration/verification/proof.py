"""What `migrate verify` proves of a revision: it can be undone, repeated, and lived with."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from domain.migration.analysis.judging import refuses, statement_of
from domain.migration.analysis.moves import without_moves
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rules import all_rules
from domain.migration.compatibility import BrokenStatement, Compatibility
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataChangeKind, DataDifference
from domain.migration.names import split
from domain.migration.repair.derivation import Repair, derive
from domain.migration.repair.renames import Rename, read_renames
from domain.migration.revision import Phase
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot, attributes, compare
from domain.migration.trace import RevisionTrace, StatementTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.checks import UNSEEN, judge
from domain.migration.verification.one_way import one_way
from domain.migration.verification.round_trip import Declaration, Reversibility, RoundTrip
from domain.migration.verification.rows_there import CAUSE
from domain.migration.verification.unseen_losses import losses_not_seen


class Proof(Enum):
    """The proofs that can be asked for."""

    ROUND_TRIP = "round-trip"
    REPEAT = "repeat"
    COMPATIBILITY = "compat"


@dataclass(frozen=True)
class Again:
    """The upgrade, after the downgrade, beside the first one.

    Attributes:
        failure: Why it failed; None when it did not.
        schema: What separates the schema from that after the first upgrade.
        data: The same of the rows, where the upgrade gives the same values each time.
        there: What the downgrade takes away where the rows that the upgrade inserts were there before it.
    """

    failure: str | None = None
    schema: SchemaDifference = field(default_factory=SchemaDifference)
    data: DataDifference = field(default_factory=DataDifference)
    there: DataDifference = field(default_factory=DataDifference)


@dataclass(frozen=True)
class Repetition:
    """The upgrade run twice, and interrupted.

    Attributes:
        twice: What a second upgrade changed, in sentences.
        kills: How many times it was killed, each time on a database of its own.
        failures: Of those, the ones that a second run did not bring to the same end, in sentences.
    """

    twice: tuple[str, ...] = ()
    kills: int = 0
    failures: tuple[str, ...] = ()

    @property
    def survived(self) -> int:
        """Kills after which a second run ended as an undisturbed one."""
        return self.kills - len(self.failures)


@dataclass(frozen=True)
class RevisionProof:
    """All that was proved of one revision.

    Attributes:
        analysis: The revision, run and judged as `migrate analyze` does it.
        trip: The round trip; None when it was not asked for, or the upgrade failed.
        repetition: Likewise.
        old_code: Statements of the code before on the schema after; likewise.
        new_code: Statements of the code after on the schema before; likewise.
        diagnostics: What is wrong with it.
        certificate: What its downgrade was proved to be; None when it was not, or not asked for.
    """

    analysis: RevisionAnalysis
    trip: RoundTrip | None = None
    repetition: Repetition | None = None
    old_code: Compatibility | None = None
    new_code: Compatibility | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    certificate: Certificate | None = None

    @property
    def failed(self) -> bool:
        """Whether a proof failed."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self.diagnostics)

    @property
    def not_judged(self) -> bool:
        """Whether it could not be run, so that nobody knows of it."""
        return bool(self.analysis.trace.not_run)

    @property
    def not_seen(self) -> bool:
        """Whether a statement found no row to work on and nothing else speaks against EXACT: so nothing is proved."""
        idle = any(one.code in _NOT_SEEN and one.severity is Severity.WARNING for one in self.diagnostics)
        return idle and self.trip is not None and self.trip.reversibility is Reversibility.EXACT


def round_trip(trace: RevisionTrace, again: Again | None) -> RoundTrip | None:
    """Put together what was seen of a revision's way there and back; None when its upgrade failed."""
    if trace.after is None or trace.before is None:
        return None
    statements = sum(statement.count for statement in trace.downgrade or ())
    if refuses(trace):
        return RoundTrip(refusal=trace.downgrade_error, statements=statements)
    if trace.downgrade_error is not None or trace.restored is None:
        return RoundTrip(
            failure=_downgrade_failure(trace), statements=statements, repair=_repair(trace, trace.before, trace.after)
        )
    difference = compare(trace.before, trace.restored, ignore={"position"})
    # After a downgrade that does nothing the upgrade fails as a matter of course.
    silent = bool(difference) and not statements
    failure = None if again is None else again.failure
    there = () if again is None else again.there.changes
    data = without_moves(trace.undone or DataDifference(), trace.before, trace.restored)
    return RoundTrip(
        failure=None if silent else failure,
        statements=statements,
        schema=difference,
        data=DataDifference((*data.changes, *there)),
        schema_again=SchemaDifference() if again is None else again.schema,
        data_again=DataDifference() if again is None else again.data,
        repair=_repair(trace, trace.before, trace.restored) if difference else None,
        causes={**{change.subject: CAUSE for change in there}, **_causes(trace, difference)},
        one_way=one_way(difference, trace.before, trace.restored),
        not_again=failure if silent else None,
        unseen=losses_not_seen(trace),
    )


def _downgrade_failure(trace: RevisionTrace) -> str:
    """Return why a downgrade failed, and with which statement."""
    error = trace.downgrade_error or "the downgrade did not end"
    for number, statement in enumerate(trace.downgrade or (), 1):
        if statement.error is not None:
            return f"statement {number} of the downgrade ({_place(statement)}): {statement.error}"
    return error


def _place(statement: StatementTrace) -> str:
    """Name a statement by its line and its text, in a line."""
    text = " ".join(statement.sql.split())
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return text if statement.line is None else f"line {statement.line}: {text}"


_SHOWN = 120  # characters of a statement


def _repair(trace: RevisionTrace, expected: SchemaSnapshot, actual: SchemaSnapshot) -> Repair | None:
    """Derive what is left to do; renames are those that the upgrade's text has, and those that the rows show."""
    renames = [*read_renames((statement.sql for statement in trace.upgrade), expected)]
    changes = trace.undone.changes if trace.undone is not None else ()
    tables = {one.subject: one.other for one in changes if one.kind is DataChangeKind.TABLE_RENAMED}
    renames += [Rename("table", old, new) for old, new in tables.items()]
    for change in changes:
        if change.kind is DataChangeKind.COLUMN_RENAMED:
            table, column = split(change.subject)
            new = tables.get(table, table)
            renames.append(Rename("column", f"{new}.{column}", f"{new}.{change.other}"))
    return derive(expected, actual, dict.fromkeys(renames))


def _causes(trace: RevisionTrace, difference: SchemaDifference) -> Mapping[str, str]:
    """Find the statements of the upgrade that were not undone."""
    keys = [*difference.missing, *difference.unexpected, *(change.key for change in difference.changed)]
    found = ((name, statement_of(trace, kind, name)) for kind, name in keys)
    return {name: _place(trace.upgrade[index]) for name, index in found if index is not None}


def judge_proof(proof: RevisionProof, declaration: Declaration) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a revision, errors first."""
    return tuple(sorted(_judged(proof, declaration), key=lambda one: list(Severity).index(one.severity)))


def worst(proofs: Iterable[RevisionProof]) -> tuple[RevisionProof, Diagnostic] | None:
    """Return the error to say first, with its revision; None where nothing failed."""
    errors = [(proof, one) for proof in proofs for one in proof.diagnostics if one.severity is Severity.ERROR]
    return min(errors, key=lambda found: _rank(*found), default=None)


def _rank(proof: RevisionProof, error: Diagnostic) -> tuple[int, bool]:
    loses_rows = proof.trip is not None and bool(proof.trip.data.losses)
    return _WORST.index(error.code) if error.code in _WORST else len(_WORST), not loses_rows


_WORST = ("upgrade-fails", "downgrade-fails", "undeclared-loss", "silent-downgrade", "not-resumable")


def certify(
    proof: RevisionProof, sha256: str, *, postgres: int, rows: int, seed: int, proofs: Iterable[str]
) -> Certificate | None:
    """Certify what a downgrade was proved to be; None when a proof failed, was not run, or had no rows to work on."""
    trip = proof.trip
    if trip is None or proof.failed or proof.not_seen or trip.reversibility is None:
        return None
    losses: Mapping[str, str] = trip.losses if trip.reversibility is Reversibility.LOSSY else {}
    trace = proof.analysis.trace
    kind, message = trip.reversibility, trip.refusal
    accepted = {name: sentence for name, sentence in trip.unseen.items() if not _is_said(proof, UNSEEN, name)}
    if accepted and kind is Reversibility.EXACT:
        kind, losses = Reversibility.LOSSY, accepted
    return Certificate(
        trace.revision, postgres, sha256, rows, seed, kind, losses, message, tuple(proofs), trace.unmade_edges
    )


def _is_said(proof: RevisionProof, code: str, name: str) -> bool:
    return any((one.code, one.relation) == (code, name) for one in proof.diagnostics)


def _judged(proof: RevisionProof, declaration: Declaration) -> Iterator[Diagnostic]:
    trace = proof.analysis.trace
    if trace.not_run:
        advice = "Mend what it stands on; the rest is proved then."
        yield Diagnostic("not-judged", Severity.WARNING, None, None, f"Not judged: {trace.not_run}", advice)
        return
    if trace.after is None:
        unjudged = [one for one in proof.analysis.diagnostics if one.code == "not-in-sandbox"]
        if unjudged:
            yield from (_error(one.code, one.message, one.help) for one in unjudged)
            return
        failed = next((statement.error for statement in trace.upgrade if statement.error), trace.error)
        yield _error(
            "upgrade-fails", f"The upgrade fails: {failed}", "Mend it; migrate analyze -v shows the statement."
        )
        return
    yield from (one for one in proof.analysis.diagnostics if one.code in _OF_ROWS)
    if proof.trip is not None:
        yield from judge(proof.trip, declaration)
        yield from _rewritten_documents(trace)
    if proof.repetition is not None:
        yield from _judge_repetition(proof.repetition)
    if proof.old_code is not None:
        yield from _judge_code(proof, proof.old_code)


def _rewritten_documents(trace: RevisionTrace) -> Iterator[Diagnostic]:
    """Note columns that were json, became jsonb and are json again: the documents are the same, their text is not."""
    before, restored = trace.before, trace.restored
    if before is None or restored is None:
        return
    for name in sorted(before.names("column") & restored.names("column")):
        types = [str(attributes(catalog, "column", name).get("type")) for catalog in (before, trace.after, restored)]
        if types == ["json", "jsonb", "json"]:
            yield Diagnostic(
                "json-text-changes",
                Severity.NOTE,
                None,
                name,
                f"{name} was json, becomes jsonb and is json again: its documents keep what they say, and lose their "
                "blanks and the order of their keys.",
                "Nothing, unless somebody compares or signs their text.",
            )


def _judge_repetition(repetition: Repetition) -> Iterator[Diagnostic]:
    if repetition.twice:
        yield _error(
            "second-upgrade-changes",
            f"Upgrading a second time changes something: {'; '.join(repetition.twice)}.",
            "Let env.py change nothing when there is no revision to run.",
        )
    for failure in repetition.failures:
        yield _error(
            "not-resumable",
            failure,
            "Make each step that commits on its own re-runnable: IF EXISTS, IF NOT EXISTS, batches that select what "
            "is left.",
        )


def _judge_code(proof: RevisionProof, old: Compatibility) -> Iterator[Diagnostic]:
    """Judge by phase: only a contract may break what ran before."""
    contract = proof.analysis.phase is Phase.CONTRACT and proof.analysis.revision.declared
    for one in old.broken:
        strict = not (contract or one.when_prepared or _is_tightened(proof.analysis.trace, one))
        yield Diagnostic(
            "breaks-old-code" if not one.when_prepared else "breaks-prepared-statements",
            Severity.ERROR if strict else Severity.WARNING,
            None,
            one.statement.table,
            f"A statement that {'was recorded' if one.statement.recorded else 'ran before'} fails: {one}.",
            "Make sure that no deployed code sends it any more."
            if contract
            else "Sessions that prepared it must reconnect, or the statement be sent again; most drivers do so."
            if one.when_prepared
            else "Do it when no deployed code uses it any more, in a revision whose docstring says `Phase: contract`.",
        )
    if proof.analysis.phase is Phase.EXPAND and proof.analysis.revision.declared:
        blocking = {rule.code for rule in all_rules() if rule.blocks}
        for diagnostic in proof.analysis.diagnostics:
            if diagnostic.unsafe and diagnostic.code in blocking:
                yield _error(
                    "expand-blocks",
                    f"Declared `Phase: expand`, but it blocks: {diagnostic.message}",
                    diagnostic.help,
                    diagnostic.relation,
                )


def _is_tightened(trace: RevisionTrace, broken: BrokenStatement) -> bool:
    """Tell a NULL, made up, in a column that was there and took it, from a value that nobody could have known of."""
    found = _NULL_COLUMN.search(broken.error) if broken.sqlstate == "23502" and not broken.statement.recorded else None
    column = attributes(trace.before, "column", f"{broken.statement.table}.{found[1]}") if found else {}
    return bool(column) and not column.get("not_null")


_NOT_SEEN = frozenset({"not-seen-at-work", UNSEEN})
_OF_ROWS = frozenset({"not-seen-at-work", "rows-must-fit"})  # on which a proof rests
_NULL_COLUMN = re.compile(r'null value in column "([^"]+)"')


def _error(code: str, message: str, advice: str, relation: str | None = None) -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, None, relation, message, advice)
