"""An interrupted upgrade cannot be run again, or its second run ends with another result.

The upgrade is killed after each of its statements, and in the middle of those that commit on their own. What was
committed before the kill stays, but the version table does not yet have the revision. The next `alembic upgrade` then
meets its own work, and a deployment that was interrupted cannot be continued. The safe way is to make each step that
commits on its own re-runnable:

    with op.get_context().autocommit_block():
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "not-resumable"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
)


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report each kill after which a second run did not reach the same end."""
    advice = "Make each step that commits on its own re-runnable: IF EXISTS, IF NOT EXISTS, batches of what is left."
    for failure in proof.repetition.failures if proof.repetition is not None else ():
        yield Diagnostic(CODE, SEVERITY, None, None, failure, advice)
