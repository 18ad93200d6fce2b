"""An enum loses a value, or a value is renamed.

The old code still writes the old value and compares with it, and these statements fail. Postgres cannot drop a value,
so a removal replaces the type and rewrites every table that uses it. The safe way is to leave the value in the type
and to stop using it. For a new name, add a second value, and keep the old one until no code and no row uses it.
"""

from collections.abc import Iterator

from domain.migration.analysis.changes import removed, statement_of
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.moves import is_dropped, is_elsewhere, moved_to
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
    """Report enums that have lost a value."""
    if trace.after is None:
        return
    removed_types = set(removed(trace, "type"))
    for name in sorted(names_of(trace.before, "type")):
        before, after = _values(trace, name)
        lost = [value for value in before if value not in after]
        if lost and not is_elsewhere(trace, "type", name):
            new = moved_to(trace, "type", name)
            change = (
                f"is now called {new}"
                if new
                else "is gone"
                if name in removed_types
                else f"loses {', '.join(map(repr, lost))}"
            )
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "type", name),
                name,
                f"The enum {name} {change}, so statements of the old code that use it fail.",
                "Leave the value in the type, and stop using it.",
            )
        elif exchanged_values := _exchanged(trace, name, before, after):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "type", name),
                name,
                f"The values {', '.join(map(repr, exchanged_values))} of the enum {name} have exchanged their names, "
                "so statements of the old code run, but read or write another value than they mean.",
                "Leave the names as they are, or write the other value into the rows in batches.",
            )


def _exchanged(trace: RevisionTrace, name: str, before: tuple[object, ...], after: tuple[object, ...]) -> list[object]:
    """Return the values that have other places among those that stayed, as only renames can give them in one type."""
    is_another = is_dropped(trace, "type", name) or any(
        (item.kind, item.old) == ("type", name) for statement in trace.upgrade for item in statement.renamed
    )
    old = [value for value in before if value in after]
    new = [value for value in after if value in before]
    return [] if is_another else [value for value, other in zip(old, new, strict=True) if value != other]


def _values(trace: RevisionTrace, name: str) -> tuple[tuple[object, ...], tuple[object, ...]]:
    types = [attributes(snapshot, "type", name) for snapshot in (trace.before, trace.after)]
    lists = [entry.get("values") if entry.get("kind") == "enum" else () for entry in types]
    before, after = (values if isinstance(values, tuple) else () for values in lists)
    return before, after
