"""The making of a plan's steps from what was measured and proved of revisions."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from domain.migration.analysis.lock_windows import LockWindow, is_concurrent
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.deployment.plan import Interval, Part, PartKind, PlannedLock, Step, WayBack, total
from domain.migration.diagnostic import Severity
from domain.migration.trace import StatementTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import RevisionProof

# how many batches there are if the statement writes the same share as in the sandbox, and if it writes all rows
Batches = tuple[int, int]

_MARGIN = 0.3  # share of an estimate, to each side, as for all others


def step(analysis: RevisionAnalysis, sha256: str, way_back: WayBack) -> Step:
    """Return the step that runs a revision.

    Args:
        analysis: What `migrate analyze` says of it at the target's sizes.
        sha256: SHA-256 of its file, in hexadecimal.
        way_back: What its downgrade restores.
    """
    trace = analysis.trace
    batches = {
        index: _batches(analysis, statement)
        for index, statement in enumerate(trace.upgrade)
        if _commits_batches(statement)
    }
    seconds = _seconds(analysis, batches)
    return Step(
        revision=trace.revision,
        message=trace.message,
        path=trace.path,
        sha256=sha256,
        phase=analysis.phase,
        verdict=analysis.verdict,
        way_back=way_back,
        reasons=analysis.reasons,
        accepted={
            diagnostic.code: diagnostic.suppressed_reason
            for diagnostic in analysis.diagnostics
            if diagnostic.severity is Severity.ERROR and diagnostic.suppressed_reason is not None
        },
        statements=tuple(statement.sql for statement in trace.upgrade),
        builds={
            index: table
            for statement in trace.upgrade
            if is_concurrent(statement)
            for index, table in statement.built_on.items()
        },
        parts=tuple(_parts(trace.upgrade, batches, seconds)),
        locks=tuple(_locks((*analysis.windows, *analysis.other_windows), seconds)),
        seconds=None if trace.not_run else total(seconds.get(index) for index in range(len(trace.upgrade))),
        not_run=trace.not_run,
    )


def way_back_of(certificate: Certificate) -> WayBack:
    """Return what a certificate says of the way back."""
    return WayBack(certificate.reversibility, certificate.losses, certificate.message or "")


def way_back_from(proof: RevisionProof) -> WayBack:
    """Return what a proof says of the way back: that of its certificate, or why there is none."""
    if proof.certificate is not None:
        return way_back_of(proof.certificate)
    errors = [diagnostic.message for diagnostic in proof.diagnostics if diagnostic.severity is Severity.ERROR]
    warnings = [diagnostic.message for diagnostic in proof.diagnostics if diagnostic.severity is Severity.WARNING]
    not_run = proof.analysis.trace.not_run
    reasons = ([not_run] if not_run else []) + errors + warnings
    return WayBack(None, reason=reasons[0] if reasons else "nothing was seen that could be undone")


def parts_of(statements: Sequence[StatementTrace]) -> Iterator[Part]:
    """Return how statements commit, without their durations."""
    batches = {index: None for index, statement in enumerate(statements) if _commits_batches(statement)}
    return _parts(statements, batches, {})


def planned_locks(windows: Iterable[LockWindow]) -> Iterator[PlannedLock]:
    """Return locks without their durations, in the order in which they are taken."""
    return _locks(windows, {})


def _seconds(analysis: RevisionAnalysis, batches: Mapping[int, Batches | None]) -> Mapping[int, Interval]:
    """Return the expected duration of each statement; that of a backfill is the sum over all of its batches."""
    seconds = dict(analysis.estimates)
    for index, count in batches.items():
        seconds.pop(index, None)
        if count is not None:
            statement = analysis.trace.upgrade[index]
            one_batch = statement.duration_ms / 1000 / statement.transactions
            fewest, most = count
            seconds[index] = (fewest * one_batch * (1 - _MARGIN), most * one_batch * (1 + _MARGIN))
    return seconds


def _parts(
    upgrade: Sequence[StatementTrace], batches: Mapping[int, Batches | None], seconds: Mapping[int, Interval]
) -> Iterator[Part]:
    for (kind, _), group in groupby(range(len(upgrade)), key=lambda index: _commit(upgrade[index], index)):
        indexes = list(group)
        count = batches.get(indexes[0])
        most = None if count is None else count[1]
        concurrent = any(is_concurrent(upgrade[index]) for index in indexes)
        yield Part(kind, indexes[0] + 1, indexes[-1] + 1, total(map(seconds.get, indexes)), most, concurrent)


def _commit(statement: StatementTrace, index: int) -> tuple[PartKind, int | None]:
    """Return how a statement commits, and what it shares with those of the same part."""
    if _commits_batches(statement):
        return PartKind.BACKFILL, index
    if statement.transaction is None:
        return PartKind.AUTOCOMMIT, None
    return PartKind.TRANSACTION, statement.transaction


def _commits_batches(statement: StatementTrace) -> bool:
    return statement.transaction is None and statement.transactions > 1


def _batches(analysis: RevisionAnalysis, statement: StatementTrace) -> Batches | None:
    """Return how many batches the target's rows need, of the size that they had in the sandbox; None if unknown.

    Returns:
        The number if the statement writes the same share of the rows as in the sandbox, and that if it writes all of
        them. Only the target knows how many rows its condition meets.
    """
    shares, alls = [], []
    for table, written in statement.rows.items():
        facts, batch = analysis.trace.tables.get(table), statement.most_written.get(table, 0)
        if facts is None or not facts.rows or not batch:
            continue
        if table not in analysis.statistics:
            return None
        rows = analysis.statistics[table].rows
        shares.append(math.ceil(min(1.0, written.total / facts.rows) * rows / batch))
        alls.append(math.ceil(rows / batch))
    return (max(shares), max(alls)) if shares else None


def _locks(windows: Iterable[LockWindow], seconds: Mapping[int, Interval]) -> Iterator[PlannedLock]:
    for window in sorted(windows, key=lambda window: window.from_statement):
        yield PlannedLock(
            relation=window.relation,
            table=window.table,
            mode=window.mode,
            from_statement=window.from_statement + 1,
            to_statement=window.to_statement + 1,
            starts=total(map(seconds.get, range(window.from_statement))),
            seconds=total(map(seconds.get, range(window.from_statement, window.to_statement + 1))),
        )
