"""A json column becomes jsonb and json again, so the text of its documents changes.

jsonb keeps neither blanks nor the order of keys. The values stay the same, so this matters only if somebody compares
the text or signs it. The safe way is then to keep the old column until nobody needs its text any more.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.snapshot import attributes
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = "json-text-changes"
SEVERITY = Severity.NOTE
_NOTES = "CREATE TABLE notes (id bigint PRIMARY KEY, body json)"
BAD = Example(
    _NOTES,
    'op.execute("ALTER TABLE notes ALTER body TYPE jsonb USING body::jsonb")',
    'op.execute("ALTER TABLE notes ALTER body TYPE json USING body::json")',
)
GOOD = Example(
    _NOTES,
    'op.execute("ALTER TABLE notes ADD COLUMN document jsonb")',
    'op.drop_column("notes", "document")',
)


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report columns that were json, become jsonb, and are json again after the downgrade."""
    trace = proof.analysis.trace
    before, restored = trace.before, trace.restored
    if before is None or restored is None or proof.trip is None:
        return
    for name in sorted(before.names("column") & restored.names("column")):
        types = [str(attributes(catalog, "column", name).get("type")) for catalog in (before, trace.after, restored)]
        if types == ["json", "jsonb", "json"]:
            message = (
                f"{name} becomes jsonb, and json again in the downgrade: its documents keep their values, but lose "
                "their blanks and the order of their keys."
            )
            advice = "Nothing is to be done, unless somebody compares or signs the text of the documents."
            yield Diagnostic(CODE, SEVERITY, None, name, message, advice)
