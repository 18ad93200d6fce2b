"""The upgrade fails, so nothing can be proved.

See the rule of the same code.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rules import not_in_sandbox, upgrade_fails
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = upgrade_fails.CODE
SEVERITY = Severity.ERROR
BAD = upgrade_fails.BAD
GOOD = upgrade_fails.GOOD


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report the error of the upgrade."""
    trace = proof.analysis.trace
    if trace.not_run or (trace.after is not None and not trace.went_on):
        return
    if any(diagnostic.code == not_in_sandbox.CODE for diagnostic in proof.analysis.diagnostics):
        return  # that rule reports the failure
    failed = next((statement.error for statement in trace.upgrade if statement.error), trace.error)
    advice = "Correct the revision; migrate analyze -v shows the statement."
    yield Diagnostic(CODE, SEVERITY, None, None, f"The upgrade fails: {failed}", advice)
