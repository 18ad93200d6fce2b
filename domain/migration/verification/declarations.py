"""The declaration of what a downgrade does not restore: one line for all that is lost and all that stays."""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.moves import without_moves
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataDifference
from domain.migration.op_code import quoted
from domain.migration.snapshot import SchemaDifference, compare
from domain.migration.trace import RevisionTrace
from domain.migration.verification.one_way import one_way

ONE_WAY = "Postgres cannot undo it"
ADVICE = (
    "Postgres has no statement that undoes this. Declare it, so that whoever deploys the revision knows beforehand, or "
    "create the object again in the downgrade."
)


def staying(code: str, trace: RevisionTrace, stays: SchemaDifference) -> Iterator[Diagnostic]:
    """Return a warning for each change that stays after the downgrade, suppressed if the revision declares it."""
    for name, sentence in stays.by_name():
        yield Diagnostic(
            code,
            Severity.WARNING,
            None,
            name,
            f"The downgrade cannot undo this change: {sentence}.",
            ADVICE,
            proposal(trace),
            trace.lossy_downgrade.get(name) or None,
        )


def proposal(trace: RevisionTrace) -> str:
    """Return the line that declares all that the downgrade of a revision does not restore, as measured.

    Each rule that reports a part of it proposes the whole, because a second line would replace the first.
    """
    stays, losses = SchemaDifference(), trace.undone or DataDifference()
    if trace.before is not None and trace.restored is not None:
        stays = one_way(compare(trace.before, trace.restored, ignore={"position"}), trace.before, trace.restored)
        losses = without_moves(losses, trace.before, trace.restored)
    lost = [change.subject for change in losses.losses if change.subject not in trace.stamped]
    reasons = {
        **dict.fromkeys(lost, "why nobody needs it"),
        **{name: ONE_WAY for name, _ in stays.by_name()},
    }
    undeclared = {name: reason for name, reason in reasons.items() if not trace.lossy_downgrade.get(name)}
    return declaration({**trace.lossy_downgrade, **undeclared}) + "\n"


def declaration(reasons: Mapping[str, str]) -> str:
    """Return the line of a revision that declares what its downgrade does not restore, with the reasons."""
    return f"lossy_downgrade = {{{', '.join(f'{quoted(name)}: {quoted(why)}' for name, why in reasons.items())}}}"
