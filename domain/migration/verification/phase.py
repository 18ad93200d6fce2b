"""What the phase of a revision lets it break."""

from typing import TYPE_CHECKING

from domain.migration.compatibility import BrokenStatement
from domain.migration.revision import Phase

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof


def is_contract(proof: "RevisionProof") -> bool:
    """Return whether a revision declares that no code needs any more what it takes away."""
    return proof.analysis.phase is Phase.CONTRACT and proof.analysis.revision.declared


def tried(broken: BrokenStatement) -> str:
    """Return a sentence on a statement that fails."""
    return f"A statement that {'was recorded' if broken.statement.recorded else 'ran before'} fails: {broken}."
