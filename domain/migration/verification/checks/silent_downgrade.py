"""The downgrade does nothing and leaves the schema of the upgrade.

`alembic downgrade` reports success, and the version table no longer matches the schema. The next upgrade fails on
objects that exist already. The safe way is a downgrade that undoes the upgrade, or one that refuses with a message:

    raise RuntimeError("the old prices are not kept anywhere")
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.wording import schema_differences, went_through, whole_downgrade

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "silent-downgrade"
SEVERITY = Severity.ERROR
BAD = Example(USERS, 'op.add_column("users", sa.Column("plan", sa.Text()))', "pass")
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("plan", sa.Text()))',
    'op.drop_column("users", "plan")',
)


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report the changes that stay, with the missing downgrade."""
    trip = went_through(proof.trip)
    if trip is None or not trip.is_silent:
        return
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The downgrade does nothing, so the schema is not the one before the upgrade: {schema_differences(trip)}.",
        "Undo what the upgrade did, or raise an error with a message and declare the revision irreversible.",
        whole_downgrade(trip.repair),
    )
