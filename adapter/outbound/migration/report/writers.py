"""The choice of a report's writer: the module `SUBJECT_FORMAT` of this folder, whose `render` returns the report."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from adapter.outbound.migration.report.terminal import terminal_width
from application.migration.analyze import AnalysisReport
from application.migration.read_history import HistoryReport
from application.migration.verify import VerificationReport
from domain.migration.analysis.rule import Page
from domain.migration.deployment.deployment import DeploymentReport
from domain.migration.deployment.plan import Plan
from domain.migration.deployment.preflight import PreflightReport

_WITH_FILES = {"sarif", "github"}  # formats that name files of the project


def render_report(
    report: AnalysisReport | VerificationReport, form: str, config: Callable[[], Path], *, verbose: bool, color: bool
) -> str:
    """Return a report in a format: text, json, markdown, sarif, github for an analysis, or junit for a verification.

    Args:
        report: The report.
        form: The name of the format.
        config: Returns the configuration file of the project, which only some formats need.
        verbose: Whether the text contains everything that is known: of an analysis statements, notes and corrected
            revisions, of a verification all that was proved.
        color: Whether the text is colored.
    """
    render = _writer("analysis" if isinstance(report, AnalysisReport) else "verification", form)
    if form == "text":
        return render(report, verbose=verbose, color=color, width=terminal_width())
    return render(report, config()) if form in _WITH_FILES else render(report)


def render_plan(plan: Plan, form: str, *, color: bool) -> str:
    """Return a plan in a format: text, json, markdown or html.

    Args:
        plan: The plan.
        form: The name of the format.
        color: Whether the text is colored.
    """
    return _rendered("plan", plan, form, color=color)


def render_preflight(report: PreflightReport, form: str, *, color: bool) -> str:
    """Return the report of a preflight in a format: text or json.

    Args:
        report: The report.
        form: The name of the format.
        color: Whether the text is colored.
    """
    return _rendered("preflight", report, form, color=color)


def render_deployment(report: DeploymentReport, form: str, *, color: bool) -> str:
    """Return the end of a deployment in a format: text or json.

    Args:
        report: The report.
        form: The name of the format.
        color: Whether the text is colored.
    """
    return _rendered("deployment", report, form, color=color)


def render_history(report: HistoryReport, form: str, *, color: bool) -> str:
    """Return past deployments in a format: text or json.

    Args:
        report: The report.
        form: The name of the format.
        color: Whether the text is colored.
    """
    return _rendered("history", report, form, color=color)


def render_rules(pages: Sequence[Page], form: str, *, color: bool) -> str:
    """Return the pages of rules and checks in a format: text, json or markdown.

    Args:
        pages: The pages; the text has a single one in full, and a line for each of several.
        form: The name of the format.
        color: Whether the text is colored.
    """
    return _rendered("rules", pages, form, color=color)


def _rendered(subject: str, report: object, form: str, *, color: bool) -> str:
    render = _writer(subject, form)
    return render(report, color=color, width=terminal_width()) if form == "text" else render(report)


def _writer(subject: str, form: str) -> Callable[..., str]:
    render: Callable[..., str] = import_module(f"{__package__}.{subject}_{form}").render
    return render
