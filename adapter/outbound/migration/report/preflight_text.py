"""The preflight for a terminal: what stops the deployment first, each with the way out."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from adapter.outbound.migration.report.terminal import buffered, shown, unpadded
from domain.migration.deployment.preflight import Finding, Outcome, PreflightReport

_MARKS = {
    Outcome.FAILED: ("FAILED", "bold red"),
    Outcome.NOT_READ: ("NOT READ", "bold red"),
    Outcome.WARNING: ("WARNING", "yellow"),
    Outcome.PASSED: ("ok", "green"),
}


def render(report: PreflightReport, *, color: bool = False, width: int = 120) -> str:
    """Return a report as text.

    Args:
        report: The report.
        color: Whether to use colors.
        width: Width of the terminal in columns.
    """
    console, buffer = buffered(width, color=color)
    for finding in report.findings:
        print_finding(console, finding)
    console.print()
    console.print(shown(summary(report), style="bold"))
    return unpadded(buffer.getvalue())


def summary(report: PreflightReport) -> str:
    """Return the result in one line."""
    counts = [f"{report.count(outcome)} {outcome.value}" for outcome in Outcome if report.count(outcome)]
    verdict = "not ready" if report.failed else "ready"
    count = len(report.plan.steps) if report.plan else 0
    steps = f" for {count} step{'s' if count > 1 else ''}" if count and not report.failed else ""
    return f"{verdict}{steps}: {', '.join(counts)}"


def print_finding(console: Console, finding: Finding) -> None:
    """Print a finding, and the way out of it."""
    mark, style = _MARKS[finding.outcome]
    title = Text.assemble((f"{mark:<9}", style), shown(f"{finding.check:<20} {finding.message}"))
    console.print(Padding(title, 0))
    if finding.remedy:
        console.print(Padding(shown(finding.remedy), (0, 0, 0, 30)))
