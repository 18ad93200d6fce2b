"""An index is built while writes of its table wait, or while another table is locked.

CREATE INDEX holds a SHARE lock on its table until the transaction ends. Every INSERT, UPDATE and DELETE waits for the
whole build. REINDEX holds ACCESS EXCLUSIVE on the index as well, so reads that use it wait, too. The safe way is to
build the index concurrently, in an autocommit block. The build then holds SHARE UPDATE EXCLUSIVE only, which blocks
neither reads nor writes:

    with op.get_context().autocommit_block():
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
"""

from collections.abc import Iterator

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.changes import has_checked_type, is_index_made_anew, kept, uses_new_column
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.taken_over import TakenOver, can_stay, comments, dropped_before
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.changed_type import ChangedType
from domain.migration.forms.column import Column
from domain.migration.forms.concurrent_index import ConcurrentIndex, root_index
from domain.migration.forms.form import Step, together
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.names import split
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RevisionTrace

CODE = "blocking-index-build"
SEVERITY = Severity.ERROR
BLOCKS = True
BAD = Example(
    USERS,
    'op.create_index("ix_users_email", "users", ["email"])',
    'op.drop_index("ix_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_email", "users", postgresql_concurrently=True)
""",
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report index builds under a blocking lock."""
    advice = "Build the index concurrently, in an autocommit block, where the revision holds no other lock."
    return work_diagnostics(trace, statistics, Cause.INDEX_BUILD, CODE, advice, fix=_fix)


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    if trace.after is None:
        return None  # a later statement fails, so that the definition of the index is not known
    before = names_of(trace.before, "index")
    # The index of a partitioned table brings those of its partitions.
    indexes = dict.fromkeys(root_index(trace.after, name) for name in item.work.indexes)
    drops = {name: drop for name in indexes if (drop := _drop(trace, item.work.statement, name)) is not None}
    anew = [name for name in indexes if name in drops or is_index_made_anew(trace, name)]
    # Behind the statement that adds a column, the old index is gone already, and its statement restores it.
    replaced = [
        name
        for name in anew
        if not uses_new_column(trace, name)
        and (name not in drops or can_stay(trace, item.work.table, drops[name], item.work.statement))
    ]
    rebuilt = [name for name in indexes if name in before and name not in anew]
    step = trace.upgrade[item.work.statement]
    changed = [changed.name for changed in step.altered if changed.kind == "table column"]
    if rebuilt and changed:
        return _changed_columns(trace, changed)
    new = [name for name in indexes if name not in {*replaced, *rebuilt}]
    new = [name for name in new if attributes(trace.after, "index", name).get("definition")]
    steps = [OwnTransactions.reindex(name, trace.before).expand for name in rebuilt]
    # The form drops the leftover of an interrupted build first, which drops the old index as well.
    steps += [Step(_build(trace.after, name).upgrade, _build(trace.before, name).upgrade) for name in replaced]
    steps += [_build(trace.after, name) for name in new]
    taken_over = comments(TakenOver(drops[name], f"DROP INDEX {split(name)[1]}") for name in replaced if name in drops)
    return taken_over + together(steps).fix if steps else None


def _changed_columns(trace: RevisionTrace, columns: list[str]) -> str | None:
    """Return operations that add columns beside those whose change makes Postgres build their indexes again."""
    kept_columns = [name for name in columns if name in kept(trace, "column")]
    changed = [
        name for name in kept_columns if Column.of(trace.before, name).stored != Column.of(trace.after, name).stored
    ]
    forms = (
        ChangedType.of(trace.before, trace.after, name) for name in changed if not has_checked_type(trace.after, name)
    )
    return together(form.announced for form in forms).fix or None


def _drop(trace: RevisionTrace, statement: int, index: str) -> int | None:
    """Return the index of the earlier statement that dropped an index which this one makes anew; None without one."""
    changed = ChangedObject("index", index)
    return dropped_before(trace, statement, changed) if changed in trace.upgrade[statement].created else None


def _build(snapshot: SchemaSnapshot | None, index: str) -> Step:
    return ConcurrentIndex.of(snapshot, index).expand
