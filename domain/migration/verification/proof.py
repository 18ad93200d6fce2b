"""The proofs of `migrate verify`: a revision can be undone and repeated, and the old code runs with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from domain.migration.analysis.changes import statement_of
from domain.migration.analysis.moves import without_moves
from domain.migration.analysis.refusal import refuses
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rules import did_nothing, not_seen_at_work
from domain.migration.compatibility import Compatibility
from domain.migration.data_difference import NO_OBJECTS
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.errors import UnknownNameError
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
    """A proof that can be requested."""

    ROUND_TRIP = "round-trip"
    REPEAT = "repeat"
    COMPATIBILITY = "compat"

    @classmethod
    def listed(cls, names: str) -> tuple["Proof", ...]:
        """Return the proofs of a list of names, which commas separate.

        Raises:
            UnknownNameError: There is no proof of a name.
        """
        proofs = {proof.value: proof for proof in cls}
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        for name in wanted:
            if name not in proofs:
                raise UnknownNameError(f"there is no proof {name!r}", f"there are {', '.join(proofs)}")
        return tuple(proofs[name] for name in wanted)


@dataclass(frozen=True)
class Again:
    """The second upgrade, after the downgrade, compared with the first upgrade.

    Attributes:
        failure: Error of the second upgrade; None if it succeeded.
        schema: Difference of the schema to that after the first upgrade.
        data: Difference of the rows to those after the first upgrade, if the upgrade computes the same values again.
        there: Rows that the downgrade deletes although they existed before an upgrade that inserts them.
    """

    failure: str | None = None
    schema: SchemaDifference = field(default_factory=SchemaDifference)
    data: DataDifference = field(default_factory=DataDifference)
    there: DataDifference = field(default_factory=DataDifference)


@dataclass(frozen=True)
class Repetition:
    """The results of running the upgrade twice, and of interrupting it.

    Attributes:
        twice: Changes by a second upgrade, one sentence each.
        kills: Number of times that the upgrade was killed, each time on a database of its own.
        failures: Kills after which a second run did not reach the same end, one sentence each.
    """

    twice: tuple[str, ...] = ()
    kills: int = 0
    failures: tuple[str, ...] = ()

    @property
    def survived(self) -> int:
        """Number of kills after which a second run reached the same end as an uninterrupted one."""
        return self.kills - len(self.failures)


@dataclass(frozen=True)
class RevisionProof:
    """All proofs of one revision.

    Attributes:
        analysis: Analysis of the revision, as `migrate analyze` makes it.
        trip: The round trip; None if it was not requested or the upgrade failed.
        repetition: The repetition; None likewise.
        old_code: Statements of the old code on the new schema; None likewise.
        new_code: Statements of the new code on the old schema; None likewise.
        diagnostics: Diagnostics of the checks.
        certificate: The certificate; None if a proof failed or was not requested.
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
        """Whether the revision could not be run, so that nothing was proved."""
        return bool(self.analysis.trace.not_run)

    @property
    def not_seen(self) -> bool:
        """Whether an exact round trip proves nothing: no rows or others, no effect of the upgrade or of a statement."""
        trace = self.analysis.trace
        no_rows = bool(trace.refused_rows) and not any(facts.rows for facts in trace.tables.values())
        idle = any(
            diagnostic.code in _IDLE and diagnostic.severity is Severity.WARNING for diagnostic in self.diagnostics
        )
        other_rows = bool(trace.undo_refused_rows)
        return (
            (idle or no_rows or other_rows) and self.trip is not None and self.trip.reversibility is Reversibility.EXACT
        )


_IDLE = {did_nothing.CODE, loss_not_seen.CODE, not_seen_at_work.CODE}


