"""Wiring of `migrate analyze`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, configuration, lanes, revision_databases
from adapter.bootstrap.target import applied_heads, load_statistics, read_target_statistics

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from adapter.outbound.migration.trial.databases import RevisionDatabases
    from application.migration.analyze import AnalysisReport
    from application.migration.ports import RevisionTracer


@dataclass(frozen=True)
class TargetRequest:
    """The database that will be migrated, by its address or by a file about it.

    Attributes:
        url: Its address; it is only read.
        statistics: A file that `migrate stats` wrote.
        observed: The log of an upgrade of such a database.
    """

    url: str | None = None
    statistics: "Path | None" = None
    observed: "Path | None" = None


def analyze_revisions(
    request: ProjectRequest,
    wanted: "str | Sequence[str] | None",
    target: TargetRequest,
    progress: "Callable[..., object]",
) -> "AnalysisReport":
    """Run the revisions of a range in a sandbox and judge them.

    Args:
        request: The project and the sandbox.
        wanted: The range, several, or files of revisions; nothing for what the target has still to apply, and without a
            target for the last revision.
        target: Where sizes of tables come from.
        progress: Told what comes next.

    Raises:
        DatabaseError: The sandbox or the target cannot be had, or the configuration file is missing.
        MigrationError: The history or the range cannot be read.
    """
    from adapter.outbound.migration.project.settings import read_project_settings
    from domain.migration.analysis.observed import observed_seconds
    from domain.migration.statistics import Statistics

    statistics = Statistics.unknown()
    if target.statistics:
        statistics = load_statistics(target.statistics)
    elif target.url:
        statistics = read_target_statistics(target.url)
    if statistics.target is not None:
        request = replace(request, settings=statistics.target.settings)
    observed = observed_seconds(_read(target.observed)) if target.observed else {}
    names = _absolute([wanted] if isinstance(wanted, str) else wanted or ())
    start_after = read_project_settings(configuration(request.config)).start_after
    with revision_databases(request) as databases:
        from adapter.outbound.migration.trial.tracer import SandboxRevisionTracer
        from application.migration.analyze import AnalyzeRevisions

        @contextmanager
        def another(lane: int, stop: "threading.Event") -> "Iterator[RevisionTracer]":
            with revision_databases(request, lane, stop) as own, closing(tracer_on(own)) as tracer:
                yield tracer

        def tracer_on(own: "RevisionDatabases") -> SandboxRevisionTracer:
            return SandboxRevisionTracer(own, keeps_before=bool(statistics))

        # while the agent imports the project's libraries, this process has time for what it will need
        from adapter.outbound.migration.report import analysis_text  # noqa: F401

        with closing(tracer_on(databases)) as tracer:
            history = databases.history()
            applied = applied_heads(target.url, databases.version_tables()) if target.url and not names else None
            chosen = history.choose(names or ["head"]) if applied is None else history.pending(applied)
            run = AnalyzeRevisions(tracer, lanes(request, another))
            return run(chosen, statistics, progress, start_after, observed)


def _absolute(wanted: "Sequence[str]") -> list[str]:
    """Return ranges as they are, and files of revisions by the path under which Alembic has them."""
    from pathlib import Path

    return [str(Path(name).resolve()) if name.endswith(".py") else name for name in wanted]


def _read(path: "Path") -> str:
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DatabaseConfigurationError(f"{shown(path)} cannot be read: {error.strerror}", "name a log file") from None


def render_analysis(report: "AnalysisReport", form: str, config: "Path | None", *, verbose: bool, color: bool) -> str:
    """Write a report on the project with that configuration in a format: text, json, markdown, sarif or github."""
    import importlib

    if form == "text":
        from adapter.outbound.migration.report import analysis_text
        from adapter.outbound.migration.report.terminal import terminal_width

        return analysis_text.render(report, verbose=verbose, color=color, width=terminal_width())
    writer = importlib.import_module(f"adapter.outbound.migration.report.analysis_{form}")
    places = (configuration(config).parent,) if form in {"sarif", "github"} else ()
    written: str = writer.render(report, *places)
    return written


def analysis_fails(report: "AnalysisReport", severity: str) -> bool:
    """Return whether a report has something of that severity (`error` or `warning`) that nobody suppressed."""
    from domain.migration.diagnostic import Severity

    return report.fails_on(Severity(severity))
