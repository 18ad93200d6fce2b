"""An index is dropped under ACCESS EXCLUSIVE.

DROP INDEX takes ACCESS EXCLUSIVE on the index and on its table. The drop itself lasts an instant. But it must wait for
every running query of the table, and all new queries wait behind it. The safe way is to drop the index concurrently,
in an autocommit block:

    with op.get_context().autocommit_block():
        op.drop_index("ix_users_email", "users", postgresql_concurrently=True)
"""

from collections.abc import Iterator

from domain.migration.analysis.impact import blocking_tables, is_partitioned
from domain.migration.analysis.lock_windows import other_windows
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import end_of, label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

CODE = "blocking-index-drop"
SEVERITY = Severity.WARNING
_SETUP = USERS + "CREATE INDEX ix_users_email ON users (email);"
BAD = Example(
    _SETUP,
    'op.drop_index("ix_users_email", "users")',
    """
with op.get_context().autocommit_block():
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
)
GOOD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_email", "users", postgresql_concurrently=True)
""",
    BAD.downgrade,
)


_ON_CONFLICT = ", when no deployed code names its columns in ON CONFLICT any more"


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report indexes that are dropped by themselves, not along with a column, constraint or table."""
    locked = blocking_tables(trace)
    views = {(window.from_statement, window.relation): window for window in other_windows(trace)}
    for number, statement in enumerate(trace.upgrade):
        for index in _dropped(statement):
            entry = attributes(trace.before, "index", index)
            if entry.get("constraint") is not None:
                continue  # it goes with its constraint, which the events leave out where another one has taken its name
            table = str(entry.get("table", ""))
            window = locked.get(number, {}).get(table) or views.get((number, table))
            if window is not None and window.blocks_reads:
                waiting = "reads" if window.kind == "view" else "reads and writes"
                yield Diagnostic(
                    CODE,
                    SEVERITY,
                    number,
                    table,
                    f"{label(trace, number)} drops the index {index}, while {waiting} of {table} wait "
                    f"{end_of(window)}.",
                    "Drop the index concurrently, in an autocommit block"
                    f"{_ON_CONFLICT if _is_unique(trace, index) else ''}.",
                    None
                    if _is_of_partitions(trace, index)
                    else ConcurrentIndex.of(trace.before, index).expand.undone().fix,
                )


def _is_of_partitions(trace: RevisionTrace, index: str) -> bool:
    """Return whether Postgres cannot drop an index concurrently: that of a partitioned table, or a part of that."""
    entry = attributes(trace.before, "index", index)
    return entry.get("parent") is not None or is_partitioned(trace, str(entry.get("table")))


def _is_unique(trace: RevisionTrace, index: str) -> bool:
    return str(attributes(trace.before, "index", index).get("definition")).startswith("CREATE UNIQUE ")


def _dropped(statement: StatementTrace) -> list[str]:
    if any(changed.kind != "index" for changed in statement.dropped):
        return []
    return [index.name for index in statement.dropped]
