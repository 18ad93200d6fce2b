"""An enum loses a value, or renames one.

Code that ran before still writes the old value and reads it in its queries: those statements fail. Postgres cannot drop
a value, so the type is replaced and every table that uses it is rewritten. The safe way is to leave the value and stop
using it; a new name is a new value beside the old one, until no code and no row uses that.
"""

from collections.abc import Iterator

from domain.migration.analysis.judging import removed, statement_of
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.moves import is_elsewhere, moved_to
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "enum-value-removed"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.EXPAND_MIGRATE_CONTRACT
_SETUP = USERS + "CREATE TYPE plan AS ENUM ('free', 'paid'); ALTER TABLE users ADD COLUMN plan plan;"
BAD = Example(
    _SETUP,
    "op.execute(\"ALTER TYPE plan RENAME VALUE 'paid' TO 'premium'\")",
    "op.execute(\"ALTER TYPE plan RENAME VALUE 'premium' TO 'paid'\")",
)
GOOD = Example(
    _SETUP,
    "op.execute(\"ALTER TYPE plan ADD VALUE 'premium'\")",
    'raise NotImplementedError("Postgres cannot remove a value of an enum")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find enums that lack a value that they had."""
    if trace.after is None:
        return
    gone = set(removed(trace, "type"))
    for name in sorted(names_of(trace.before, "type")):
        before, after = _values(trace, name)
        lost = [value for value in before if value not in after]
        if lost and not is_elsewhere(trace, "type", name):
            new = moved_to(trace, "type", name)
            what = (
                f"is now called {new}"
                if new
                else "is gone"
                if name in gone
                else f"has no longer {', '.join(map(repr, lost))}"
            )
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "type", name),
                name,
                f"The enum {name} {what}: statements of the code that ran before and write it fail.",
                "Leave the value in the type, and stop using it.",
            )


def _values(trace: RevisionTrace, name: str) -> tuple[tuple[object, ...], tuple[object, ...]]:
    found = [attributes(snapshot, "type", name) for snapshot in (trace.before, trace.after)]
    values = [held.get("values") if held.get("kind") == "enum" else () for held in found]
    before, after = (value if isinstance(value, tuple) else () for value in values)
    return before, after
