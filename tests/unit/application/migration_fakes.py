"""Fakes with state of the migration's ports: a history that has been run already, certificates in memory."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from application.migration.ports import CertificateStore, Conditions, RevisionProver, Versions
from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.compatibility import Compatibility
from domain.migration.history import History, HistoryEntry
from domain.migration.trace import CalibrationRun, RevisionTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import Again, Repetition
from domain.migration.verification.round_trip import Declaration


@dataclass
class FakeProver(RevisionProver):
    """Gives the traces that it was given; what was asked of it stands in `asked`, in order.

    Attributes:
        traces: What running each revision reports, by its id, in the order of the history.
        files: The SHA-256 of a revision's file, where that is not its id.
        declarations: What revisions declare.
        climbs: Revisions that `climb` finds exact.
        shared: How the project runs all revisions in one transaction.
        joint: What fails there.
        again: What a second upgrade gives.
        repetition: What kills give.
    """

    traces: dict[str, RevisionTrace]
    files: dict[str, str] = field(default_factory=dict)
    declarations: dict[str, Declaration] = field(default_factory=dict)
    climbs: frozenset[str] = frozenset()
    shared: SharedTransaction | None = None
    joint: JointFailure | None = None
    again: Again = field(default_factory=Again)
    repetition: Repetition = field(default_factory=lambda: Repetition((), 2, ()))
    statements: str = ""
    asked: list[str] = field(default_factory=list)

    def history(self) -> History:
        """A line."""
        ids = list(self.traces)
        parents = [(), *((one,) for one in ids)]
        return History(tuple(HistoryEntry(one, parent) for one, parent in zip(ids, parents, strict=False)))

    def versions(self) -> Versions:
        """Of a server."""
        return Versions("18.6", "0.8.1" if self.asked else None)

    def shared_transaction(self) -> SharedTransaction | None:
        """As it was given."""
        self.asked.append("shared transaction")
        return self.shared

    def fails_together(self, entries: Sequence[HistoryEntry]) -> JointFailure | None:
        """As it was given."""
        self.asked.append(f"together {' '.join(entry.revision for entry in entries)}")
        return self.joint

    def trace(self, entry: HistoryEntry, *, goes_on: bool = True) -> RevisionTrace:
        """As it was given."""
        self.asked.append(f"trace {entry.revision}{'' if goes_on else ' alone'}")
        return replace(self.traces[entry.revision], revision=entry.revision)

    def calibrate(self, trace: RevisionTrace, tables: Collection[str]) -> tuple[CalibrationRun, ...]:
        """Nothing grows."""
        self.asked.append(f"calibrate {trace.revision} on {' '.join(sorted(tables))}")
        return ()

    def conditions(self) -> Conditions:
        """Of a server."""
        return Conditions(18, 200, 1, self.statements)

    def sha256(self, entry: HistoryEntry) -> str:
        """The id, where no other was given."""
        return self.files.get(entry.revision, entry.revision)

    def declaration(self, entry: HistoryEntry) -> Declaration:
        """As it was given."""
        return self.declarations.get(entry.revision, Declaration())

    def climb(self, entries: Sequence[HistoryEntry]) -> Mapping[str, RevisionTrace]:
        """Those that were given as exact."""
        self.asked.append(f"climb {' '.join(entry.revision for entry in entries)}")
        exact = [entry.revision for entry in entries if entry.revision in self.climbs]
        return {one: replace(self.traces[one], revision=one) for one in exact}

    def upgrade_again(self, trace: RevisionTrace) -> Again:
        """As it was given."""
        self.asked.append(f"again {trace.revision}")
        return self.again

    def repeat(self, trace: RevisionTrace) -> Repetition:
        """As it was given."""
        self.asked.append(f"repeat {trace.revision}")
        return self.repetition

    def new_code(self, trace: RevisionTrace) -> Compatibility:
        """All of it runs."""
        self.asked.append(f"new code {trace.revision}")
        return Compatibility(3)


@dataclass
class FakeCertificates(CertificateStore):
    """Certificates in memory."""

    kept: tuple[Certificate, ...] = ()

    def read(self) -> tuple[Certificate, ...]:
        """All."""
        return self.kept

    def write(self, certificates: Iterable[Certificate]) -> None:
        """Keep these."""
        self.kept = tuple(certificates)
