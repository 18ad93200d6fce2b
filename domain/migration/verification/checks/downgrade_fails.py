"""The downgrade fails, or the upgrade after it fails.

See the rule of the same code.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rules import downgrade_fails
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.wording import accepting, schema_differences, whole_downgrade

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = downgrade_fails.CODE
SEVERITY = Severity.ERROR
BAD = downgrade_fails.BAD
GOOD = downgrade_fails.GOOD


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report the error of the downgrade, or of the upgrade after it."""
    trip = proof.trip
    if trip is None or trip.failure is None:
        return
    difference = (
        f". The schema after it is not the one before the upgrade: {schema_differences(trip)}." if trip.schema else ""
    )
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The downgrade, or the upgrade after it, fails: {trip.failure}{difference}",
        "Correct the downgrade, or let it refuse with a message and declare the revision irreversible.",
        accepting(trip, trip.losses) if trip.schema else whole_downgrade(trip.repair),
    )
