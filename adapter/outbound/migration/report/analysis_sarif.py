"""The analysis as SARIF 2.1.0, which code scanning reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapter.outbound.migration.report import sarif
from adapter.outbound.migration.report.places import from_repository
from adapter.outbound.migration.report.summary import not_judged_in, verdict_of
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rule import UNUSED_SUPPRESSION
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.shared_transaction import CODE as LOCKS_OF_EARLIER
from domain.migration.analysis.shared_transaction import FAILS
from domain.migration.diagnostic import Severity
from domain.migration.verification.check import load
from domain.migration.verification.checks import not_judged


def render(report: AnalysisReport, config: Path) -> str:
    """Return a log with one run; paths are relative to the root of the repository.

    A revision that could not be run has its own result, `not-judged`; the run's properties have the number of them.

    Args:
        report: The report.
        config: The project's configuration file, in the folder that paths of revisions are relative to.
    """
    results = [
        result
        for analysis in report.revisions
        for result in _results(analysis, from_repository(analysis.trace.path, config.parent))
    ]
    rules = [*map(sarif.page, all_rules()), sarif.page(load(not_judged)), *_BESIDES]
    properties = {"summary": verdict_of(report), "notJudged": not_judged_in(report)}
    return sarif.log("migrate analyze", rules, results, properties)


def _results(analysis: RevisionAnalysis, path: str) -> Iterator[dict[str, Any]]:
    if analysis.trace.not_run:
        yield sarif.result(not_judged.CODE, "warning", f"Not judged: {analysis.trace.not_run}", path, 1)
    for diagnostic in analysis.diagnostics:
        text, line = f"{diagnostic.message} {diagnostic.help}", analysis.line_of(diagnostic)
        result = sarif.result(diagnostic.code, sarif.LEVELS[diagnostic.severity], text, path, line)
        if diagnostic.suppressed_reason is not None:
            result["suppressions"] = [{"kind": "inSource", "justification": diagnostic.suppressed_reason}]
        yield result


# Codes that do not belong to a single rule.
_BESIDES = [
    sarif.described(
        LOCKS_OF_EARLIER,
        Severity.ERROR,
        "A revision works, or takes a lock, while the locks of earlier revisions are still held.",
        "env.py runs all pending revisions in one transaction, which holds the locks of each until the last one is "
        "done. Other sessions then wait as long as all revisions take. The safe way is "
        "transaction_per_migration=True in context.configure(), in env.py.",
    ),
    sarif.described(
        FAILS,
        Severity.ERROR,
        "A revision succeeds alone, but fails in one transaction with earlier revisions.",
        "env.py runs all pending revisions in one transaction, and Postgres refuses some statements there "
        "that succeed after a COMMIT, such as the use of a new enum value. The safe way is "
        "transaction_per_migration=True in context.configure(), in env.py.",
    ),
    sarif.described(
        UNUSED_SUPPRESSION,
        Severity.WARNING,
        "A suppression in a revision suppresses nothing, or has no reason.",
        "safety_assured names a code that no rule reports for the revision, or gives no reason for it. A suppression "
        "that is not needed today may hide a problem tomorrow. The safe way is to remove it, or to write the reason.",
    ),
]
