"""Analyze revisions: run each in a sandbox, and judge what Postgres reported."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from application.migration.lanes import Count, Opener, in_lanes
from application.migration.ports import RevisionTracer
from domain.migration.analysis.impact import work_of
from domain.migration.analysis.revision_analysis import RevisionAnalysis, analyze
from domain.migration.analysis.shared_transaction import judge_together, with_needs
from domain.migration.diagnostic import Severity
from domain.migration.history import HistoryEntry
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class AnalysisReport:
    """What `migrate analyze` found.

    Attributes:
        postgres: Version of the sandbox.
        pgvector: Version of the extension there; None where it is not created.
        revisions: The revisions of the range, in the order in which they run.
        unjudged: How many revisions of the range are older than the history that is judged.
    """

    postgres: str
    pgvector: str | None
    revisions: tuple[RevisionAnalysis, ...]
    unjudged: int = 0

    def fails_on(self, severity: Severity) -> bool:
        """Return whether somebody should look: a diagnostic of that severity or a worse one that nobody suppressed.

        So it is where a revision could not be run: nobody knows of it.
        """
        worst = list(Severity)[: list(Severity).index(severity) + 1]
        return any(analysis.trace.not_run for analysis in self.revisions) or any(
            diagnostic.severity in worst and diagnostic.suppressed_reason is None
            for analysis in self.revisions
            for diagnostic in analysis.diagnostics
        )


@dataclass(frozen=True)
class AnalyzeRevisions:
    """Traces and judges the revisions of a range.

    Attributes:
        tracer: Runs revisions in a sandbox.
        others: Open more of them, each in a sandbox of its own, for long ranges.
    """

    tracer: RevisionTracer
    others: Sequence[Opener[RevisionTracer]] = ()

    def __call__(
        self,
        wanted: str | Sequence[HistoryEntry],
        statistics: Statistics,
        progress: Callable[[int, int, HistoryEntry], object] = lambda _done, _all, _next: None,
        start_after: str = "",
        observed: Mapping[str, float] = _NOTHING,
    ) -> AnalysisReport:
        """Analyze.

        Args:
            wanted: A range, as `domain.migration.history.History.select` reads it, or the revisions themselves.
            statistics: Sizes of the target's tables.
            progress: Told before each revision how many are done, how many there are, and which comes.
            start_after: Revision up to which nothing is judged; empty for none.
            observed: Seconds that revisions took where they were deployed.

        Raises:
            HistoryError: The range cannot be read.
            MigrationError: The history cannot be run at all.
        """
        history = self.tracer.history()
        selected = history.select(wanted) if isinstance(wanted, str) else wanted
        old = history.ancestors(history.resolve(start_after)) if start_after else frozenset[str]()
        entries = [entry for entry in selected if entry.revision not in old]
        count = Count(len(entries), progress)
        pgvector: dict[str, None] = {}

        def analyzed(tracer: RevisionTracer, entry: HistoryEntry) -> RevisionAnalysis:
            with count.item(entry):
                trace = _traced(tracer, entry, statistics, goes_on=len(entries) > 1)
                analysis = analyze(trace, statistics).without_catalogs()
            version = tracer.versions().pgvector
            if version:
                pgvector[version] = None
            return replace(analysis, observed_seconds=observed.get(entry.revision))

        found = in_lanes(self.tracer, self.others, entries, analyzed)
        ask = cache(self.tracer.shared_transaction)
        if len(found) > 1:
            shared = ask()
            running = list(itertools.takewhile(lambda pair: _ran(pair[1]), zip(entries, found, strict=True)))
            together = [entry for entry, _ in running] if shared is not None else []
            failure = self.tracer.fails_together(together) if len(together) > 1 else None
            found = judge_together(found, shared, failure)
        found = with_needs(found, ask)
        postgres = self.tracer.versions().postgres
        return AnalysisReport(postgres, next(iter(pgvector), None), tuple(found), len(selected) - len(entries))


def _ran(analysis: RevisionAnalysis) -> bool:
    trace = analysis.trace
    return not (trace.error or trace.not_run) and all(one.error is None for one in trace.upgrade)


def _traced(tracer: RevisionTracer, entry: HistoryEntry, statistics: Statistics, *, goes_on: bool) -> RevisionTrace:
    """Trace a revision; what grows with tables whose size is known is measured on growing copies."""
    trace = tracer.trace(entry, goes_on=goes_on)
    tables = {work.table for work in work_of(trace) if work.table in statistics}
    return replace(trace, calibration=tracer.calibrate(trace, tables)) if tables else trace
