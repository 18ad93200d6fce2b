"""The verification for a terminal: a line for each revision, then diagnostics and their fixes."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from adapter.outbound.migration.report.terminal import buffered, print_code, shortened, shown, unpadded
from application.migration.verify import VerificationReport
from domain.migration.analysis.rules import did_nothing, not_seen_at_work, rows_must_fit
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.checks import loss_not_seen, not_judged, undeclared_loss, upgrade_fails_again
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Reversibility

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
# Warnings that are shown without `verbose`, because they limit what was proved.
_OF_PROOFS = frozenset(
    {
        module.CODE
        for module in (
            undeclared_loss,
            upgrade_fails_again,
            not_judged,
            rows_must_fit,
            did_nothing,
            not_seen_at_work,
            loss_not_seen,
        )
    }
)
_MESSAGES = 5  # most messages of one kind that are shown without `verbose`


def render(report: VerificationReport, *, verbose: bool = False, color: bool = False, width: int = 120) -> str:
    """Return a report as text.

    Args:
        report: The report.
        verbose: Whether to show warnings, how each revision was verified, all messages of a kind in full, and the
            statements of new code that fail on the old schema.
        color: Whether to use colors.
        width: Width of the terminal in columns.
    """
    console, buffer = buffered(width, color=color)
    for proof in report.proofs:
        _revision(console, proof, verbose=verbose)
    for proof in report.proofs:
        diagnostics = [diagnostic for diagnostic in proof.diagnostics if verbose or _is_shown(diagnostic)]
        if diagnostics:
            console.print()
            trace = proof.analysis.trace
            console.print(shown(f"{trace.revision}  {trace.message}  ({trace.path})", style="bold"), soft_wrap=True)
            _diagnostics(console, diagnostics, verbose=verbose)
    if report.diagnostics:
        console.print()
        _diagnostics(console, report.diagnostics, verbose=verbose)
    if buffer.tell():
        console.print()
    console.print(shown(summary(report), style="bold"))
    return unpadded(buffer.getvalue())


def summary(report: VerificationReport) -> str:
    """Return the result of the verification in one line."""
    count, failed = len(report.proofs), sum(proof.failed for proof in report.proofs)
    not_judged = sum(proof.not_judged for proof in report.proofs)
    not_seen = sum(proof.not_seen for proof in report.proofs)
    proved = count - not_judged - not_seen
    parts = [f"{failed} of {count} failed" if failed else f"{proved} proved" if count else "nothing to prove"]
    parts += [f"{not_judged} not judged"] if not_judged else []
    parts += [f"{not_seen} not proved"] if not_seen else []
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
    """Return the facts about the proof of a revision, including what limits it."""
    if proof.repetition is not None and proof.repetition.kills:
        yield f"{proof.repetition.survived} of {proof.repetition.kills} kills survived"
    if proof.old_code is not None and proof.old_code.tried:
        running = proof.old_code.tried - len(proof.old_code.broken)
        yield f"{running} of {proof.old_code.tried} old statements run"
    if proof.new_code is not None and proof.new_code.broken:
        yield f"{len(proof.new_code.broken)} of {proof.new_code.tried} new statements fail without it"
    if foreign := proof.analysis.trace.foreign_tables:
        yield f"foreign and not read: {', '.join(foreign)}"
    for table, reason in proof.analysis.trace.unread.items():
        yield f"not read: {table} ({reason})"
    if unmade := len(proof.analysis.trace.unmade_edges):
        yield f"{unmade} column{'s' * (unmade > 1)} without some edge values"


def title(proof: RevisionProof) -> str:
    """Return the result for a revision, in capitals."""
    if proof.failed or proof.not_judged:
        return "FAILED" if proof.failed else "NOT JUDGED"
    if proof.not_seen:
        return "NOT PROVED"
    return proof.certificate.reversibility.value.upper() if proof.certificate else "PROVED"


def _revision(console: Console, proof: RevisionProof, *, verbose: bool) -> None:
    trace = proof.analysis.trace
    color = "red" if proof.failed else "yellow" if proof.not_judged or proof.not_seen else "green"
    details = ", ".join(facts(proof))
    line = Text.assemble((f"{title(proof):12}", f"bold {color}"), shown(f"  {trace.revision}  {trace.message}"))
    console.print(line + shown(f"  ({details})" if details else "", style="dim"), soft_wrap=True)
    certificate = proof.certificate
    if certificate is not None and certificate.message:
        console.print(shown(f"{'':14}refuses: {_line(certificate.message)}"), soft_wrap=True)
    undeclared = {diagnostic.relation for diagnostic in proof.diagnostics if diagnostic.code == undeclared_loss.CODE}
    for name, loss in certificate.losses.items() if certificate is not None else ():
        label = "not undone" if name in undeclared else "accepted loss"
        console.print(shown(f"{'':14}{label}: {_line(loss)}"), soft_wrap=True)
    if verbose:
        for fact in _details(proof):
            _indented(console, fact, 14)


def _details(proof: RevisionProof) -> Iterator[str]:
    """Return how a revision was verified, and what could not be tried."""
    trace = proof.analysis.trace
    declared = "" if proof.analysis.revision.declared else ", by what it does"
    yield f"{trace.path}, {proof.analysis.phase.value}{declared}"
    if proof.trip is not None:
        up, down = len(trace.upgrade), proof.trip.statements
        rows = sum(facts.rows for facts in trace.tables.values())
        yield f"round trip: statements up {up}, down {down}; rows {rows:,}, tables {len(trace.tables)}"
    for table, reason in trace.unfilled.items():
        if table in trace.tables:
            yield f"few rows: {table} has {trace.tables[table].rows} ({reason})"
    for column, reason in trace.unmade_edges.items():
        yield f"not tried: {column} ({reason})"
    if proof.repetition is not None:
        twice = "changes something" if proof.repetition.twice else "changes nothing"
        yield f"repeat: a second upgrade {twice}; {proof.repetition.kills} kills tried"
    if proof.old_code is not None:
        for table, reason in proof.old_code.untried.items():
            yield f"old code: no INSERT, UPDATE and DELETE on {table}, for {reason}"
    for broken in proof.new_code.broken if proof.new_code is not None else ():
        yield f"new code, deployed first: {_line(str(broken))}"


def _diagnostics(console: Console, diagnostics: Iterable[Diagnostic], *, verbose: bool) -> None:
    """Print diagnostics; consecutive ones of the same kind share their heading, help and fix."""
    last_fix = None
    for (severity, code, advice, fix), group in groupby(
        diagnostics, lambda diagnostic: (diagnostic.severity, diagnostic.code, diagnostic.help, diagnostic.fix)
    ):
        messages = [diagnostic.message for diagnostic in group]
        console.print(Text.assemble((f"  {severity.value}", _COLORS[severity]), f" {code}"))
        for message in messages if verbose else messages[:_MESSAGES]:
            _indented(console, _line(shortened(message, verbose=verbose)))
        if not verbose and len(messages) > _MESSAGES:
            _indented(console, f"and {len(messages) - _MESSAGES} more (-v shows them)")
        _indented(console, f"-> {advice}")
        if fix and fix != last_fix:
            print_code(console, fix, 6)
            last_fix = fix


def _line(text: str) -> str:
    return " ".join(text.split())


def _is_shown(diagnostic: Diagnostic) -> bool:
    return diagnostic.severity is Severity.ERROR or diagnostic.code in _OF_PROOFS


def _indented(console: Console, text: str, columns: int = 4) -> None:
    console.print(Padding(shown(text), (0, 0, 0, columns)))
