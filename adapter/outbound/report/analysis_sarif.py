"""The analysis as SARIF 2.1.0, which code scanning reads (OASIS Standard, 27 March 2020)."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapter.outbound.database.redaction import redact
from adapter.outbound.report.places import from_repository
from application.migration.analyze import AnalysisReport
from domain.migration.analysis import RevisionAnalysis
from domain.migration.diagnostic import Diagnostic, Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render(report: AnalysisReport, project: Path) -> str:
    """Write a log with one run; files as seen from the root of the repository."""
    results = [
        _result(analysis, diagnostic, from_repository(analysis.trace.path, project))
        for analysis in report.revisions
        for diagnostic in analysis.diagnostics
    ]
    rules = sorted({result["ruleId"] for result in results})
    driver = {"name": "migrate analyze", "rules": [{"id": rule} for rule in rules]}
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": redact(results)}],
        },
        indent=2,
        ensure_ascii=False,
    )


def _result(analysis: RevisionAnalysis, diagnostic: Diagnostic, path: str) -> dict[str, Any]:
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path)},
            "region": {"startLine": analysis.line_of(diagnostic)},
        }
    }
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": f"{diagnostic.message} {diagnostic.help}"},
        "locations": [location],
    }
    if diagnostic.suppressed_reason is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": diagnostic.suppressed_reason}]
    return result