def round_trip(trace: RevisionTrace, again: Again | None) -> RoundTrip | None:
    """Return the round trip of a revision; None if its upgrade failed.

    Args:
        trace: Trace of the upgrade and the downgrade.
        again: The second upgrade; None if it was not run.
    """
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
    # After a downgrade that does nothing, it is no surprise that the upgrade fails.
    silent = bool(difference) and not statements
    failure = None if again is None else again.failure
    deleted_rows = () if again is None else again.there.changes
    data = without_moves(trace.undone or DataDifference(), trace.before, trace.restored)
    return RoundTrip(
        failure=None if silent else failure,
        statements=statements,
        schema=difference,
        data=DataDifference((*_certain(trace, data), *deleted_rows)),
        schema_again=SchemaDifference() if again is None else again.schema,
        data_again=DataDifference() if again is None else DataDifference(tuple(_of_objects(again.data))),
        repair=_repair(trace, trace.before, trace.restored) if difference else None,
        causes={
            **{change.subject: CAUSE for change in deleted_rows},
            **_causes(trace, difference),
        },
        one_way=one_way(difference, trace.before, trace.restored),
        not_again=failure if silent else None,
        unseen={
            **losses_not_seen(trace),
            **{name: f"{_difference(trace, name)}; {trace.merging(name)}" for name in trace.merged},
            **{
                change.subject: f"{change}; {NO_OBJECTS}"
                for change in data.changes
                if change.kind is DataChangeKind.NO_OBJECTS_CHANGED
            },
            **trace.lost_in_other_zone,
        },
    )


def _difference(trace: RevisionTrace, name: str) -> str:
    return f"rows of {name} are missing" if name in trace.tables else f"{name} differs"


def _certain(trace: RevisionTrace, data: DataDifference) -> Iterator[DataChange]:
    """Return the changes without those in rows that perhaps nobody has, and those of a trigger's time stamps."""
    return (change for change in _of_objects(data) if change.subject not in trace.stamped | trace.merged)


def _of_objects(data: DataDifference) -> Iterator[DataChange]:
    """Return the changes without those of JSON that is no object, which made-up rows have and your rows perhaps not."""
    return (change for change in data.changes if change.kind is not DataChangeKind.NO_OBJECTS_CHANGED)


def _downgrade_failure(trace: RevisionTrace) -> str:
    """Return the error of a failed downgrade, with the statement that failed."""
    error = trace.downgrade_error or "the downgrade did not end"
    for number, statement in enumerate(trace.downgrade or (), 1):
        if statement.error is not None:
            return f"statement {number} of the downgrade ({_place(statement)}): {statement.error}"
    return error


def _place(statement: StatementTrace) -> str:
    """Return the line number and the text of a statement, in one line."""
    text = in_one_line(statement.sql, _SHOWN)
    return text if statement.line is None else f"line {statement.line}: {text}"


_SHOWN = 120  # longest shown text of a statement, in characters


def _repair(trace: RevisionTrace, expected: SchemaSnapshot, actual: SchemaSnapshot) -> Repair | None:
    """Return the repair that leads to the expected schema; None if there is nothing to do.

    Renames are read from the statements of the upgrade and from the difference of the rows.
    """
    renames = [*read_renames((statement.sql for statement in trace.upgrade), expected)]
    changes = trace.undone.changes if trace.undone is not None else ()
    tables = {change.subject: change.other for change in changes if change.kind is DataChangeKind.TABLE_RENAMED}
    renames += [Rename("table", old, new) for old, new in tables.items()]
    for change in changes:
        if change.kind is DataChangeKind.COLUMN_RENAMED:
            table, column = split(change.subject)
            new = tables.get(table, table)
            renames.append(Rename("column", f"{new}.{column}", f"{new}.{change.other}"))
    return derive(expected, actual, dict.fromkeys(renames))


def _causes(trace: RevisionTrace, difference: SchemaDifference) -> Mapping[str, str]:
    """Return the statement of the upgrade behind each difference, by the name of the object."""
    keys = [*difference.missing, *difference.unexpected, *(change.key for change in difference.changed)]
    statements = ((name, statement_of(trace, kind, name)) for kind, name in keys)
    return {name: _place(trace.upgrade[index]) for name, index in statements if index is not None}
