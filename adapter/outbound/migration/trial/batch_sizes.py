"""Statements that may be batches although they wrote a whole table, because the table is small in the sandbox."""

from domain.migration.analysis.heavy_writes import commits_within, fills_column
from domain.migration.trace import (
    RevisionTrace,
    RowCounts,
    StatementTrace,
)


def may_be_one_batch(trace: RevisionTrace) -> frozenset[str]:
    """Return the tables of which a single transaction wrote or locked at least half the rows, as a batch may do.

    The same holds for all rows in which a column is NULL.

    Only a transaction counts that was not the last one of the upgrade, or whose statement commits on its own.
    """
    return frozenset(
        table
        for index, statement in enumerate(trace.upgrade)
        for table in {*statement.rows, *statement.locked} & trace.tables.keys()
        if _is_batch(trace.upgrade, statement)
        and (
            0 < trace.tables[table].rows <= 2 * max(written := _rows_of_one_transaction(statement, table))
            or fills_column(trace, index, table, written[0])
        )
    )


def _rows_of_one_transaction(statement: StatementTrace, table: str) -> tuple[int, int]:
    """Return how many existing rows of a table one transaction of a statement wrote, and how many it locked."""
    rows = statement.rows.get(table, RowCounts())
    if not commits_within(statement):
        return rows.updated + rows.deleted, statement.locked.get(table, 0)
    return statement.most_written.get(table, 0), statement.most_locked.get(table, 0)


def _is_batch(statements: tuple[StatementTrace, ...], statement: StatementTrace) -> bool:
    """Return whether a statement commits on its own, ran in several transactions, or was committed before the last one.

    Only such a statement can be one of several batches.
    """
    return (
        statement.transaction is None
        or statement.transactions > 1
        or statement.transaction != max(other.transaction for other in statements if other.transaction is not None)
    )
