"""The phase of a revision, and which code it may break."""

from typing import TYPE_CHECKING

from domain.migration.compatibility import BrokenStatement
from domain.migration.revision import Phase

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof


def is_contract(proof: "RevisionProof") -> bool:
    """Return whether a revision declares the contract phase: no deployed code needs what it removes."""
    return proof.analysis.phase is Phase.CONTRACT and proof.analysis.revision.declared


def tried(broken: BrokenStatement) -> str:
    """Return a sentence about a statement that fails after the upgrade."""
    return f"A statement that {'was recorded' if broken.statement.recorded else 'ran before'} fails now: {broken}."
