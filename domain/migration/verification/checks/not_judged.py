"""A revision could not be run, so nothing is known about it.

An earlier revision fails, or env.py fails. The safe way is to correct that first, and to verify again.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "not-judged"
SEVERITY = Severity.WARNING


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report why the revision was not run."""
    trace = proof.analysis.trace
    if trace.not_run:
        advice = "Correct that first, and verify again."
        yield Diagnostic(CODE, SEVERITY, None, None, f"Not judged: {trace.not_run}", advice)
