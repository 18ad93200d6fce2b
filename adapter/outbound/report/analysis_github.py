"""The analysis as workflow commands of GitHub Actions: annotations beside the lines of a pull request.

Source: GitHub Actions documentation, "Workflow commands", setting a notice, warning or error message.
"""

from pathlib import Path

from adapter.outbound.database.redaction import redact
from adapter.outbound.report.places import from_repository
from application.migration.analyze import AnalysisReport
from domain.migration.diagnostic import Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(report: AnalysisReport, project: Path) -> str:
    """Write one command a diagnostic that nobody suppressed; files as seen from the root of the repository."""
    lines = []
    for analysis in report.revisions:
        path = from_repository(analysis.trace.path, project)
        for diagnostic in analysis.diagnostics:
            if diagnostic.suppressed_reason is not None:
                continue
            line = analysis.line_of(diagnostic)
            properties = f"file={_property(path)},line={line},title={_property(diagnostic.code)}"
            text = redact(f"{diagnostic.message}\n{diagnostic.help}")
            lines.append(f"::{_COMMANDS[diagnostic.severity]} {properties}::{_data(text)}")
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
