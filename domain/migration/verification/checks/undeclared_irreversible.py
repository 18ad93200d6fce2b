"""The downgrade refuses to run, and the revision does not declare that it cannot be undone.

A rollback is planned before a deployment. Whoever deploys this revision cannot go back, and would learn it only when
the rollback is needed. The safe way is to declare it in the revision, with the reason:

    irreversible = "the old prices are not kept anywhere"
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import quoted
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "undeclared-irreversible"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    'op.drop_column("users", "name")',
    'raise RuntimeError("names are not kept anywhere")',
    phase="contract",
)
GOOD = Example(
    USERS,
    'op.drop_column("users", "name")',
    'raise RuntimeError("names are not kept anywhere")',
    'irreversible = "names are not kept anywhere"',
    phase="contract",
)
_PLACE = re.compile(r"\s*\([^()]*\bline \d+\)$")  # of a message in the revision's file


def check(proof: "RevisionProof", declaration: Declaration) -> Iterator[Diagnostic]:
    """Report a refusal that is not declared, with the missing declaration."""
    refusal = None if proof.trip is None or proof.trip.failure is not None else proof.trip.refusal
    if refusal is None or declaration.irreversible is not None:
        return
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The downgrade refuses ({refusal}), and the revision does not declare that.",
        "Declare it, so that whoever deploys the revision knows beforehand.",
        f"irreversible = {quoted(_PLACE.sub('', refusal))}",
    )
