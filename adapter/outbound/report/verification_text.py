"""The verification for a terminal: one line for a revision, and what is wrong with it."""

import io
from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from application.migration.verify import VerificationReport
from domain.migration.certificate import Reversibility
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification import RevisionProof

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def render(report: VerificationReport, *, verbose: bool = False, color: bool = False, width: int = 120) -> str:
    """Write a report.

    Args:
        report: What to write.
        verbose: With warnings, accepted losses, and what new code meets on the old schema.
        color: With colors.
        width: Columns of the terminal.
    """
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=color, no_color=not color, width=width, highlight=False)
    for diagnostic in report.diagnostics:
        _diagnostic(console, diagnostic)
    for proof in report.proofs:
        _revision(console, proof, verbose=verbose)
    console.print(Text(summary(report), style="bold"))
    return buffer.getvalue().rstrip("\n")


def summary(report: VerificationReport) -> str:
    """Say in a line how it ended."""
    count, failed = len(report.proofs), sum(proof.failed for proof in report.proofs)
    parts = [f"{failed} of {count} failed" if failed else f"{count} proved" if count else "nothing to prove"]
    kinds = [proof.certificate.reversibility for proof in report.proofs if proof.certificate]
    parts += [f"{kinds.count(kind)} {kind.value}" for kind in Reversibility if kind in kinds]
    kills = sum(proof.repetition.kills for proof in report.proofs if proof.repetition)
    if kills:
        survived = sum(proof.repetition.survived for proof in report.proofs if proof.repetition)
        parts.append(f"{survived} of {kills} kills survived")
    if report.certified:
        parts.append(f"{len(report.certified)} unchanged since they were proved")
    return f"{', '.join(parts)} (on Postgres {report.postgres})"


def facts(proof: RevisionProof) -> Iterator[str]:
    """Say what was proved of a revision."""
    if proof.repetition is not None and proof.repetition.kills:
        yield f"{proof.repetition.survived} of {proof.repetition.kills} kills survived"
    if proof.old_code is not None:
        running = proof.old_code.tried - len(proof.old_code.broken)
        yield f"{running} of {proof.old_code.tried} old statements run"
    if proof.new_code is not None and proof.new_code.broken:
        yield f"{len(proof.new_code.broken)} of {proof.new_code.tried} new statements need it"


def title(proof: RevisionProof) -> str:
    """Give the one word for a revision."""
    if proof.failed:
        return "FAILED"
    return proof.certificate.reversibility.value.upper() if proof.certificate else "PROVED"


def _revision(console: Console, proof: RevisionProof, *, verbose: bool) -> None:
    trace = proof.analysis.trace
    color = "red" if proof.failed else "green"
    line = f"  {trace.revision}  {trace.message}"
    said = ", ".join(facts(proof))
    console.print(Text.assemble((f"{title(proof):12}", f"bold {color}"), line, (f"  ({said})" if said else "", "dim")))
    for diagnostic in proof.diagnostics:
        if verbose or diagnostic.severity is Severity.ERROR:
            _diagnostic(console, diagnostic)
    if not verbose:
        return
    for loss in (proof.certificate.losses if proof.certificate else {}).values():
        _indented(console, f"accepted: {loss}", 2)
    for one in proof.new_code.broken if proof.new_code else ():
        _indented(console, f"new code, deployed first: {one}", 2)


def _diagnostic(console: Console, diagnostic: Diagnostic) -> None:
    console.print(
        Text.assemble((f"  {diagnostic.severity.value}", _COLORS[diagnostic.severity]), f" {diagnostic.code}")
    )
    _indented(console, diagnostic.message)
    _indented(console, diagnostic.help)
    if diagnostic.fix:
        _indented(console, diagnostic.fix)


def _indented(console: Console, text: str, columns: int = 4) -> None:
    console.print(Padding(Text(text), (0, 0, 0, columns)))
