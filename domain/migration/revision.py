"""A revision of an Alembic history, and where it stands in a parallel change."""

import re
from dataclasses import dataclass
from enum import Enum

from domain.migration.snapshot import SchemaSnapshot, compare
from domain.migration.trace import RevisionTrace


class Phase(Enum):
    """Where a revision stands in a parallel change (expand, migrate, contract)."""

    EXPAND = "expand"
    MIGRATE = "migrate"
    CONTRACT = "contract"


@dataclass(frozen=True)
class Revision:
    """One step of an Alembic history.

    Attributes:
        revision: Its id.
        down_revision: Ids that it follows.
        path: Its file, relative to the project where that can be.
        message: First line of its docstring.
        phase: Where it stands in a parallel change.
        declared: The docstring says the phase; else it was derived from what the revision does.
    """

    revision: str
    down_revision: tuple[str, ...]
    path: str
    message: str
    phase: Phase
    declared: bool = False

    @classmethod
    def of(cls, trace: RevisionTrace) -> "Revision":
        """Describe the revision that a trace is of."""
        declared = declared_phase(trace.docstring)
        return cls(
            trace.revision,
            trace.down_revision,
            trace.path,
            trace.message,
            declared or derived_phase(trace),
            declared is not None,
        )


def declared_phase(docstring: str) -> Phase | None:
    """Read the line `Phase: …` of a docstring; None when there is none or it names no phase."""
    found = _PHASE.search(docstring)
    return Phase(found.group(1).lower()) if found else None


def derived_phase(trace: RevisionTrace) -> Phase:
    """Tell the phase from what happened: something went: contract; only rows moved: migrate; else expand."""
    if trace.before is not None and trace.after is not None and _lost(trace.before, trace.after):
        return Phase.CONTRACT
    wrote = any(statement.rows for statement in trace.upgrade)
    return Phase.MIGRATE if wrote and trace.before == trace.after else Phase.EXPAND


def _lost(before: SchemaSnapshot, after: SchemaSnapshot) -> bool:
    return any(kind in {"table", "column", "view"} for kind, _ in compare(before, after).missing)


_PHASE = re.compile(r"^\s*Phase:\s*(expand|migrate|contract)\b", re.IGNORECASE | re.MULTILINE)
