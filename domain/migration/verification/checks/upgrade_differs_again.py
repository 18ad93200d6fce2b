"""The second upgrade, after the downgrade, does not lead to the same schema and rows as the first.

The downgrade leaves something that the upgrade meets again, such as an index that IF NOT EXISTS then keeps. Or it does
not restore what the upgrade needs. The safe way is to correct the downgrade: it must remove all that the upgrade
created, and restore all that it changed.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.wording import went_through

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "upgrade-differs-again"
SEVERITY = Severity.ERROR
_UPGRADE = """
op.add_column("users", sa.Column("full_name", sa.Text()))
op.execute("UPDATE users SET full_name = name")
op.drop_column("users", "name")
"""
BAD = Example(
    USERS,
    _UPGRADE,
    """
op.add_column("users", sa.Column("name", sa.Text()))
op.drop_column("users", "full_name")
""",
    'lossy_downgrade = {"public.users.name": "full_name has it"}',
    phase="contract",
)
GOOD = Example(
    USERS,
    _UPGRADE,
    """
op.add_column("users", sa.Column("name", sa.Text()))
op.execute("UPDATE users SET name = full_name")
op.drop_column("users", "full_name")
""",
    phase="contract",
)


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report the differences between the first and the second upgrade."""
    trip, merged = went_through(proof.trip), proof.analysis.trace.merged
    # What only the downgrade may lose, in rows that perhaps nobody has, is reported as that.
    losses = [loss for loss in trip.data_again.losses if loss.subject not in merged] if trip is not None else []
    sentences = [*trip.schema_again.sentences(), *map(str, losses)] if trip is not None else []
    if sentences:
        message = f"The second upgrade, after the downgrade, has another result than the first: {'; '.join(sentences)}."
        advice = "Let the downgrade remove all that the upgrade created, and restore all that it changed."
        yield Diagnostic(CODE, SEVERITY, None, None, message, advice)
