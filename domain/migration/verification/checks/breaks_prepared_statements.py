"""A statement that a session prepared before the upgrade fails when it is sent again.

Postgres refuses a prepared statement whose result has other columns or types than when it was prepared ("cached plan
must not change result type"). Most drivers prepare it again and go on, but a session in a transaction must end the
transaction first. The safe way is to let the sessions reconnect after the deployment, or to name the columns instead of
selecting all of them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.phase import is_contract, tried
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "breaks-prepared-statements"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    'op.alter_column("users", "name", type_=sa.String(90))',
    'op.alter_column("users", "name", type_=sa.Text())',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("plan", sa.Text()))',
    'op.drop_column("users", "plan")',
)


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report statements that fail only if they were prepared before the upgrade."""
    for broken in proof.old_code.broken if proof.old_code is not None else ():
        if broken.when_prepared:
            advice = (
                "Make sure that no deployed code sends this statement any more."
                if is_contract(proof)
                else "Most drivers prepare the statement again and go on. Sessions of other drivers must reconnect."
            )
            yield Diagnostic(CODE, SEVERITY, None, broken.statement.table, tried(broken), advice)
