"""An upgrade of a database that is already at head changes something.

There is no revision to run, so env.py makes the change, at every deployment. The safe way is an env.py that changes
nothing itself. Move the change into a revision.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "second-upgrade-changes"
SEVERITY = Severity.ERROR


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report the changes of a second upgrade."""
    if proof.repetition is not None and proof.repetition.twice:
        message = f"A second `alembic upgrade` changes something: {'; '.join(proof.repetition.twice)}."
        advice = "Let env.py change nothing when there is no revision to run."
        yield Diagnostic(CODE, SEVERITY, None, None, message, advice)
