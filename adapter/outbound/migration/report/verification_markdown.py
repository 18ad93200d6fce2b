"""The verification as Markdown, for a comment on a pull request."""

from collections.abc import Iterator

from adapter.outbound.migration.report.verification_text import facts, summary, title
from adapter.outbound.postgres.redaction import redact
from application.migration.verify import VerificationReport
from domain.migration.verification.proof import RevisionProof


def render(report: VerificationReport) -> str:
    """Return a report: a table of the revisions, then their diagnostics."""
    return "\n".join(map(redact, _lines(report)))  # each by itself: what stands in the next one is no secret


def _lines(report: VerificationReport) -> Iterator[str]:
    yield f"**{summary(report)}**"
    yield ""
    if report.proofs:
        yield "| revision | | proved |"
        yield "|---|---|---|"
    for proof in report.proofs:
        trace = proof.analysis.trace
        yield f"| `{trace.revision}` {_cell(trace.message)} | {title(proof)} | {', '.join(facts(proof))} |"
    for diagnostic in report.diagnostics:
        yield f"\n**{diagnostic.code}** {diagnostic.message}\n{diagnostic.help}"
    for proof in report.proofs:
        yield from _wrong(proof)


def _wrong(proof: RevisionProof) -> Iterator[str]:
    if not proof.diagnostics:
        return
    yield f"\n#### `{proof.analysis.trace.revision}` {proof.analysis.trace.message}\n"
    for diagnostic in proof.diagnostics:
        message = " ".join(diagnostic.message.split())
        yield f"- **{diagnostic.severity.value}** `{diagnostic.code}`: {message} {diagnostic.help}"
    for fix in dict.fromkeys(diagnostic.fix for diagnostic in proof.diagnostics if diagnostic.fix):
        yield f"\n```python\n{fix.strip()}\n```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
