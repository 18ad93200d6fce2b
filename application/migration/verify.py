"""Verify revisions: prove that each can be undone, repeated and lived with, and keep the proof."""

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
    """What `migrate verify` found.

    Attributes:
        postgres: Version of the sandbox.
        proofs: The revisions that were proved, in order.
        certified: Revisions whose certificate was still good, so that they were not proved again.
        diagnostics: What is wrong with the history as a whole.
    """

    postgres: str
    proofs: tuple[RevisionProof, ...]
    certified: tuple[Certificate, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a proof failed, or could not be begun."""
        return bool(self.diagnostics) or any(proof.failed or proof.not_judged for proof in self.proofs)


@dataclass(frozen=True)
class VerifyRevisions:
    """Proves the revisions of a range.

    Attributes:
        prover: Runs revisions in a sandbox.
        certificates: Keeps what was proved.
        others: Open more provers, each in a sandbox of its own, for long ranges.
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
        """Verify.

        Args:
            wanted: A range, as `domain.migration.history.History.select` reads it, or the revisions themselves.
            proofs: What to prove.
            progress: Told before each revision how many are done, how many there are, and which comes.
            applied: Heads of a real database: a revision that it has must not have changed since it was proved.
            again: Re-verify revisions whose certificate is still valid.

        Raises:
            HistoryError: The range cannot be read.
            MigrationError: The history or the certificates cannot be read.
        """
        history = self.prover.history()
        entries = history.select(wanted) if isinstance(wanted, str) else wanted
        known = self.certificates.read()
        files = {entry.revision: self.prover.sha256(entry) for entry in history.entries}
        changed = changed_since(known, files, history.ancestors(applied))
        conditions = self.prover.conditions()
        stale = outdated(known, files, postgres=conditions.postgres, rows=conditions.rows, seed=conditions.seed)
        names = {proof.value for proof in proofs}
        if conditions.statements and Proof.COMPATIBILITY in proofs:
            names.add(f"statements {conditions.statements}")
        good = tuple(
            one
            for one in known
            if not again
            and one.postgres == conditions.postgres
            and one.revision not in stale
            and names <= {*one.proofs}
            and one.revision in {entry.revision for entry in entries}
        )
        waiting = [entry for entry in entries if entry.revision not in {one.revision for one in good}]
        climbed = self.prover.climb(waiting) if waiting and {*proofs} == {Proof.ROUND_TRIP} else {}
        count = Count(len(waiting), progress)
        writing = threading.Lock()

        def proved(prover: RevisionProver, entry: HistoryEntry) -> RevisionProof:
            nonlocal known
            exact = climbed.get(entry.revision)
            with count.item(entry):
                proof = _prove(prover, entry, proofs) if exact is None else _exact(prover, entry, exact)
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
                    known = merge(known, [certificate])
                    self.certificates.write(known)
            return replace(proof, certificate=certificate)

        found = in_lanes(self.prover, () if climbed else self.others, waiting, proved)
        return VerificationReport(self.prover.versions().postgres, tuple(found), good, changed)


def _exact(prover: RevisionProver, entry: HistoryEntry, trace: RevisionTrace) -> RevisionProof:
    """Describe a revision that gave everything back."""
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
