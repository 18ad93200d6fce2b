"""The schema or the rows differ after the downgrade, and the revision does not declare it.

Schema and rows are read before the upgrade and after the downgrade. A loss is often acceptable, but it must be known
before the deployment and not found during a rollback. The safe way is to restore the values in the downgrade, or to
declare the loss with its reason:

    lossy_downgrade = {"public.users.name": "nobody reads it since release 12"}

What Postgres itself cannot undo, such as a value that was added to an enum, is a warning.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.declarations import ADVICE
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.wording import cause, losses_of, proposal, staying, went_through

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "undeclared-loss"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    'op.drop_column("users", "name")',
    'op.add_column("users", sa.Column("name", sa.Text()))',
    phase="contract",
)
GOOD = Example(
    USERS,
    'op.drop_column("users", "name")',
    'op.add_column("users", sa.Column("name", sa.Text()))',
    'lossy_downgrade = {"public.users.name": "nobody reads it since release 12"}',
    phase="contract",
)


def check(proof: "RevisionProof", declaration: Declaration) -> Iterator[Diagnostic]:
    """Report undeclared differences, with the code that restores or declares them."""
    trip = went_through(proof.trip)
    if trip is None:
        return
    undeclared = {name: text for name, text in losses_of(trip).items() if name not in declaration.lossy_downgrade}
    staying_names, fix = staying(trip), proposal(trip, declaration.lossy_downgrade)
    for name, sentence in undeclared.items():
        stays = name in staying_names
        yield Diagnostic(
            CODE,
            Severity.WARNING if stays else SEVERITY,
            None,
            name,
            f"The downgrade does not restore what was there before: {sentence}{cause(trip, name)}.",
            ADVICE if stays else "Restore it in the downgrade, or declare why the loss is accepted.",
            fix,
        )
