"""Wiring of `migrate analyze`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, configuration, lanes, revision_databases
from adapter.bootstrap.target import applied_heads, target_statistics

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from adapter.outbound.migration.trial.databases import RevisionDatabases
    from application.migration.analyze import AnalysisReport
    from application.migration.ports.trials import Trials


@dataclass(frozen=True)
class TargetRequest:
    """The database to be migrated, by its URL or by a file of statistics.

    Attributes:
        url: The URL of the database, which is only read; None for none.
        statistics: The file that `migrate stats` wrote; None for none.
        observed: The log of an upgrade of such a database; None for none.
    """

    url: str | None = None
    statistics: "Path | None" = None
    observed: "Path | None" = None


def analyze_revisions(
    request: ProjectRequest,
    revisions: "str | Sequence[str] | None",
    target: TargetRequest,
    progress: "Callable[..., object]",
) -> "AnalysisReport":
    """Run the revisions of a range in a sandbox and return the report on them.

    Args:
        request: The project and the sandbox.
        revisions: A range, several ranges, or files of revisions. If empty, the revisions that the target has not
            applied, or without a target the last revision.
        target: The source of the sizes of tables.
        progress: Called before each revision.

    Raises:
        DatabaseError: The sandbox or the target is not available, or the configuration file is missing.
        MigrationError: The history or the range cannot be read.
    """
    from adapter.outbound.migration.project.settings import read_project_settings
    from adapter.outbound.migration.target.files import read_log
    from domain.migration.analysis.observed import observed_seconds

    statistics = target_statistics(target.url, target.statistics)
    if statistics.target is not None:
        request = replace(request, settings=statistics.target.settings)
    observed = observed_seconds(read_log(target.observed)) if target.observed else {}
    names = _absolute([revisions] if isinstance(revisions, str) else revisions or ())
    start_after = read_project_settings(configuration(request.config)).start_after
    with revision_databases(request) as databases:
        from adapter.outbound.migration.trial.trials import SandboxTrials
        from application.migration.analyze import AnalyzeRevisions

        @contextmanager
        def open_trials(lane: int, stop: "threading.Event") -> "Iterator[Trials]":
            with (
                revision_databases(request, lane, stop) as worker_databases,
                closing(trials_on(worker_databases)) as trials,
            ):
                yield trials

        def trials_on(worker_databases: "RevisionDatabases") -> SandboxTrials:
            return SandboxTrials(worker_databases, keeps_before=bool(statistics))

        # imported while the agent imports the project's libraries, because it is needed later
        from adapter.outbound.migration.report import analysis_text  # noqa: F401

        with closing(trials_on(databases)) as trials:
            history = databases.history()
            applied = applied_heads(target.url, databases.version_tables()) if target.url and not names else None
            chosen = history.choose(names or ["head"]) if applied is None else history.pending(applied)
            run = AnalyzeRevisions(trials, lanes(request, open_trials))
            return run(chosen, statistics, progress, start_after, observed)


def _absolute(revisions: "Sequence[str]") -> list[str]:
    """Return ranges unchanged, and files of revisions with the absolute path that Alembic has."""
    from pathlib import Path

    return [str(Path(name).resolve()) if name.endswith(".py") else name for name in revisions]


def render_analysis(report: "AnalysisReport", form: str, config: "Path | None", *, verbose: bool, color: bool) -> str:
    """Return a report in a format: text, json, markdown, sarif or github.

    Args:
        report: The report.
        form: The name of the format.
        config: The configuration file of the project; None as in `configuration`.
        verbose: Whether the text contains statements, notes and corrected revisions.
        color: Whether the text is colored.
    """
    import importlib

    if form == "text":
        from adapter.outbound.migration.report import analysis_text
        from adapter.outbound.migration.report.terminal import terminal_width

        return analysis_text.render(report, verbose=verbose, color=color, width=terminal_width())
    writer = importlib.import_module(f"adapter.outbound.migration.report.analysis_{form}")
    arguments = (configuration(config).parent,) if form in {"sarif", "github"} else ()
    text: str = writer.render(report, *arguments)
    return text


def analysis_fails(report: "AnalysisReport", severity: str) -> bool:
    """Return whether a report has a diagnostic of a severity (`error` or `warning`) or worse that is not suppressed."""
    from domain.migration.diagnostic import Severity

    return report.fails_on(Severity(severity))
