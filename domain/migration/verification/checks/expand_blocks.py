"""A revision declares `Phase: expand`, but it blocks other sessions.

An expand revision is deployed while the old code serves all traffic. Work on a whole table under a blocking lock makes
this traffic wait. The safe way is that of the rule that reports the work in `migrate analyze`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.revision import Phase
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "expand-blocks"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    'op.create_index("ix_users_email", "users", ["email"])',
    'op.drop_index("ix_users_email", "users")',
    phase="expand",
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
    phase="expand",
)


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report errors of the rules about work under blocking locks."""
    analysis = proof.analysis
    if proof.old_code is None or analysis.phase is not Phase.EXPAND or not analysis.revision.declared:
        return
    blocking = {rule.code for rule in all_rules() if rule.blocks}
    for diagnostic in analysis.diagnostics:
        if diagnostic.unsafe and diagnostic.code in blocking:
            message = f"The revision declares `Phase: expand`, but it blocks other sessions: {diagnostic.message}"
            yield Diagnostic(CODE, SEVERITY, None, diagnostic.relation, message, diagnostic.help)
