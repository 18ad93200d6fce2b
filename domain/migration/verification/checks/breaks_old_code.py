"""A statement of the old code fails after the upgrade.

See the rule of the same code.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.lost_privileges import is_refused_on_purpose
from domain.migration.analysis.rules import breaks_old_code
from domain.migration.compatibility import BrokenStatement
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import bare, split
from domain.migration.snapshot import attributes, names_of
from domain.migration.trace import RevisionTrace
from domain.migration.verification.phase import is_contract, tried
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = breaks_old_code.CODE
SEVERITY = Severity.ERROR
BAD = breaks_old_code.BAD
GOOD = breaks_old_code.GOOD


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report broken statements of the old code; in the contract phase they are a warning."""
    for broken in proof.old_code.broken if proof.old_code is not None else ():
        if not broken.when_prepared and not is_refused_on_purpose(proof.analysis.trace, broken):
            strict = not (is_contract(proof) or _is_tightened(proof.analysis.trace, broken))
            advice = (
                "Make sure that no deployed code sends this statement any more."
                if is_contract(proof)
                else "Make this change when no deployed code sends the statement any more, in a revision whose "
                "docstring says `Phase: contract`."
            )
            severity = SEVERITY if strict else Severity.WARNING
            yield Diagnostic(CODE, severity, None, broken.statement.table or None, tried(broken), advice)


def _is_tightened(trace: RevisionTrace, broken: BrokenStatement) -> bool:
    """Return whether a made-up NULL fails in an existing column that accepted NULL before."""
    is_made_up = broken.sqlstate == "23502" and not broken.statement.recorded
    return is_made_up and any(
        split(name)[0] == broken.statement.table
        and bare(name) == broken.column
        and not attributes(trace.before, "column", name).get("not_null")
        for name in names_of(trace.before, "column")
    )
