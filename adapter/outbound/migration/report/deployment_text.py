"""The end of a deployment for a terminal: what was found, the state, what was not done, and how to go on."""

from rich.text import Text

from adapter.outbound.migration.report.durations import duration
from adapter.outbound.migration.report.preflight_text import print_finding
from adapter.outbound.migration.report.terminal import buffered, shown, unpadded
from domain.migration.deployment.deployment import DeploymentReport, Ending, state_of


def render(report: DeploymentReport, *, color: bool = False, width: int = 120) -> str:
    """Return a report as text.

    Args:
        report: The report.
        color: Whether to use colors.
        width: Width of the terminal in columns.
    """
    console, buffer = buffered(width, color=color)
    for finding in report.findings:
        print_finding(console, finding)
    if report.findings:
        console.print()
    style = "bold red" if report.failed else "bold green"
    console.print(shown(headline(report), style=style))
    for step in report.steps:
        if step.unrecorded:
            console.print(shown(f"The journal does not have the end of {step.step.revision}: {step.unrecorded}"))
    console.print(shown(state_of(report.current)))
    last = report.last_attempt
    if report.not_done:
        console.print(shown(f"Not done: {', '.join(step.revision for step in report.not_done)}."))
        if last is not None and last.message:
            console.print(shown(f"{report.steps[-1].step.revision}: {last.message}"))
            console.print(Text("  hint: ") + shown(last.hint) if last.hint else Text(""), end="\n" if last.hint else "")
        if report.backup is not None and not report.backup.manifest.output:
            console.print(shown(f"What was there before: migrate restore {report.backup.path}"))
    return unpadded(buffer.getvalue())


def headline(report: DeploymentReport) -> str:
    """Return the result in one line."""
    done = len(report.plan.steps) - len(report.not_done)
    word, whole = ("undone", "downgraded") if report.plan.is_downgrade else ("applied", "deployed")
    took = duration(sum(step.seconds for step in report.steps))
    count = f"{done} of {len(report.plan.steps)} step{'s' if len(report.plan.steps) > 1 else ''} {word} in {took}"
    if not report.not_done:
        return f"{count}, but something is wrong" if report.failed else f"{whole}: {count}"
    last = report.last_attempt
    ending = "stopped" if last is None or last.ending is Ending.APPLIED else last.ending.value
    return f"{ending}: {count}"
