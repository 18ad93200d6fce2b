"""The use case of `migrate analyze`: run each revision in a sandbox, and judge its trace."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from application.migration.lanes import Count, Opener, in_lanes
from application.migration.ports.trials import Trial, Trials
from domain.migration.analysis.impact import work_of
from domain.migration.analysis.revision_analysis import RevisionAnalysis, analyze
from domain.migration.analysis.shared_transaction import judge_together, with_needs
from domain.migration.diagnostic import Severity
from domain.migration.history import History, HistoryEntry
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class AnalysisReport:
    """The result of `migrate analyze`.

    Attributes:
        postgres: Version of Postgres in the sandbox.
        pgvector: Version of pgvector in the sandbox; None if it was not created.
        revisions: Analyses of the revisions in the range, in the order in which they run.
        unjudged: Number of revisions in the range that are too old to be judged.
        is_history_empty: Whether Alembic finds no revision at all.
    """

    postgres: str
    pgvector: str | None
    revisions: tuple[RevisionAnalysis, ...]
    unjudged: int = 0
    is_history_empty: bool = False

    def fails_on(self, severity: Severity) -> bool:
        """Return whether there is an unsuppressed diagnostic of this severity or a worse one.

        A revision that could not be run counts as a failure, too.
        """
        worst = list(Severity)[: list(Severity).index(severity) + 1]
        return any(analysis.trace.not_run for analysis in self.revisions) or any(
            diagnostic.severity in worst and diagnostic.suppressed_reason is None
            for analysis in self.revisions
            for diagnostic in analysis.diagnostics
        )


@dataclass(frozen=True)
class AnalyzeRevisions:
    """The use case that traces and judges the revisions of a range.

    Attributes:
        trials: Trials of the revisions in a sandbox.
        others: Openers of more trials, each with a sandbox of its own, for long ranges.
    """

    trials: Trials
    others: Sequence[Opener[Trials]] = ()

    def __call__(
        self,
        wanted: str | Sequence[HistoryEntry],
        statistics: Statistics,
        progress: Callable[[int, int, HistoryEntry], object] = lambda _done, _all, _next: None,
        start_after: str = "",
        observed: Mapping[str, float] = _NOTHING,
    ) -> AnalysisReport:
        """Return the analysis of the revisions.

        Args:
            wanted: Range as for `domain.migration.history.History.select`, or the revisions themselves.
            statistics: Statistics of the target.
            progress: Function that is called before each revision with the number of finished revisions, the number of
                all revisions, and the next revision.
            start_after: Revision up to which nothing is judged; empty to judge all.
            observed: Durations of deployed revisions, in seconds, by revision.

        Raises:
            HistoryError: The range cannot be read.
            MigrationError: The history cannot be run at all.
        """
        history = self.trials.history()
        selected = history.select(wanted) if isinstance(wanted, str) else wanted
        older_revisions = history.ancestors(history.resolve(start_after)) if start_after else frozenset[str]()
        entries = [entry for entry in selected if entry.revision not in older_revisions]
        count = Count(len(entries), progress)
        pgvector_versions: dict[str, None] = {}

        def analyzed(trials: Trials, entry: HistoryEntry) -> RevisionAnalysis:
            with count.item(entry), trials.begin(entry, goes_on=len(entries) > 1) as trial:
                analysis = analyze(_calibrated(trial, statistics), statistics).without_catalogs()
            version = trials.versions().pgvector
            if version:
                pgvector_versions[version] = None
            return replace(analysis, observed_seconds=observed.get(entry.revision))

        analyses = in_lanes(self.trials, self.others, entries, analyzed)
        shared_transaction = cache(self.trials.shared_transaction)
        if len(analyses) > 1:
            shared = shared_transaction()
            running = list(itertools.takewhile(lambda pair: _ran(pair[1]), zip(entries, analyses, strict=True)))
            together = [entry for entry, _ in running] if shared is not None else []
            failure = self.trials.fails_together(together) if len(together) > 1 else None
            analyses = judge_together(analyses, shared, failure)
        analyses = with_needs(analyses, shared_transaction)
        postgres = self.trials.versions().postgres
        return AnalysisReport(
            postgres,
            next(iter(pgvector_versions), None),
            tuple(analyses),
            unjudged=len(selected) - len(entries),
            is_history_empty=not history.entries,
        )


def _ran(analysis: RevisionAnalysis) -> bool:
    trace = analysis.trace
    return not (trace.error or trace.not_run) and all(statement.error is None for statement in trace.upgrade)


def _calibrated(trial: Trial, statistics: Statistics) -> RevisionTrace:
    """Return the trace of a trial, with calibration runs if it works on tables whose size is known."""
    tables = {work.table for work in work_of(trial.trace) if work.table in statistics}
    return replace(trial.trace, calibration=trial.calibrate(tables)) if tables else trial.trace


def revisions_to_analyze(
    history: History, named: "str | Sequence[str] | None", applied: Callable[[], Sequence[str]] | None
) -> tuple[HistoryEntry, ...]:
    """Return the revisions that are named; else those that a target has not applied, or the last one without a target.

    Args:
        history: All revisions.
        named: A range, or several ranges or paths of revision files; empty for none.
        applied: Returns the revisions that the target is at; None without a target.

    Raises:
        HistoryError: A name is unknown, or the target is at a revision that the history does not have.
    """
    if named or applied is None:
        return history.choose(named or "head")
    return history.pending(applied())
