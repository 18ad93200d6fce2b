"""What `migrate verify` proves of a revision: it can be undone, repeated, and lived with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from domain.migration.analysis.judging import refuses, statement_of
from domain.migration.analysis.moves import without_moves
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rules import not_seen_at_work
from domain.migration.compatibility import Compatibility
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataChangeKind, DataDifference
from domain.migration.names import split
from domain.migration.one_line import in_one_line
from domain.migration.repair.derivation import Repair, derive
from domain.migration.repair.renames import Rename, read_renames
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot, compare
from domain.migration.trace import RevisionTrace, StatementTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.checks import loss_not_seen
from domain.migration.verification.one_way import one_way
from domain.migration.verification.round_trip import Reversibility, RoundTrip
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
        idle = any(
            one.code in {not_seen_at_work.CODE, loss_not_seen.CODE} and one.severity is Severity.WARNING
            for one in self.diagnostics
        )
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
    text = in_one_line(statement.sql, _SHOWN)
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
