"""What an upgrade takes away or changes of which the sandbox had nothing, so that no row could show the loss."""

import re
from collections.abc import Iterator

from domain.migration.analysis.moves import is_dropped
from domain.migration.analysis.unseen import is_named, pieces, target, top
from domain.migration.locks import LockMode
from domain.migration.names import bare, split
from domain.migration.snapshot import attributes, names_of
from domain.migration.trace import RevisionTrace, StatementTrace


def losses_not_seen(trace: RevisionTrace) -> dict[str, str]:
    """Return what may be lost, a sentence for each name of a table or column."""
    return dict([*_of_rows(trace), *_of_columns(trace)])


def _of_rows(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    for table in sorted(_valueless_tables(trace)):
        if any(_may_write(statement, table) for statement in trace.upgrade):
            yield table, f"{table} may be written, and had no row in the sandbox{_reason(trace, table)}"
    for table in sorted(trace.unchanged):
        written = (item for statement in trace.upgrade for item in statement.rows.items())
        if any(rows.updated and top(trace, name) == table for name, rows in written):
            yield table, f"rows of {table} were written, and no value became another in the sandbox"
    for table, why in trace.unread.items():
        if is_dropped(trace, "table", table) or any(_writes(statement, table) for statement in trace.upgrade):
            yield table, f"rows of {table} could not be read ({why})"


def _of_columns(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    valueless_tables = _valueless_tables(trace)
    for column in sorted(trace.valueless):
        table = split(column)[0]
        why = _reason(trace, table)
        if is_dropped(trace, "table", table):
            if table in valueless_tables:
                yield table, f"{table} goes, and had no row or no value in the sandbox{why}"
        elif is_dropped(trace, "column", column):
            yield column, f"{column} goes, and had no value in the sandbox{why}"
        elif attributes(trace.after, "column", column).get("type") not in {None, _type(trace, column)}:
            yield column, f"{column} gets another type, and had no value in the sandbox{why}"
        elif any(_updates(statement, table, column) for statement in trace.upgrade):
            yield column, f"{column} may be written, and had no value in the sandbox{why}"


def _may_write(statement: StatementTrace, table: str) -> bool:
    if statement.rows.get(table):
        return False  # it gives its rows itself
    named = (is_named(name, table) for piece in pieces(statement.sql) for name in target(piece))
    return table in statement.used_within or _writes(statement, table) or any(named)


def _writes(statement: StatementTrace, table: str) -> bool:
    return statement.locks.get(table) is LockMode.ROW_EXCLUSIVE or table in statement.rewritten


def _updates(statement: StatementTrace, table: str, column: str) -> bool:
    rows = statement.rows.get(table)
    word = re.compile(rf"(?<!\w){re.escape(bare(column))}(?!\w)", re.IGNORECASE)
    return rows is not None and bool(rows.updated) and word.search(statement.sql) is not None


def _valueless_tables(trace: RevisionTrace) -> set[str]:
    """Return the tables of which no stored column has a value in any row."""
    others = names_of(trace.before, "column") - trace.valueless
    stored = (name for name in others if not attributes(trace.before, "column", name).get("generated"))
    return {split(column)[0] for column in trace.valueless} - {split(name)[0] for name in stored}


def _type(trace: RevisionTrace, column: str) -> object:
    return attributes(trace.before, "column", column).get("type")


def _reason(trace: RevisionTrace, table: str) -> str:
    return f" ({trace.unfilled[table]})" if table in trace.unfilled else ""
