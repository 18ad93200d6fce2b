"""Writes that are no batches: most rows of a table in one transaction, measured at two sizes of the table."""

import re

from domain.migration.trace import RevisionTrace, RowCounts, StatementTrace


def heavy_writes(trace: RevisionTrace) -> set[tuple[int, str]]:
    """Find the statements with which a transaction has written or locked half of a table's rows."""
    heavy: set[tuple[int, str]] = set()
    totals: dict[tuple[int, str], tuple[int, int]] = {}  # those that are locked are mostly those that are written next
    for index, statement in enumerate(trace.upgrade):
        for table in sorted({*statement.rows, *statement.locked} & trace.tables.keys()):
            key = (-1 - index if statement.transaction is None else statement.transaction, table)
            rows = trace.tables[table].rows
            counts = statement.rows.get(table, RowCounts())
            written, locked = totals.get(key, (0, 0))
            now = (
                written + _kept(trace, index, table, counts.updated + counts.deleted, "most_written"),
                locked + _kept(trace, index, table, statement.locked.get(table, 0), "most_locked"),
            )
            totals[key] = now
            half = max(rows / 2, 1)
            if written < half <= now[0] or (locked < half <= now[1] and now[0] < half):
                heavy.add((index, table))
    return heavy


def _kept(trace: RevisionTrace, index: int, table: str, touched: int, most: str) -> int:
    """Count existing rows that stay locked: none to speak of where each batch is committed, and is no whole table."""
    statement = trace.upgrade[index]
    one = _of_one_transaction(statement, table, touched, most)
    nulls = _NULL_EVERY if fills_nulls(statement) else 1
    if not commits_within(statement):
        return one * nulls
    rows = trace.tables[table].rows
    return one * nulls if _is_whole(one * nulls / max(rows, 1), _share_before(trace, index, table, most)) else 0


def commits_within(statement: StatementTrace) -> bool:
    """Return whether a statement ran in several transactions, or begins and ends them itself."""
    runs = statement.count if statement.transaction is None else statement.transactions
    own = statement.transaction is None and bool(statement.cannot_run_in_transaction or statement.most_written)
    return runs > 1 or own


def _of_one_transaction(statement: StatementTrace, table: str, touched: int, most: str) -> int:
    """Return how many rows one transaction touched at most; their mean where nobody counted."""
    runs = statement.count if statement.transaction is None else statement.transactions
    measured: int | None = getattr(statement, most).get(table)
    return touched // runs if measured is None else measured


def _share_before(trace: RevisionTrace, index: int, table: str, most: str) -> float | None:
    """Return the share of a table that one transaction touched when the table was smaller; None where nobody tried."""
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
    """Tell a transaction that touches a whole table, or most of it however large it is, from a batch."""
    return share >= _WHOLE or (share >= _MOST and before is not None and before <= share * _SAME)


def fills_nulls(statement: StatementTrace) -> bool:
    """Tell an UPDATE, or a loop of them in one transaction, that gives a column a value wherever it has none.

    A column that an earlier revision added has none in any row of the target, whatever the sandbox has made up.
    """
    looped = statement.transaction is not None and statement.count > 1 and statement.transactions == 1
    where = _WHERE.search(statement.sql)
    if where is None or (_LIMITED.search(where.group(2)) and not looped):
        return False
    tested = {column for found in _NULL.findall(where.group(2)) for column in found if column}
    return any(re.search(rf'(?<!\w){re.escape(column)}"?\s*=', where.group(1), _ANY) for column in tested)


_ANY = re.IGNORECASE | re.DOTALL
# The columns that an UPDATE sets, and the condition of the rows: what that writes is counted, whatever else it asks.
_WHERE = re.compile(r"\bUPDATE\b.*?\bSET\b(.*?)\bWHERE\b(.*)$", _ANY)
_LIMITED = re.compile(r"\b(LIMIT|FETCH\s+(FIRST|NEXT))\b", _ANY)
_NULL = re.compile(
    r"(\w+)\"?\s+(?:IS\s+NULL\b|ISNULL\b|IS\s+NOT\s+DISTINCT\s+FROM\s+NULL\b)"
    r"|\bcoalesce\s*\(\s*(?:[\w\"]+\.)*\"?(\w+)\"?\s*[,)]",
    _ANY,
)


_NULL_EVERY = 7  # rows that the sandbox makes up: one of them has no value where it may have none
_WHOLE = 0.9  # of a table's rows: no batch
_MOST = 0.5  # of a table's rows: no batch if it is the same share of a larger table
_SAME = 1.2  # times as large a share counts as the same
_GROWN = 1.5  # times the rows, from which on a share says something
NO_ROOM = "leaves no room"  # as the filler says it
