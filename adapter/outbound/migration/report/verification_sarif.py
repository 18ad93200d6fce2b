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
    """Write a log with one run; files as seen from the root of the repository.

    Args:
        report: What to write.
        config: The project's configuration; what is wrong with the history as a whole is said of its first line.
    """
    project = config.parent
    results = [
        result
        for proof in report.proofs
        for result in _results(proof, from_repository(proof.analysis.trace.path, project))
    ]
    results += [
        sarif.result(
            one.code,
            sarif.LEVELS[one.severity],
            f"{one.message} {one.help}",
            from_repository(config.name, project),
            1,
        )
        for one in report.diagnostics
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
    for one in proof.diagnostics:
        line = proof.analysis.line_of(one)
        yield sarif.result(one.code, sarif.LEVELS[one.severity], f"{one.message} {one.help}", path, line)
