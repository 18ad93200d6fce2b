"""What is wrong with a revision, and what it is certified to be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from domain.migration.analysis.rules import not_in_sandbox, not_seen_at_work, rows_must_fit
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.checks import (
    all_checks,
    downgrade_fails,
    loss_not_seen,
    not_resumable,
    silent_downgrade,
    undeclared_loss,
    upgrade_fails,
)
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Declaration, Reversibility


def judge_proof(proof: RevisionProof, declaration: Declaration) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a revision, errors first."""
    diagnostics = [*_of_analysis(proof)]
    for check in all_checks():
        if check.judge is not None:
            diagnostics += check.judge(proof, declaration)
    return tuple(sorted(diagnostics, key=lambda one: list(Severity).index(one.severity)))


def _of_analysis(proof: RevisionProof) -> Iterator[Diagnostic]:
    """Pass on what the rules say of the sandbox and its rows, on which a proof rests."""
    trace = proof.analysis.trace
    if trace.not_run:
        return
    for one in proof.analysis.diagnostics:
        if trace.after is not None and one.code in {not_seen_at_work.CODE, rows_must_fit.CODE}:
            yield one
        if trace.after is None and one.code == not_in_sandbox.CODE:
            yield replace(one, severity=Severity.ERROR, statement=None, relation=None, fix=None)


def worst(proofs: Iterable[RevisionProof]) -> tuple[RevisionProof, Diagnostic] | None:
    """Return the error to say first, with its revision; None where nothing failed."""
    errors = [(proof, one) for proof in proofs for one in proof.diagnostics if one.severity is Severity.ERROR]
    return min(errors, key=lambda found: _rank(*found), default=None)


def _rank(proof: RevisionProof, error: Diagnostic) -> tuple[int, bool]:
    loses_rows = proof.trip is not None and bool(proof.trip.data.losses)
    return _WORST.index(error.code) if error.code in _WORST else len(_WORST), not loses_rows


_WORST = (upgrade_fails.CODE, downgrade_fails.CODE, undeclared_loss.CODE, silent_downgrade.CODE, not_resumable.CODE)


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
    accepted = {
        name: sentence for name, sentence in trip.unseen.items() if not _is_said(proof, loss_not_seen.CODE, name)
    }
    if accepted and kind is Reversibility.EXACT:
        kind, losses = Reversibility.LOSSY, accepted
    return Certificate(
        trace.revision, postgres, sha256, rows, seed, kind, losses, message, tuple(proofs), trace.unmade_edges
    )


def _is_said(proof: RevisionProof, code: str, name: str) -> bool:
    return any((one.code, one.relation) == (code, name) for one in proof.diagnostics)
