"""Fakes with state of the migration's ports: a history that has been run already, certificates in memory."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from application.migration.ports.certificates import CertificateStore
from application.migration.ports.revision_files import RevisionFiles
from application.migration.ports.trials import Conditions, Trial, Trials, Versions
from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.compatibility import Compatibility
from domain.migration.history import History, HistoryEntry
from domain.migration.trace import CalibrationRun, RevisionTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import Again, Repetition
from domain.migration.verification.round_trip import Declaration


class FakeTrial(Trial):
    """A trial that can be asked until it ends; what was asked of it stands in `asked` of its trials."""

    def __init__(self, trials: "FakeTrials", trace: RevisionTrace) -> None:
        self.trace = trace
        self.ended = False
        self._trials = trials

    def calibrate(self, tables: Collection[str]) -> tuple[CalibrationRun, ...]:
        """Return one run with a duration."""
        self._ask(f"calibrate {self.trace.revision} on {' '.join(sorted(tables))}")
        return (CalibrationRun(dict.fromkeys(tables, 4000), (1.0,)),)

    def unmade_edges(self) -> Mapping[str, str]:
        """Return those that were given."""
        return self._trials.edges

    def upgrade_again(self) -> Again:
        """Return what was given."""
        self._ask(f"again {self.trace.revision}")
        return self._trials.again

    def repeat(self) -> Repetition:
        """Return what was given."""
        self._ask(f"repeat {self.trace.revision}")
        return self._trials.repetition

    def new_code(self) -> Compatibility:
        """Return that all statements run."""
        self._ask(f"new code {self.trace.revision}")
        return Compatibility(3)

    def _ask(self, what: str) -> None:
        assert not self.ended
        self._trials.asked.append(what)


@dataclass
class FakeTrials(Trials, RevisionFiles):
    """Trials of revisions that have been run already, one at a time; what was asked stands in `asked`, in order.

    Attributes:
        traces: What running each revision reports, by its id, in the order of the history.
        files: The SHA-256 of a revision's file, where that is not its id.
        declarations: What revisions declare.
        climbs: Revisions that `climb` finds exact.
        shared: How the project runs all revisions in one transaction.
        joint: What fails there.
        again: What a second upgrade gives.
        repetition: What kills give.
        edges: Values that no row has.
        begun: The trials, the last one possibly still going on.
    """

    traces: dict[str, RevisionTrace]
    files: dict[str, str] = field(default_factory=dict)
    declarations: dict[str, Declaration] = field(default_factory=dict)
    climbs: frozenset[str] = frozenset()
    shared: SharedTransaction | None = None
    joint: JointFailure | None = None
    again: Again = field(default_factory=Again)
    repetition: Repetition = field(default_factory=lambda: Repetition((), 2, ()))
    edges: Mapping[str, str] = field(default_factory=dict)
    statements: str = ""
    settings: str = ""
    usual: bool = True
    asked: list[str] = field(default_factory=list)
    begun: list[FakeTrial] = field(default_factory=list)

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

    @contextmanager
    def begin(self, entry: HistoryEntry, *, goes_on: bool = True) -> Iterator[FakeTrial]:
        """Yield a trial with the trace that was given."""
        assert all(trial.ended for trial in self.begun)
        self.asked.append(f"trace {entry.revision}{'' if goes_on else ' alone'}")
        trial = FakeTrial(self, replace(self.traces[entry.revision], revision=entry.revision))
        self.begun.append(trial)
        yield trial
        trial.ended = True

    def conditions(self) -> Conditions:
        """Of a server."""
        return Conditions(18, 200, 1, self.statements, self.settings, self.usual)

    def content(self, entry: HistoryEntry) -> bytes:
        """A text with the id of the revision."""
        return f"file of {entry.revision}".encode()

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
