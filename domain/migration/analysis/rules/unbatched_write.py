"""One transaction updates, deletes, or locks (SELECT … FOR UPDATE) most rows of a table.

Each row stays locked until the transaction ends, and other writers of the row wait. The table fills with dead rows, and
a failure at the end loses all the work. The safe way is to work in batches that commit:

    with op.get_context().autocommit_block():
        while op.get_bind().execute(sa.text(
            "UPDATE users SET name = email WHERE id IN (SELECT id FROM users WHERE name IS NULL LIMIT 1000)"
        )).rowcount:
            pass

A batch is recognized by measurement. The upgrade runs on a small and on a larger table, and the rows that one
transaction wrote are compared with the rows of the table. A LIMIT above both sizes is no batch, and neither is a single
COMMIT after a loop. An UPDATE of all rows where a column is NULL counts as an update of most rows, because a column
that was just added has no values.
"""

from collections.abc import Iterator

from domain.migration.analysis.heavy_writes import fills_nulls
from domain.migration.analysis.impact import Work, WorkKind, unbatched_writes
from domain.migration.analysis.lock_windows import last_statements
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.batches import in_batches
from domain.migration.index_definition import first_list
from domain.migration.names import split
from domain.migration.repair.definitions import texts
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "unbatched-write"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.TWO_PHASES
_SETUP = USERS + "ALTER TABLE users ADD COLUMN active boolean;"
BAD = Example(_SETUP, 'op.execute("UPDATE users SET active = true")', 'raise NotImplementedError("values stay")')
GOOD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    while op.get_bind().execute(sa.text(
        "UPDATE users SET active = true WHERE id IN (SELECT id FROM users WHERE active IS NULL LIMIT 500)"
    )).rowcount:
        pass
""",
    'raise NotImplementedError("values stay")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report transactions that write or lock most rows of a table."""
    ends = last_statements(trace)
    for work in unbatched_writes(trace, statistics):
        transaction = trace.upgrade[work.statement].transaction
        end = work.statement if transaction is None else ends[transaction]
        until = (
            "until it has finished" if end == work.statement else f"until the transaction ends with statement {end + 1}"
        )
        verb = "locks" if work.kind is WorkKind.LOCK else "writes"
        rows = "all rows without a value" if fills_nulls(trace.upgrade[work.statement]) else "most rows"
        yield Diagnostic(
            CODE,
            SEVERITY,
            work.statement,
            work.table,
            f"{label(trace, work.statement)} {verb} {rows} of {work.table} in one transaction; other writers of these "
            f"rows wait {until}.",
            "Write the rows in batches, each in a transaction of its own.",
            _fix(trace, work),
        )


def _fix(trace: RevisionTrace, work: Work) -> str | None:
    """Return a loop over the primary key; None where the table has none, or the statement has no batch form."""
    if work.kind is WorkKind.LOCK:
        return None
    sql = trace.upgrade[work.statement].sql
    # A statement may write a partition through its parent.
    forms = (
        in_batches(sql, table, *key, is_unique=not _has_children(trace, table))
        for table in _with_parents(trace, work.table)
        for key in _keys(trace, table)
    )
    return next((form for form in forms if form is not None), None)


def _with_parents(trace: RevisionTrace, table: str) -> Iterator[str]:
    yield table
    for parent in texts(attributes(trace.before, "table", table).get("parents")):
        yield from _with_parents(trace, parent)


def _has_children(trace: RevisionTrace, table: str) -> bool:
    """Return whether other tables inherit from a table, whose key is not theirs; that of partitions is."""
    tables = (attributes(trace.before, "table", name) for name in names_of(trace.before, "table"))
    return any(table in texts(entry.get("parents")) and entry.get("partition_bound") is None for entry in tables)


def _keys(trace: RevisionTrace, table: str) -> Iterator[list[str]]:
    """Return the columns of the primary key of a table, if it has one."""
    for name in names_of(trace.before, "constraint"):
        constraint = attributes(trace.before, "constraint", name)
        if split(name)[0] == table and constraint.get("type") == "primary key":
            yield first_list(str(constraint["definition"]))
