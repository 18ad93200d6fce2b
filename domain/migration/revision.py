"""A revision of an Alembic history, and its phase in a parallel change."""

import re
from dataclasses import dataclass
from enum import Enum

from domain.migration.snapshot import SchemaSnapshot, compare
from domain.migration.trace import RevisionTrace


class Phase(Enum):
    """The phase of a revision in a parallel change (expand, migrate, contract)."""

    EXPAND = "expand"
    MIGRATE = "migrate"
    CONTRACT = "contract"


@dataclass(frozen=True)
class Revision:
    """One step of an Alembic history.

    Attributes:
        revision: Id of the revision.
        down_revision: Ids of the revisions that it follows.
        path: File of the revision, relative to the project if possible.
        message: First line of its docstring.
        phase: Phase in a parallel change.
        declared: Whether the docstring declares the phase; otherwise it was derived from the changes.
    """

    revision: str
    down_revision: tuple[str, ...]
    path: str
    message: str
    phase: Phase
    declared: bool = False

    @classmethod
    def of(cls, trace: RevisionTrace) -> "Revision":
        """Return the revision of a trace."""
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
    """Return the phase in the line `Phase: …` of a docstring; None if there is no such line or no such phase."""
    match = _PHASE.search(docstring)
    return Phase(match.group(1).lower()) if match else None


def derived_phase(trace: RevisionTrace) -> Phase:
    """Return the phase that fits the changes: contract if objects are removed, migrate if only rows are written."""
    if trace.before is not None and trace.after is not None and _removes_objects(trace.before, trace.after):
        return Phase.CONTRACT
    wrote = any(statement.rows for statement in trace.upgrade)
    return Phase.MIGRATE if wrote and trace.before == trace.after else Phase.EXPAND


def _removes_objects(before: SchemaSnapshot, after: SchemaSnapshot) -> bool:
    return any(kind in {"table", "column", "view"} for kind, _ in compare(before, after).missing)


_PHASE = re.compile(r"^\s*Phase:\s*(expand|migrate|contract)\b", re.IGNORECASE | re.MULTILINE)
