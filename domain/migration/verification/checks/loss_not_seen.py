"""Values may be lost, and the sandbox had no row or value that could show it.

A proof depends on rows. A column that is NULL in all rows, a table that stayed empty, or an UPDATE that changed no
value shows no loss in the sandbox, but production may lose values. Such a revision is NOT PROVED. The safe way is to
provide rows with such values, with `--rows-from FILE.sql`, or to declare why the loss is accepted:

    lossy_downgrade = {"public.users.name": "nobody reads it since release 12"}
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.wording import losses_of, proposal, went_through

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "loss-not-seen"
SEVERITY = Severity.WARNING
BAD = Example(
    f"{USERS}\nALTER TABLE users ADD COLUMN spare txid_snapshot",
    'op.drop_column("users", "spare")',
    'op.execute("ALTER TABLE users ADD COLUMN spare txid_snapshot")',
    phase="contract",
)
GOOD = Example(
    f"{USERS}\nALTER TABLE users ADD COLUMN spare txid_snapshot",
    'op.drop_column("users", "spare")',
    'op.execute("ALTER TABLE users ADD COLUMN spare txid_snapshot")',
    'lossy_downgrade = {"public.users.spare": "nothing ever wrote it"}',
    phase="contract",
)


def check(proof: "RevisionProof", declaration: Declaration) -> Iterator[Diagnostic]:
    """Report possible losses that were not measured and are not declared."""
    trip = went_through(proof.trip)
    if trip is None:
        return
    for name in sorted(trip.unseen.keys() - losses_of(trip).keys() - declaration.lossy_downgrade.keys()):
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            name,
            f"Whether the downgrade restores the values is not known: {trip.unseen[name]}.",
            "Provide rows that have values there (--rows-from FILE.sql), or declare why the loss is accepted.",
            proposal(trip, declaration.lossy_downgrade),
        )
