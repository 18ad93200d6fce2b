"""The verdict on a revision: its diagnostics, and its certificate."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from domain.migration.analysis.rules import (
    catalog_written,
    changed_unseen,
    did_nothing,
    not_in_sandbox,
    not_seen_at_work,
    rows_contradict_catalog,
    rows_must_fit,
)
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
    """Return the diagnostics of all checks for a revision, errors first."""
    diagnostics = [*_of_analysis(proof)]
    for check in all_checks():
        if check.judge is not None:
            diagnostics += check.judge(proof, declaration)
    return tuple(sorted(diagnostics, key=lambda diagnostic: list(Severity).index(diagnostic.severity)))


def _of_analysis(proof: RevisionProof) -> Iterator[Diagnostic]:
    """Return the diagnostics of the rules about the sandbox and its rows, on which the proofs depend."""
    trace = proof.analysis.trace
    if trace.not_run:
        return
    for diagnostic in proof.analysis.diagnostics:
        if trace.after is not None and diagnostic.code in _OF_PROOFS:
            yield diagnostic
        if trace.after is None and diagnostic.code == not_in_sandbox.CODE:
            yield replace(diagnostic, severity=Severity.ERROR, statement=None, relation=None, fix=None)


# What was not seen, and what the catalog says wrongly, is not proved.
_OF_PROOFS = {
    catalog_written.CODE,
    changed_unseen.CODE,
    did_nothing.CODE,
    not_seen_at_work.CODE,
    rows_contradict_catalog.CODE,
    rows_must_fit.CODE,
}


def worst(proofs: Iterable[RevisionProof]) -> tuple[RevisionProof, Diagnostic] | None:
    """Return the worst error, with the proof of its revision; None if nothing failed."""
    errors = [
        (proof, diagnostic)
        for proof in proofs
        for diagnostic in proof.diagnostics
        if diagnostic.severity is Severity.ERROR
    ]
    return min(errors, key=lambda pair: _rank(*pair), default=None)


def _rank(proof: RevisionProof, error: Diagnostic) -> tuple[int, bool]:
    loses_rows = proof.trip is not None and bool(proof.trip.data.losses)
    return _WORST.index(error.code) if error.code in _WORST else len(_WORST), not loses_rows


_WORST = (upgrade_fails.CODE, downgrade_fails.CODE, undeclared_loss.CODE, silent_downgrade.CODE, not_resumable.CODE)


def certify(
    proof: RevisionProof, sha256: str, *, postgres: int, rows: int, seed: int, proofs: Iterable[str]
) -> Certificate | None:
    """Return the certificate of a revision; None if a proof failed, was not run, or had no rows to work on.

    Args:
        proof: Proofs of the revision.
        sha256: SHA-256 of the revision's file, in hexadecimal.
        postgres: Major version of Postgres.
        rows: Number of rows in each table before the upgrade.
        seed: Seed of the made-up rows.
        proofs: Names of the proofs that succeeded.
    """
    trip = proof.trip
    if trip is None or proof.failed or proof.not_seen or trip.reversibility is None:
        return None
    losses: Mapping[str, str] = trip.losses if trip.reversibility is Reversibility.LOSSY else {}
    trace = proof.analysis.trace
    reversibility, message = trip.reversibility, trip.refusal
    accepted = {
        name: sentence for name, sentence in trip.unseen.items() if not _is_reported(proof, loss_not_seen.CODE, name)
    }
    if accepted and reversibility is Reversibility.EXACT:
        reversibility, losses = Reversibility.LOSSY, accepted
    return Certificate(
        trace.revision, postgres, sha256, rows, seed, reversibility, losses, message, tuple(proofs), trace.unmade_edges
    )


def _is_reported(proof: RevisionProof, code: str, name: str) -> bool:
    return any((diagnostic.code, diagnostic.relation) == (code, name) for diagnostic in proof.diagnostics)
