"""The second upgrade fails on a change that the downgrade could not undo.

An enum value stays when the revision is undone, and Postgres refuses to add it a second time. The safe way is an
upgrade that accepts the existing value:

    op.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'great'")
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.wording import went_through

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "upgrade-fails-again"
SEVERITY = Severity.WARNING
_MOODS = "CREATE TYPE mood AS ENUM ('good'); CREATE TABLE days (id bigint PRIMARY KEY, mood mood)"
BAD = Example(_MOODS, """op.execute("ALTER TYPE mood ADD VALUE 'great'")""", "pass")
GOOD = Example(_MOODS, """op.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'great'")""", "pass")


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report the error of the second upgrade."""
    trip = went_through(proof.trip)
    if trip is None or trip.not_again is None or not trip.one_way:
        return
    message = f"The second upgrade fails on what the downgrade has left: {trip.not_again}"
    advice = "Let the upgrade accept what exists already: ADD VALUE IF NOT EXISTS."
    yield Diagnostic(CODE, SEVERITY, None, None, message, advice)
