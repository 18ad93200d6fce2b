"""Writes without batches: one transaction writes most rows of a table. Measured at two sizes of the table."""

import re

from domain.migration.analysis.unseen import keywords
from domain.migration.names import mention, split
from domain.migration.trace import RevisionTrace, RowCounts, StatementTrace


def heavy_writes(trace: RevisionTrace) -> set[tuple[int, str]]:
    """Return the statements with which a transaction reaches half of a table's rows, written or locked.

    Returns:
        Index of the statement and name of the table.
    """
    heavy: set[tuple[int, str]] = set()
    # Rows written and rows locked, by transaction and table. Not their sum: a row is often locked and then written.
    totals: dict[tuple[int, str], tuple[int, int]] = {}
    for index, statement in enumerate(trace.upgrade):
        for table in sorted({*statement.rows, *statement.locked} & trace.tables.keys()):
            key = (-1 - index if statement.transaction is None else statement.transaction, table)
            rows = trace.tables[table].rows
            counts = statement.rows.get(table, RowCounts())
            written, locked = totals.get(key, (0, 0))
            new_total = (
                written + _still_locked(trace, index, table, counts.updated + counts.deleted, "most_written"),
                locked + _still_locked(trace, index, table, statement.locked.get(table, 0), "most_locked"),
            )
            totals[key] = new_total
            half = max(rows / 2, 1)
            writes_half = written < half <= new_total[0]
            locks_half = locked < half <= new_total[1] and new_total[0] < half
            is_filled = counts.updated and written < half and fills_column(trace, index, table, new_total[0])
            if writes_half or locks_half or is_filled:
                heavy.add((index, table))
    return heavy


def _still_locked(trace: RevisionTrace, index: int, table: str, touched: int, most: str) -> int:
    """Return the number of rows that stay locked until the transaction ends; 0 if the statement works in batches.

    Args:
        trace: Trace of the revision.
        index: Index of the statement.
        table: Table that existed before.
        touched: Rows that the statement wrote or locked in all its runs.
        most: `most_written` or `most_locked`.
    """
    statement = trace.upgrade[index]
    rows_touched = _of_one_transaction(statement, table, touched, most)
    if fills_nulls(statement):
        rows_touched *= _NULL_EVERY
    if not commits_within(statement):
        return rows_touched
    rows = trace.tables[table].rows
    return rows_touched if _is_whole(rows_touched / max(rows, 1), _share_before(trace, index, table, most)) else 0


def fills_column(trace: RevisionTrace, index: int, table: str, written: int) -> bool:
    """Return whether a transaction filled a column wherever it was NULL, however it found the rows.

    Where a LIMIT bounds the rows, those of the sandbox may be fewer, so nothing is known of the rows of the target.

    Args:
        trace: Trace of the revision.
        index: Index of the last statement of the transaction so far.
        table: Table that existed before.
        written: Rows of the table that the transaction has written so far.
    """
    statement, least = trace.upgrade[index], trace.tables[table].rows / (2 * _NULL_EVERY)
    if commits_within(statement) or any(_LIMITED.search(keywords(item.sql)) for item in trace.upgrade[: index + 1]):
        return False
    return any(
        split(column)[0] == table
        and least <= nulls <= written
        and (table in statement.used_within or mention(column, re.IGNORECASE).search(statement.sql) is not None)
        for column, nulls in trace.filled_nulls.items()
    )


def commits_within(statement: StatementTrace) -> bool:
    """Return whether a statement ran in several transactions, or begins and ends them itself."""
    runs = statement.count if statement.transaction is None else statement.transactions
    ends_itself = statement.transaction is None and bool(statement.cannot_run_in_transaction or statement.most_written)
    return runs > 1 or ends_itself


def _of_one_transaction(statement: StatementTrace, table: str, touched: int, most: str) -> int:
    """Return the highest number of rows that one transaction touched; the mean if it was not measured."""
    runs = statement.count if statement.transaction is None else statement.transactions
    measured: int | None = getattr(statement, most).get(table)
    return touched // runs if measured is None else measured


def _share_before(trace: RevisionTrace, index: int, table: str, most: str) -> float | None:
    """Return the share of a table that one transaction touched when the table was smaller; None if not measured."""
    smaller = trace.smaller
    if smaller is None or index >= len(smaller.upgrade) or smaller.upgrade[index].line != trace.upgrade[index].line:
        return None
    statement, rows = smaller.upgrade[index], smaller.rows.get(table, 0)
    if not 0 < rows < trace.tables[table].rows / _GROWN:
        return None
    counts = statement.rows.get(table, RowCounts())
    touched = counts.updated + counts.deleted if most == "most_written" else statement.locked.get(table, 0)
    return _of_one_transaction(statement, table, touched, most) / rows


def _is_whole(share: float, before: float | None) -> bool:
    """Return whether a transaction touches a whole table, or the same large share of it at both sizes.

    Args:
        share: Share of the table's rows, at most 1.
        before: Share when the table was smaller; None if not measured.
    """
    return share >= _WHOLE or (share >= _MOST and before is not None and before <= share * _SAME)


def fills_nulls(statement: StatementTrace) -> bool:
    """Return whether an UPDATE, or a loop of UPDATEs in one transaction, fills a column wherever it is NULL.

    A column that an earlier revision has added is NULL in all rows of the target, but the sandbox makes up values.
    """
    looped = statement.transaction is not None and statement.count > 1 and statement.transactions == 1
    where = _WHERE.search(statement.sql)
    if where is None or (_LIMITED.search(keywords(where.group(2))) and not looped):
        return False
    null_columns = {column for groups in _NULL.findall(where.group(2)) for column in groups if column}
    return any(re.search(rf'(?<!\w){re.escape(column)}"?\s*=', where.group(1), _ANY) for column in null_columns)


_ANY = re.IGNORECASE | re.DOTALL
# The assignments of an UPDATE, and its condition.
_WHERE = re.compile(r"\bUPDATE\b.*?\bSET\b(.*?)\bWHERE\b(.*)$", _ANY)
_LIMITED = re.compile(r"\b(LIMIT|FETCH\s+(FIRST|NEXT))\b", _ANY)
_NULL = re.compile(
    r"(\w+)\"?\s+(?:IS\s+NULL\b|ISNULL\b|IS\s+NOT\s+DISTINCT\s+FROM\s+NULL\b)"
    r"|\bcoalesce\s*\(\s*(?:[\w\"]+\.)*\"?(\w+)\"?\s*[,)]",
    _ANY,
)


_NULL_EVERY = 7  # in the sandbox, one of this many rows is NULL in a nullable column
_WHOLE = 0.9  # share of a table's rows from which a transaction is no batch
_MOST = 0.5  # share of a table's rows from which a transaction is no batch, if the share is the same at both sizes
_SAME = 1.2  # highest ratio of two shares that count as the same
_GROWN = 1.5  # lowest ratio of two sizes of a table at which shares are compared
