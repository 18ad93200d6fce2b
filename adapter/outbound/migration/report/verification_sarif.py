"""The verification as SARIF 2.1.0, which code scanning reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapter.outbound.migration.report import sarif
from adapter.outbound.migration.report.places import from_repository
from application.migration.verify import VerificationReport
from domain.migration.analysis.rule import Page
from domain.migration.analysis.rules import all_rules
from domain.migration.verification.checks import all_checks
from domain.migration.verification.proof import RevisionProof


def render(report: VerificationReport, config: Path) -> str:
    """Return a log with one run; paths are relative to the root of the repository.

    Args:
        report: The report.
        config: The project's configuration file; diagnostics of the history as a whole point at its first line.
    """
    project = config.parent
    results = [
        result
        for proof in report.proofs
        for result in _results(proof, from_repository(proof.analysis.trace.path, project))
    ]
    results += [
        sarif.result(
            diagnostic.code,
            sarif.LEVELS[diagnostic.severity],
            f"{diagnostic.message} {diagnostic.help}",
            from_repository(config.name, project),
            1,
        )
        for diagnostic in report.diagnostics
    ]
    pages: dict[str, Page] = {page.code: page for page in (*all_checks(), *all_rules())}
    properties = {
        "certified": sum(proof.certificate is not None for proof in report.proofs) + len(report.certified),
        "failed": sum(proof.failed for proof in report.proofs),
        "notJudged": sum(proof.not_judged for proof in report.proofs),
        "notProved": sum(proof.not_seen for proof in report.proofs),
    }
    return sarif.log("migrate verify", map(sarif.page, pages.values()), results, properties)


def _results(proof: RevisionProof, path: str) -> Iterator[dict[str, Any]]:
    for diagnostic in proof.diagnostics:
        line = proof.analysis.line_of(diagnostic)
        yield sarif.result(
            diagnostic.code, sarif.LEVELS[diagnostic.severity], f"{diagnostic.message} {diagnostic.help}", path, line
        )
