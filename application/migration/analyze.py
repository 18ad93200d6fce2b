"""Analyze revisions: run each in a sandbox, and judge what Postgres reported."""

from collections.abc import Callable
from dataclasses import dataclass

from application.migration.ports import RevisionTracer
from domain.migration.analysis import RevisionAnalysis, analyze
from domain.migration.diagnostic import Severity
from domain.migration.history import HistoryEntry
from domain.migration.statistics import Statistics


@dataclass(frozen=True)
class AnalysisReport:
    """What `migrate analyze` found.

    Attributes:
        postgres: Version of the sandbox.
        pgvector: Version of the extension there; None where it is not created.
        revisions: The revisions of the range, in the order in which they run.
    """

    postgres: str
    pgvector: str | None
    revisions: tuple[RevisionAnalysis, ...]

    def fails_on(self, severity: Severity) -> bool:
        """Tell whether somebody should look: a diagnostic of that severity or a worse one that nobody suppressed."""
        worst = list(Severity)[: list(Severity).index(severity) + 1]
        return any(
            diagnostic.severity in worst and diagnostic.suppressed_reason is None
            for analysis in self.revisions
            for diagnostic in analysis.diagnostics
        )


@dataclass(frozen=True)
class AnalyzeRevisions:
    """Traces and judges the revisions of a range.

    Attributes:
        tracer: Runs revisions in a sandbox.
    """

    tracer: RevisionTracer

    def __call__(
        self,
        wanted: str,
        statistics: Statistics,
        progress: Callable[[int, int, HistoryEntry], object] = lambda _done, _all, _next: None,
    ) -> AnalysisReport:
        """Analyze.

        Args:
            wanted: A range, as `domain.migration.history.History.select` reads it.
            statistics: Sizes of the target's tables.
            progress: Told before each revision how many are done, how many there are, and which comes.

        Raises:
            HistoryError: The range cannot be read.
            MigrationError: The history cannot be run at all.
        """
        entries = self.tracer.history().select(wanted)
        found = []
        for done, entry in enumerate(entries):
            progress(done, len(entries), entry)
            found.append(analyze(self.tracer.trace(entry), statistics))
        versions = self.tracer.versions()
        return AnalysisReport(versions.postgres, versions.pgvector, tuple(found))
