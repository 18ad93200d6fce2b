"""The use case of `migrate verify`: prove that each revision can be undone and repeated, and store the certificates."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from application.migration.lanes import Count, Opener, in_lanes
from application.migration.ports import CertificateStore, RevisionProver
from domain.migration.analysis.revision_analysis import analyze
from domain.migration.diagnostic import Diagnostic
from domain.migration.history import HistoryEntry
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace
from domain.migration.verification.certificate import Certificate, merge, outdated
from domain.migration.verification.checks.applied_revision_changed import changed_since
from domain.migration.verification.proof import Again, Proof, RevisionProof, round_trip
from domain.migration.verification.verdict import certify, judge_proof


@dataclass(frozen=True)
class VerificationReport:
    """The result of `migrate verify`.

    Attributes:
        postgres: Version of Postgres in the sandbox.
        proofs: Proofs of the revisions, in order.
        certified: Certificates that are still valid, whose revisions were not proved again.
        diagnostics: Diagnostics about the history as a whole.
    """

    postgres: str
    proofs: tuple[RevisionProof, ...]
    certified: tuple[Certificate, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a proof failed, or could not be run."""
        return bool(self.diagnostics) or any(proof.failed or proof.not_judged for proof in self.proofs)


@dataclass(frozen=True)
class VerifyRevisions:
    """The use case that proves the revisions of a range.

    Attributes:
        prover: Prover that runs revisions in a sandbox.
        certificates: Store of the certificates.
        others: Openers of more provers, each with a sandbox of its own, for long ranges.
    """

    prover: RevisionProver
    certificates: CertificateStore
    others: Sequence[Opener[RevisionProver]] = ()

    def __call__(
        self,
        wanted: str | Sequence[HistoryEntry],
        proofs: Collection[Proof],
        progress: Callable[[int, int, HistoryEntry], object] = lambda _done, _all, _next: None,
        applied: Collection[str] = (),
        *,
        again: bool = False,
    ) -> VerificationReport:
        """Return the proofs of the revisions, and store a certificate for each that succeeds.

        Args:
            wanted: Range as for `domain.migration.history.History.select`, or the revisions themselves.
            proofs: Proofs to run.
            progress: Function that is called before each revision with the number of finished revisions, the number of
                all revisions, and the next revision.
            applied: Revisions that a database is at. No applied revision may have changed since it was proved.
            again: Re-verify revisions whose certificate is still valid.

        Raises:
            HistoryError: The range cannot be read.
            MigrationError: The history or the certificates cannot be read.
        """
        history = self.prover.history()
        entries = history.select(wanted) if isinstance(wanted, str) else wanted
        stored = self.certificates.read()
        files = {entry.revision: self.prover.sha256(entry) for entry in history.entries}
        changed = changed_since(stored, files, history.ancestors(applied))
        conditions = self.prover.conditions()
        stale = outdated(stored, files, postgres=conditions.postgres, rows=conditions.rows, seed=conditions.seed)
        names = {proof.value for proof in proofs}
        if conditions.statements and Proof.COMPATIBILITY in proofs:
            names.add(f"statements {conditions.statements}")
        valid = tuple(
            certificate
            for certificate in stored
            if not again
            and certificate.postgres == conditions.postgres
            and certificate.revision not in stale
            and names <= {*certificate.proofs}
            and certificate.revision in {entry.revision for entry in entries}
        )
        unproved = [entry for entry in entries if entry.revision not in {certificate.revision for certificate in valid}]
        climbed = self.prover.climb(unproved) if unproved and {*proofs} == {Proof.ROUND_TRIP} else {}
        count = Count(len(unproved), progress)
        writing = threading.Lock()

        def proved(prover: RevisionProver, entry: HistoryEntry) -> RevisionProof:
            nonlocal stored
            exact_trace = climbed.get(entry.revision)
            with count.item(entry):
                proof = _prove(prover, entry, proofs) if exact_trace is None else _exact(prover, entry, exact_trace)
            certificate = certify(
                proof,
                files[entry.revision],
                postgres=conditions.postgres,
                rows=conditions.rows,
                seed=conditions.seed,
                proofs=sorted(names),
            )
            if certificate is not None:
                with writing:
                    stored = merge(stored, [certificate])
                    self.certificates.write(stored)
            return replace(proof, certificate=certificate)

        results = in_lanes(self.prover, () if climbed else self.others, unproved, proved)
        return VerificationReport(self.prover.versions().postgres, tuple(results), valid, changed)


def _exact(prover: RevisionProver, entry: HistoryEntry, trace: RevisionTrace) -> RevisionProof:
    """Return the proof of a revision whose downgrade restored everything."""
    proof = RevisionProof(analyze(trace, rules=()), trip=round_trip(trace, Again()))
    return replace(proof, diagnostics=judge_proof(proof, prover.declaration(entry)))


def _prove(prover: RevisionProver, entry: HistoryEntry, proofs: Collection[Proof]) -> RevisionProof:
    trace = prover.trace(entry)
    proof = RevisionProof(analyze(trace, Statistics.unknown()))
    if trace.after is not None:
        if Proof.ROUND_TRIP in proofs:
            again = prover.upgrade_again(trace) if trace.restored is not None else None
            proof = replace(proof, trip=round_trip(trace, again))
        if Proof.REPEAT in proofs:
            proof = replace(proof, repetition=prover.repeat(trace))
        if Proof.COMPATIBILITY in proofs:
            proof = replace(proof, old_code=trace.compatibility, new_code=prover.new_code(trace))
    return replace(proof, diagnostics=judge_proof(proof, prover.declaration(entry)))
