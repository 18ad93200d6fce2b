"""A table is written anew, with all its indexes, under ACCESS EXCLUSIVE.

Causes are a type that is stored differently, a volatile default (`gen_random_uuid()`, `clock_timestamp()`), an identity
or serial column, a stored generated column, a domain with a constraint, SET UNLOGGED, CLUSTER, VACUUM FULL. Reads and
writes wait for all of it. The safe way adds a nullable column without default, fills it in batches, and switches over
in a later revision:

    op.add_column("users", sa.Column("token", sa.Uuid(), nullable=True))
    op.alter_column("users", "token", server_default=sa.text("gen_random_uuid()"))
    # The next revision fills the rows that exist, in batches.
"""

from collections.abc import Iterator
from dataclasses import replace

from domain.migration.analysis.forms import added_column, added_empty, dropped_column, dropped_with_sequence
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.judging import Cause, added, kept, work_diagnostics
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import bare, split, suffixed
from domain.migration.op_code import lines, revised
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
    """Find rewrites, and say which column is the reason."""
    advice = "Add a new nullable column, fill it in batches, and switch over in a later revision."
    for diagnostic in work_diagnostics(trace, statistics, Cause.REWRITE, CODE, advice, fix=_fix):
        reasons = _reasons(trace, str(diagnostic.relation))
        because = f" The reason: {'; '.join(reasons)}." if reasons else ""
        yield replace(diagnostic, message=diagnostic.message + because)


def _reasons(trace: RevisionTrace, table: str) -> list[str]:
    found: list[str] = []
    for name in _columns(kept(trace, "column"), table):
        before, after = attributes(trace.before, "column", name), attributes(trace.after, "column", name)
        if before["type"] != after["type"]:
            found.append(f"{bare(name)} goes from {before['type']} to {after['type']}")
        elif before.get("expression") != after.get("expression"):
            found.append(f"the expression of {bare(name)} changes")
    new = _columns(added(trace, "column"), table)
    return found + [f"the new column {bare(name)} {_new(trace, name)}" for name in new]


def _new(trace: RevisionTrace, column: str) -> str:
    held = attributes(trace.after, "column", column)
    if held.get("identity"):
        return "is an identity"
    if held.get("generated"):
        return f"is generated and {held['generated']}"
    if held.get("default"):
        return f"has the default {held['default']}, which Postgres evaluates for each row"
    return f"is of type {held['type']}"


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    table = item.work.table
    new = [name for name in _columns(added(trace, "column"), table) if _fillable(trace, name)]
    changed = [
        name
        for name in _columns(kept(trace, "column"), table)
        if attributes(trace.before, "column", name)["type"] != attributes(trace.after, "column", name)["type"]
    ]
    if not (new or changed):
        return None
    others = {name: suffixed(split(name)[1], "_new") for name in changed}
    steps = [_add(trace, name) for name in new] + [_copy(trace, name, other) for name, other in others.items()]
    undo = [dropped_column(table, other) for other in reversed(others.values())]
    undo += [step for name in reversed(new) for step in dropped_with_sequence(trace, name)]
    return revised(lines(*steps), *undo)


def _add(trace: RevisionTrace, column: str) -> str:
    return lines(added_empty(trace, column), f"# In the next revision: fill {bare(column)} in batches that commit.")


def _copy(trace: RevisionTrace, column: str, other: str) -> str:
    old = bare(column)
    note = f"# In the next revision: fill {bare(other)} in batches that commit, copied from {old}; a trigger keeps both"
    return lines(added_column(trace, column, other), note, "# alike until the code has switched.")


def _fillable(trace: RevisionTrace, column: str) -> bool:
    held = attributes(trace.after, "column", column)
    return not held.get("identity") and not held.get("generated")


def _columns(names: list[str], table: str) -> list[str]:
    return [name for name in names if split(name)[0] == table]
