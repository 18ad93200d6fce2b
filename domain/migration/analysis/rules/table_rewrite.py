"""A table and all its indexes are rewritten under ACCESS EXCLUSIVE.

Reads and writes wait until the rewrite is done. The causes are a type that is stored differently, a volatile default
(`gen_random_uuid()`, `clock_timestamp()`), an identity or serial column, a stored generated column, a domain with a
constraint, SET UNLOGGED, CLUSTER, and VACUUM FULL. The safe way is to add a nullable column without a default, to fill
it in batches, and to switch over in a later revision:

    op.add_column("users", sa.Column("token", sa.Uuid(), nullable=True))
    op.alter_column("users", "token", server_default=sa.text("gen_random_uuid()"))
    # The next revision fills the rows that exist, in batches.
"""

from collections.abc import Iterator
from dataclasses import replace

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.changes import (
    added,
    former_name,
    has_checked_type,
    kept,
    new_columns,
    new_name,
    renamed_by,
    through_parents,
)
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.changed_type import ChangedType
from domain.migration.forms.filled_column import FilledColumn
from domain.migration.forms.form import Form, together
from domain.migration.names import bare, split
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "table-rewrite"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.EXPAND_MIGRATE_CONTRACT
BLOCKS = True
BAD = Example(
    USERS,
    'op.add_column("users", sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()")))',
    'op.drop_column("users", "token")',
)
GOOD = Example(
    USERS,
    """
op.add_column("users", sa.Column("token", sa.Uuid(), nullable=True))
op.alter_column("users", "token", server_default=sa.text("gen_random_uuid()"))
""",
    'op.drop_column("users", "token")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report rewrites, with the column that causes each."""
    advice = "Add a new nullable column, fill it in batches, and switch over in a later revision."
    for diagnostic in work_diagnostics(trace, statistics, Cause.REWRITE, CODE, advice, fix=_fix):
        reasons = _own_reasons(trace, diagnostic) or _reasons(trace, str(diagnostic.relation))
        because = f" The reason: {'; '.join(reasons)}." if reasons else ""
        yield replace(diagnostic, message=diagnostic.message + because)


def _own_reasons(trace: RevisionTrace, diagnostic: Diagnostic) -> list[str]:
    """Return what the statement itself does to columns that rewrites their table; empty if that is not known."""
    table, index = str(diagnostic.relation), diagnostic.statement or 0
    step = trace.upgrade[index]
    created, altered = (
        _columns([changed.name for changed in changes if changed.kind == "table column"], table)
        for changes in (step.created, step.altered)
    )
    reasons = _changes_of(trace, [later for name in altered for later in _later_names(trace, name, index)])
    return reasons + [
        f"the new column {bare(name)} {_description_of_new(trace, later)}"
        for name in created
        for later in _later_names(trace, name, index + 1)
    ]


def _later_names(trace: RevisionTrace, column: str, since: int) -> list[str]:
    """Return the name after the upgrade of a column that a statement finds; empty if its table has no such column then.

    A later statement may give it another name, even that of a column that is dropped.
    """
    later = new_name(trace, "column", column, since)
    is_there = later is not None and attributes(trace.after, "column", later.name)
    return [later.name] if later is not None and is_there and split(later.name)[0] == split(column)[0] else []


def _reasons(trace: RevisionTrace, table: str) -> list[str]:
    """Return what the upgrade does to the columns of a table that may rewrite it."""
    new = _columns(new_columns(trace), table)
    old = [name for kind in (kept, added) for name in _columns(kind(trace, "column"), table) if name not in new]
    return _changes_of(trace, old) + [f"the new column {bare(name)} {_description_of_new(trace, name)}" for name in new]


def _changes_of(trace: RevisionTrace, columns: list[str]) -> list[str]:
    reasons: list[str] = []
    for name in columns:
        old_name = former_name(trace, name) or name
        before, after = attributes(trace.before, "column", old_name), attributes(trace.after, "column", name)
        if before and before["type"] != after["type"]:
            reasons.append(f"{bare(old_name)} goes from {before['type']} to {after['type']}")
        elif before.get("expression") != after.get("expression"):
            reasons.append(f"the expression of {bare(name)} changes")
    return reasons


def _description_of_new(trace: RevisionTrace, column: str) -> str:
    entry = attributes(trace.after, "column", column)
    if entry.get("identity"):
        return "is an identity"
    if entry.get("generated"):
        return f"is generated and {entry['generated']}"
    if entry.get("default"):
        return f"has the default {entry['default']}, which Postgres evaluates for each row"
    return f"is of type {entry['type']}"


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    fillable_columns = [name for name in new_columns(trace) if _fillable(trace, name)]
    changed_columns = [
        name
        for name in kept(trace, "column")
        if attributes(trace.before, "column", name)["type"] != attributes(trace.after, "column", name)["type"]
        and not has_checked_type(trace.after, name)
    ]
    fillable_columns, changed_columns = (
        through_parents(trace.after, item.work.table, columns) for columns in (fillable_columns, changed_columns)
    )
    # another statement may add or change columns of the table as well, and has code of its own
    step = trace.upgrade[item.work.statement]
    own = {changed.name for changed in (*step.created, *step.altered)}
    if own & {*fillable_columns, *changed_columns}:
        fillable_columns = [name for name in fillable_columns if name in own]
        changed_columns = [name for name in changed_columns if name in own]
    if not (fillable_columns or changed_columns):
        return None
    forms: list[Form] = [FilledColumn.of(trace.after, name, added(trace, "sequence")) for name in fillable_columns]
    forms += [
        ChangedType.of(trace.before, trace.after, name, converted=not _is_replaced(trace, name))
        for name in changed_columns
    ]
    return together(form.announced for form in forms).fix


def _is_replaced(trace: RevisionTrace, column: str) -> bool:
    """Return whether a column that the upgrade adds takes the name of an old one."""
    return any(
        renamed_by(trace, "column", changed.name, column, since=index + 1) is not None
        for index, step in enumerate(trace.upgrade)
        for changed in step.created
        if changed.kind == "table column"
    )


def _fillable(trace: RevisionTrace, column: str) -> bool:
    entry = attributes(trace.after, "column", column)
    return not (entry.get("identity") or entry.get("generated") or has_checked_type(trace.after, column))


def _columns(names: list[str], table: str) -> list[str]:
    return [name for name in names if split(name)[0] == table]
