"""The analysis as SARIF 2.1.0, which code scanning reads (OASIS Standard, 27 March 2020)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapter.outbound.database.redaction import redact
from adapter.outbound.report.places import from_repository
from adapter.outbound.report.summary import not_judged_in, verdict_of
from application.migration.analyze import AnalysisReport
from domain.migration.analysis import RevisionAnalysis
from domain.migration.diagnostic import Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render(report: AnalysisReport, project: Path) -> str:
    """Write a log with one run; files as seen from the root of the repository.

    A revision that could not be run has a result of its own, `not-judged`; the run's properties count them.
    """
    results = [
        result
        for analysis in report.revisions
        for result in _results(analysis, from_repository(analysis.trace.path, project))
    ]
    rules = sorted({result["ruleId"] for result in results})
    driver = {"name": "migrate analyze", "rules": [{"id": rule} for rule in rules]}
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": driver},
                    "results": redact(results),
                    "properties": {"summary": verdict_of(report), "notJudged": not_judged_in(report)},
                }
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def _results(analysis: RevisionAnalysis, path: str) -> Iterator[dict[str, Any]]:
    if analysis.trace.not_run:
        yield _result("not-judged", "warning", f"Not judged: {analysis.trace.not_run}", path, 1)
    for diagnostic in analysis.diagnostics:
        text, line = f"{diagnostic.message} {diagnostic.help}", analysis.line_of(diagnostic)
        result = _result(diagnostic.code, _LEVELS[diagnostic.severity], text, path, line)
        if diagnostic.suppressed_reason is not None:
            result["suppressions"] = [{"kind": "inSource", "justification": diagnostic.suppressed_reason}]
        yield result


def _result(rule: str, level: str, text: str, path: str, line: int) -> dict[str, Any]:
    location = {"physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": {"startLine": line}}}
    return {"ruleId": rule, "level": level, "message": {"text": text}, "locations": [location]}
