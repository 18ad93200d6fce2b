"""The plan of a downgrade: what each revision's downgrade locks, and what it takes away."""

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from domain.migration.analysis.impact import truncated
from domain.migration.analysis.lock_windows import lock_windows, other_windows
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rules import (
    all_rules,
    blocking_index_build,
    blocking_index_drop,
    blocking_refresh,
    constraint_validated_at_once,
    downgrade_fails,
    set_not_null_scan,
    table_rewrite,
    unbatched_write,
    work_under_lock,
)
from domain.migration.deployment.plan import Destroyed, Loss, Plan, Step, WayBack
from domain.migration.deployment.planning import parts_of, planned_locks
from domain.migration.deployment.touched import changed_by
from domain.migration.diagnostic import Severity
from domain.migration.errors import MigrationError
from domain.migration.names import split
from domain.migration.snapshot import attributes, names_of
from domain.migration.statement_trace import StatementTrace
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, RowCounts, TableFacts

# Rules that look at nothing but the statements, their locks and the tables, so that they hold for a downgrade, too.
_OF_STATEMENTS = frozenset(
    rule.CODE
    for rule in (
        blocking_index_build,
        blocking_index_drop,
        blocking_refresh,
        constraint_validated_at_once,
        set_not_null_scan,
        table_rewrite,
        unbatched_write,
        work_under_lock,
    )
)


class DataLossError(MigrationError):
    """A downgrade that takes away what nobody has named, or names what it does not take away."""

    exit_code = 2


def undone(trace: RevisionTrace) -> RevisionTrace:
    """Return the trace of a revision's downgrade as if it were an upgrade: what it finds is what the upgrade made."""
    found = names_of(trace.after, "table")
    return RevisionTrace(
        revision=trace.revision,
        down_revision=trace.down_revision,
        path=trace.path,
        message=trace.message,
        upgrade=trace.downgrade or (),
        error=trace.downgrade_error,
        tables={name: trace.tables.get(name, TableFacts(0, 0)) for name in sorted(found)},
        before=trace.after,
        after=trace.restored,
        not_run=trace.not_run or (trace.error or ""),
    )


def undo_step(analysis: RevisionAnalysis, trace: RevisionTrace, sha256: str, statistics: Statistics) -> Step:
    """Return the step that runs the downgrade of a revision; how many rows it takes away is not known yet.

    Args:
        analysis: What `migrate analyze` says of the revision.
        trace: The trace of its downgrade, from `undone`.
        sha256: SHA-256 of its file, in hexadecimal.
        statistics: Sizes of the target's tables.
    """
    reasons = (downgrade_fails.CODE,) if trace.error else tuple(_reasons(trace, statistics))
    statements = trace.upgrade
    return Step(
        revision=trace.revision,
        message=trace.message,
        path=trace.path,
        sha256=sha256,
        phase=analysis.phase,
        verdict="not judged" if trace.not_run else "unsafe" if reasons else "safe",
        way_back=WayBack(None, reason=trace.error or "what a downgrade takes away does not come back"),
        reasons=reasons,
        statements=tuple(statement.sql for statement in statements),
        parts=tuple(parts_of(statements)),
        locks=tuple(planned_locks((*lock_windows(trace), *other_windows(trace)))),
        not_run=trace.not_run,
        destroys=destroyed_by(analysis.trace),
    )


def with_rows(step: Step, rows: Mapping[str, int | None]) -> Step:
    """Return a step with the number of rows or values at the target, by the name of what is destroyed."""
    return replace(step, destroys=tuple(replace(item, rows=rows.get(item.name)) for item in step.destroys))


def refuses(step: Step) -> bool:
    """Return whether the downgrade of a step fails or refuses in the sandbox."""
    return downgrade_fails.CODE in step.reasons


def destroyed_by(trace: RevisionTrace) -> tuple[Destroyed, ...]:
    """Return what the downgrade of a revision takes away, each table and column once.

    What is made of other values, such as an index, a view or a generated column, is not among it.
    """
    found: dict[str, Destroyed] = {}
    for statement in trace.downgrade or ():
        for item in _destroyed(trace, statement):
            if item.name not in found or item.loss is Loss.TABLE:
                found[item.name] = item
    for item in _converted(trace):
        found.setdefault(item.name, item)
    gone = {name for name, item in found.items() if item.loss is Loss.TABLE}
    return tuple(item for name, item in found.items() if name in gone or split(name)[0] not in gone)


def confirming(names: Iterable[str]) -> Iterator[str]:
    """Return the options that confirm the loss of what has some names, as a shell reads them."""
    return (f"--confirm-data-loss {shlex.quote(name)}" for name in names)


def require_confirmed(plan: Plan, names: Collection[str]) -> None:
    """Check that a user has named all that a plan takes away, and nothing else.

    Raises:
        DataLossError: A name is missing, or one is none of them.
    """
    destroyed = {item.name for item in plan.destroys}
    options = " ".join(confirming(sorted(destroyed)))
    hint = f"what it takes away is confirmed so: {options}" if destroyed else "it takes nothing away: leave them out"
    if unknown := sorted({*names} - destroyed):
        raise DataLossError(f"the downgrade does not take away {', '.join(unknown)}", hint)
    if missing := sorted(destroyed - {*names}):
        raise DataLossError(f"the downgrade takes away {', '.join(missing)}, which nobody has confirmed", hint)


def _reasons(trace: RevisionTrace, statistics: Statistics) -> Iterator[str]:
    for rule in all_rules():
        if rule.code in _OF_STATEMENTS:
            found = rule.check(trace, statistics)
            yield from dict.fromkeys(item.code for item in found if item.severity is Severity.ERROR)


def _destroyed(trace: RevisionTrace, statement: StatementTrace) -> Iterator[Destroyed]:
    for dropped in statement.dropped:
        if dropped.kind == "table":
            yield Destroyed(dropped.name, Loss.TABLE)
        elif dropped.kind == "table column" and not attributes(trace.after, "column", dropped.name).get("generated"):
            yield Destroyed(dropped.name, Loss.COLUMN)
    yield from (Destroyed(table, Loss.ROWS, why="all rows are deleted") for table in sorted(truncated(statement)))
    tables = names_of(trace.after, "table")
    for name in dict.fromkeys(changed_by(statement, tables)):
        rows = statement.rows.get(name, RowCounts())
        words = [word for word, count in (("changed", rows.updated), ("deleted", rows.deleted)) if count]
        if name in tables:
            yield Destroyed(name, Loss.ROWS, why=f"rows are {' and '.join(words) or 'changed or deleted'}")


def _converted(trace: RevisionTrace) -> Iterator[Destroyed]:
    """Yield the columns that have another type after the downgrade, which may not hold all values."""
    for name in sorted(names_of(trace.after, "column") & names_of(trace.restored, "column")):
        after, before = (attributes(catalog, "column", name) for catalog in (trace.after, trace.restored))
        if after.get("type") != before.get("type") and split(name)[0] in names_of(trace.after, "table"):
            yield Destroyed(name, Loss.CONVERTED, why=f"from {after.get('type')} to {before.get('type')}")
