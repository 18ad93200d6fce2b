"""Wiring of `migrate analyze`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from adapter.bootstrap.project import (
    ProjectRequest,
    configuration,
    open_trials,
    trial_lanes,
    under_settings_of,
)
from adapter.bootstrap.target import applied_heads, target_statistics

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.outbound.migration.trial.databases import RevisionDatabases
    from application.migration.analyze import AnalysisReport


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
        revisions: A range, or several ranges or absolute paths of revision files. If empty, the revisions that the
            target has not applied, or without a target the last revision.
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
    request = under_settings_of(request, statistics.target)
    observed = observed_seconds(read_log(target.observed)) if target.observed else {}
    start_after = read_project_settings(configuration(request.config)).start_after
    keeps_before = bool(statistics)
    with open_trials(request, keeps_before=keeps_before) as (databases, trials):
        # imported while the agent imports the project's libraries, because it is needed later
        from adapter.outbound.migration.report import analysis_text  # noqa: F401
        from application.migration.analyze import AnalyzeRevisions, revisions_to_analyze

        applied = partial(_applied, target.url, databases) if target.url else None
        chosen = revisions_to_analyze(databases.history(), revisions, applied)
        run = AnalyzeRevisions(trials, trial_lanes(request, keeps_before=keeps_before))
        return run(chosen, statistics, progress, start_after, observed)


def _applied(url: str, databases: "RevisionDatabases") -> tuple[str, ...]:
    return applied_heads(url, databases.version_tables())


def render_analysis(report: "AnalysisReport", form: str, config: "Path | None", *, verbose: bool, color: bool) -> str:
    """Return a report in a format: text, json, markdown, sarif or github.

    Args:
        report: The report.
        form: The name of the format.
        config: The configuration file of the project; None as in `configuration`.
        verbose: Whether the text contains statements, notes and corrected revisions.
        color: Whether the text is colored.
    """
    from adapter.outbound.migration.report import writers

    return writers.render_report(report, form, partial(configuration, config), verbose=verbose, color=color)
