"""Past deployments for a terminal, newest first: what was expected of each step beside what happened."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from adapter.outbound.migration.report.durations import between, duration
from adapter.outbound.migration.report.terminal import buffered, shown, unpadded
from application.migration.read_history import HistoryReport
from domain.migration.deployment.journal import Event
from domain.migration.deployment.past import PastDeployment, PastStep

_OUTCOMES = {
    Event.COMMITTED: ("ok", "green"),
    Event.UNDONE: ("undone", "green"),
    Event.GAVE_WAY: ("GAVE WAY", "yellow"),
    Event.FAILED: ("FAILED", "bold red"),
    Event.INTERRUPTED: ("INTERRUPTED", "yellow"),
    Event.UNKNOWN: ("UNKNOWN", "bold red"),
    Event.STARTED: ("NO END", "bold red"),
}
_REMARKS = {
    Event.UNKNOWN: "the connection was lost: migrate status says whether the revision is applied",
    Event.STARTED: "it runs, or was killed: migrate status says whether the revision is applied",
}
_HASH = 12  # shown letters of the hash of a plan


def render(report: HistoryReport, *, color: bool = False, width: int = 120) -> str:
    """Return a report as text.

    Args:
        report: The report.
        color: Whether to use colors.
        width: Width of the terminal in columns.
    """
    console, buffer = buffered(width, color=color)
    if not report.count:
        console.print(shown(f"no deployment is recorded in {report.place}: migrate deploy writes this journal"))
    for deployment in report.deployments:
        _deployment(console, deployment)
    if report.count:
        console.print(shown(_summary(report), style="bold"))
    return unpadded(buffer.getvalue())


def _summary(report: HistoryReport) -> str:
    deployments = f"{report.count} deployment{'s' if report.count > 1 else ''}"
    number = len(report.deployments)
    extent = f"the newest {number} of {deployments}" if number < report.count else deployments
    return f"{extent} in {report.place}"


def _deployment(console: Console, deployment: PastDeployment) -> None:
    title = f"{deployment.started:%Y-%m-%d %H:%M:%S} UTC  {deployment.deployment}"
    console.print(shown(title, style="bold"))
    facts = {
        "": deployment.database,
        "by ": deployment.who,
        "plan ": deployment.plan[:_HASH],
        "version ": deployment.version,
    }
    console.print(Padding(shown(", ".join(name + fact for name, fact in facts.items() if fact)), (0, 0, 0, 2)))
    for step in deployment.steps:
        _step(console, step)
    console.print()


def _step(console: Console, step: PastStep) -> None:
    mark, style = _OUTCOMES[step.event]
    line = Text.assemble((f"{mark:<12}", style), shown(f"{step.revision}  {', '.join(_figures(step))}"))
    console.print(Padding(line, (0, 0, 0, 2)))
    remarks = [step.message, _REMARKS.get(step.event, ""), *(f"in the way: {blocker}" for blocker in step.blockers)]
    for remark in filter(None, remarks):
        console.print(Padding(shown(remark), (0, 0, 0, 14)))


def _figures(step: PastStep) -> list[str]:
    figures = ["not timed" if step.seconds is None else f"{duration(step.seconds)}"]
    if step.predicted is not None:
        slower = ", which is longer" if step.slower else ""
        figures.append(f"expected {between(*step.predicted)}{slower}")
    if step.attempts > 1:
        figures.append(f"{step.attempts} attempts")
    if step.waited:
        figures.append(f"waited {duration(step.waited)} for locks")
    return figures
