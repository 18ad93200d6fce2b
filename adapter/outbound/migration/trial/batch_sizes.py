"""Which statements may be one batch where tables are small."""

from domain.migration.analysis.heavy_writes import commits_within
from domain.migration.trace import (
    RevisionTrace,
    RowCounts,
    StatementTrace,
)


def may_be_one_batch(trace: RevisionTrace) -> frozenset[str]:
    """Name the tables that one transaction wrote most of, and committed before others that followed or could."""
    return frozenset(
        table
        for statement in trace.upgrade
        for table in {*statement.rows, *statement.locked} & trace.tables.keys()
        if _is_batch(trace.upgrade, statement) and 0 < trace.tables[table].rows <= 2 * max(_touched(statement, table))
    )


def _touched(statement: StatementTrace, table: str) -> tuple[int, int]:
    """Return how many existing rows one transaction wrote, and how many it locked."""
    rows = statement.rows.get(table, RowCounts())
    if not commits_within(statement):
        return rows.updated + rows.deleted, statement.locked.get(table, 0)
    return statement.most_written.get(table, 0), statement.most_locked.get(table, 0)


def _is_batch(statements: tuple[StatementTrace, ...], statement: StatementTrace) -> bool:
    """Return whether a statement was committed before others that followed or could."""
    return (
        statement.transaction is None
        or statement.transactions > 1
        or statement.transaction != max(one.transaction for one in statements if one.transaction is not None)
    )
