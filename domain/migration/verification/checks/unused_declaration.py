"""A revision declares a loss that does not happen, or that it cannot be undone although it can.

A declaration that is not needed today hides a real loss tomorrow. The safe way is to remove it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.wording import losses_of

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "unused-declaration"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    'op.add_column("users", sa.Column("plan", sa.Text()))',
    'op.drop_column("users", "plan")',
    'lossy_downgrade = {"public.users.name": "nobody reads it"}',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("plan", sa.Text()))',
    'op.drop_column("users", "plan")',
)


def check(proof: "RevisionProof", declaration: Declaration) -> Iterator[Diagnostic]:
    """Report declarations that are not needed."""
    trip = proof.trip
    if trip is None or trip.failure is not None:
        return
    if trip.refusal is not None:
        for name in sorted(declaration.lossy_downgrade):
            yield _unused(name, "the downgrade refuses")
        return
    for name in sorted(declaration.lossy_downgrade.keys() - losses_of(trip).keys() - trip.unseen.keys()):
        yield _unused(name, "nothing of it is lost")
    if declaration.irreversible is not None:
        message = "irreversible is declared, but the downgrade succeeds."
        yield Diagnostic(
            CODE, SEVERITY, None, None, message, "Remove the declaration, or let the downgrade refuse with a message."
        )


def _unused(name: str, why: str) -> Diagnostic:
    message = f'lossy_downgrade["{name}"] declares a loss that does not happen: {why}.'
    return Diagnostic(CODE, SEVERITY, None, name, message, "Remove the declaration: it could hide a loss later.")
