"""The analysis as workflow commands of GitHub Actions, which annotate the lines of a pull request.

Source: GitHub Actions documentation, "Workflow commands", setting a notice, warning or error message.
"""

from pathlib import Path

from adapter.outbound.migration.report.places import from_repository
from adapter.outbound.migration.report.summary import not_judged_in, verdict_of
from adapter.outbound.postgres.redaction import redact
from application.migration.analyze import AnalysisReport
from domain.migration.diagnostic import Severity
from domain.migration.verification.checks import not_judged

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(report: AnalysisReport, config: Path) -> str:
    """Return one command per diagnostic that is not suppressed, and a summary where revisions were not judged.

    Paths are relative to the root of the repository.

    Args:
        report: The report.
        config: The project's configuration file, in the folder that paths of revisions are relative to.
    """
    lines = []
    for analysis in report.revisions:
        path = from_repository(analysis.trace.path, config.parent)
        if analysis.trace.not_run:
            lines.append(_command("warning", path, 1, not_judged.CODE, f"Not judged: {analysis.trace.not_run}"))
        for diagnostic in analysis.diagnostics:
            if diagnostic.suppressed_reason is not None:
                continue
            line = analysis.line_of(diagnostic)
            text = f"{diagnostic.message}\n{diagnostic.help}"
            lines.append(_command(_COMMANDS[diagnostic.severity], path, line, diagnostic.code, text))
    if not_judged_in(report):
        lines.append(f"::notice title=migrate analyze::{_data(redact(verdict_of(report)))}")
    return "\n".join(lines)


def _command(command: str, path: str, line: int, title: str, text: str) -> str:
    return f"::{command} file={_property(path)},line={line},title={_property(title)}::{_data(redact(text))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
