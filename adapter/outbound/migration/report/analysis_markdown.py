"""The analysis as Markdown, for a comment on a pull request."""

from adapter.outbound.migration.report.summary import verdict_of
from adapter.outbound.migration.report.waiting import waits
from adapter.outbound.postgres.redaction import redact
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.diagnostic import Diagnostic, Severity

_MARKS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "note:"}


def render(report: AnalysisReport) -> str:
    """Return a heading, a table of all revisions, and a section for each with diagnostics or estimated locks."""
    lines = [f"## Migrations on Postgres {report.postgres}", "", f"**{verdict_of(report)}**", ""]
    lines += ["| revision | what | verdict | strongest locks | strategy |", "|---|---|---|---|---|"]
    lines += [_row(analysis) for analysis in report.revisions]
    for analysis in report.revisions:
        window_lines = [f"- `{window.relation}` {window.mode.sql}: {clause}" for window, clause in waits(analysis)]
        if analysis.diagnostics or window_lines:
            lines += ["", f"### `{analysis.trace.revision}` {_cell(analysis.trace.message)}", "", *window_lines]
            for diagnostic in analysis.diagnostics:
                lines += _section(diagnostic)
    return "\n".join(map(redact, lines))  # each by itself: what stands in the next line is no secret


def _row(analysis: RevisionAnalysis) -> str:
    trace = analysis.trace
    locks = ", ".join(f"{relation} {mode.sql}" for relation, mode in trace.locks.items()) or "none"
    verdict = {"unsafe": "❌ unsafe", "safe": "✅ safe"}.get(
        analysis.verdict, f"❔ not judged: {analysis.trace.not_run}"
    )
    return (
        f"| `{trace.revision}` | {_cell(trace.message)} | {verdict} | {locks} | {analysis.strategy.migration.value} |"
    )


def _section(diagnostic: Diagnostic) -> list[str]:
    suppressed = f" (accepted: {diagnostic.suppressed_reason})" if diagnostic.suppressed_reason else ""
    lines = [f"- {_MARKS[diagnostic.severity]} **{diagnostic.code}**{suppressed}: {diagnostic.message}"]
    lines += [f"  {diagnostic.help}"]
    if diagnostic.fix:
        lines += [
            "",
            "  ```python",
            *(f"  {line}" for line in redact(diagnostic.fix).strip().splitlines()),
            "  ```",
            "",
        ]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
