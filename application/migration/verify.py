"""The use case of `migrate verify`: prove that each revision can be undone and repeated, and store the certificates."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from application.migration.lanes import Count, Opener, in_lanes
from application.migration.ports.certificates import CertificateStore
from application.migration.ports.revision_files import RevisionFiles
from application.migration.ports.trials import Conditions, Trial, Trials
from domain.migration.analysis.revision_analysis import analyze
from domain.migration.diagnostic import Diagnostic
from domain.migration.history import HistoryEntry
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace
from domain.migration.verification.certificate import Certificate, merge, outdated
from domain.migration.verification.checks.applied_revision_changed import changed_since
from domain.migration.verification.infinity import with_infinity
from domain.migration.verification.proof import Again, Proof, RevisionProof, round_trip
from domain.migration.verification.verdict import certify, judge_proof

_SETTINGS = "settings "  # begins the name of the target's settings among the proofs of a certificate


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
        trials: Trials of the revisions in a sandbox.
        files: Files of the revisions.
        certificates: Store of the certificates.
        others: Openers of more trials, each with a sandbox of its own, for long ranges.
    """

    trials: Trials
    files: RevisionFiles
    certificates: CertificateStore
    others: Sequence[Opener[Trials]] = ()

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
        history = self.trials.history()
        entries = history.select(wanted) if isinstance(wanted, str) else wanted
        stored = self.certificates.read()
        files = {entry.revision: self.files.sha256(entry) for entry in history.entries}
        changed = changed_since(stored, files, history.ancestors(applied))
        conditions = self.trials.conditions()
        stale = outdated(stored, files, postgres=conditions.postgres, rows=conditions.rows, seed=conditions.seed)
        names = _names(proofs, conditions)
        valid = tuple(
            certificate
            for certificate in stored
            if not again
            and certificate.postgres == conditions.postgres
            and certificate.revision not in stale
            and _proves(certificate, names, usual=conditions.usual)
            and certificate.revision in {entry.revision for entry in entries}
        )
        unproved = [entry for entry in entries if entry.revision not in {certificate.revision for certificate in valid}]
        climbed = self.trials.climb(unproved) if unproved and {*proofs} == {Proof.ROUND_TRIP} else {}
        count = Count(len(unproved), progress)
        writing = threading.Lock()

        def proved(trials: Trials, entry: HistoryEntry) -> RevisionProof:
            nonlocal stored
            exact_trace = climbed.get(entry.revision)
            with count.item(entry):
                if exact_trace is not None:
                    proof = _exact(exact_trace)
                else:
                    with trials.begin(entry) as trial:
                        proof = _prove(trial, proofs)
                proof = replace(proof, diagnostics=judge_proof(proof, self.files.declaration(entry)))
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

        results = in_lanes(self.trials, () if climbed else self.others, unproved, proved)
        return VerificationReport(self.trials.versions().postgres, tuple(results), valid, changed)


def _names(proofs: Collection[Proof], conditions: Conditions) -> set[str]:
    """Return the names of proofs in a certificate, with the statements and settings that they depend on."""
    names = {proof.value for proof in proofs}
    if conditions.statements and Proof.COMPATIBILITY in proofs:
        names.add(f"statements {conditions.statements}")
    if conditions.settings:
        names.add(f"{_SETTINGS}{conditions.settings}")
    return names


def _proves(certificate: Certificate, names: Collection[str], *, usual: bool) -> bool:
    """Return whether a certificate has proofs, under the settings among their names.

    A certificate without settings, where nothing depends on an unknown TimeZone, holds under the usual ones, too.
    """
    wanted_settings = {name for name in names if name.startswith(_SETTINGS)}
    settings = {name for name in certificate.proofs if name.startswith(_SETTINGS)}
    is_valid_there = settings == wanted_settings or (usual and not settings)
    return is_valid_there and {*names} - wanted_settings <= {*certificate.proofs}


def _exact(trace: RevisionTrace) -> RevisionProof:
    """Return the proof of a round trip that restored everything, in a range of which only the states were compared."""
    trace = replace(trace, unmade_edges=with_infinity(trace))
    return RevisionProof(analyze(trace, rules=()), trip=round_trip(trace, Again()))


def _prove(trial: Trial, proofs: Collection[Proof]) -> RevisionProof:
    """Return the proofs of a revision, before the checks judge them."""
    trace = replace(trial.trace, unmade_edges=trial.unmade_edges())
    trace = replace(trace, unmade_edges=with_infinity(trace))
    proof = RevisionProof(analyze(trace, Statistics.unknown()))
    if trace.after is None or trace.went_on:
        return proof
    if Proof.ROUND_TRIP in proofs:
        again = trial.upgrade_again() if trace.restored is not None else None
        proof = replace(proof, trip=round_trip(trace, again))
    if Proof.REPEAT in proofs:
        proof = replace(proof, repetition=trial.repeat())
    if Proof.COMPATIBILITY in proofs:
        proof = replace(proof, old_code=trace.compatibility, new_code=trial.new_code())
    return proof
