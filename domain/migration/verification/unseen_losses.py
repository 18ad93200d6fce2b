"""Possible losses that the rows of the sandbox could not show, because there was no row or no value."""

import re
from collections.abc import Iterable, Iterator

from domain.migration.analysis.moves import is_dropped
from domain.migration.analysis.unseen import is_named, pieces, target, top
from domain.migration.locks import LockMode
from domain.migration.names import mention, split
from domain.migration.one_line import in_one_line
from domain.migration.snapshot import attributes, names_of
from domain.migration.trace import RevisionTrace, StatementTrace

_SHOWN = 120  # longest shown text of a condition, in characters
ONLY_DEFAULT = "none but its default"  # begins what is said of a column in `RevisionTrace.unmade_edges`


def losses_not_seen(trace: RevisionTrace) -> dict[str, str]:
    """Return a sentence for each table or column whose values may be lost unseen."""
    return dict(
        [
            *_of_conditions(trace),
            *_of_rows(trace),
            *_of_columns(trace),
            *_of_defaults(trace),
            *_of_views(trace),
            *_of_passwords(trace),
        ]
    )


def _of_passwords(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    """Return the roles that have another stored password after the downgrade, which may still be the same word."""
    for role in trace.other_passwords:
        yield role, f"the password of role {role} was set, and whether the downgrade sets it back cannot be read"


def _of_conditions(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    """Return the tables of which the downgrade may change or delete rows that were there before, and had none such."""
    for statement in trace.downgrade or ():
        for table in statement.unexplained:
            if table in trace.tables and trace.tables[table].rows:
                yield table, f"the downgrade deletes rows of {table} by a condition within a block, which is not known"
    for table, condition in trace.unmade_matches.items():
        shown = in_one_line(condition, _SHOWN)
        yield table, f"the downgrade changes or deletes rows of {table} for which none could be made here ({shown})"


def _of_rows(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    for table in sorted(_valueless_tables(trace)):
        if any(_may_write(statement, table) for statement in trace.upgrade):
            yield table, f"{table} may be written, but had no row in the sandbox{_reason(trace, table)}"
    for table in sorted(trace.unchanged):
        counts = (item for statement in trace.upgrade for item in statement.rows.items())
        if any(rows.updated and top(trace, name) == table for name, rows in counts):
            yield table, f"rows of {table} were written, but no value changed in the sandbox"
    for table, reason in trace.unread.items():
        if is_dropped(trace, "table", table) or any(_writes(statement, table) for statement in trace.upgrade):
            yield table, f"rows of {table} could not be read ({reason})"


def _of_columns(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    valueless_tables = _valueless_tables(trace)
    for column in sorted(trace.valueless):
        table = split(column)[0]
        reason = _reason(trace, table)
        if is_dropped(trace, "table", table):
            if table in valueless_tables:
                yield table, f"{table} is dropped, but had no row or no value in the sandbox{reason}"
        elif is_dropped(trace, "column", column):
            yield column, f"{column} is dropped, but had no value in the sandbox{reason}"
        elif attributes(trace.after, "column", column).get("type") not in {None, _type(trace, column)}:
            yield column, f"{column} gets another type, but had no value in the sandbox{reason}"
        elif any(_updates(statement, table, column) for statement in trace.upgrade):
            yield column, f"{column} may be written, but had no value in the sandbox{reason}"


def _of_defaults(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    """Return the columns that go and come back with their default, which every row in the sandbox had."""
    for column, unmade in trace.unmade_edges.items():
        goes = is_dropped(trace, "column", column) or is_dropped(trace, "table", split(column)[0])
        if unmade.startswith(ONLY_DEFAULT) and goes:
            yield column, f"{column} is dropped, but had no value other than its default in the sandbox"


def _of_views(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    """Return the materialized views that show rows of the upgrade after the downgrade, which restores only tables."""
    tables = names_of(trace.before, "table")
    if not any(name in tables and counts.total for item in trace.upgrade for name, counts in item.rows.items()):
        return
    for view in sorted(names_of(trace.before, "view") & names_of(trace.restored, "view")):
        if _computes(trace.upgrade, view) and not _computes(trace.downgrade or (), view):
            yield view, f"only the upgrade computes the rows of {view}, so they stay those of the upgrade"


def _computes(statements: Iterable[StatementTrace], view: str) -> bool:
    """Return whether statements fill a materialized view: a new file, or rows written by REFRESH … CONCURRENTLY."""
    return any(view in statement.rewritten or view in statement.rows for statement in statements)


def _may_write(statement: StatementTrace, table: str) -> bool:
    if statement.rows.get(table):
        return False  # the statement wrote rows, so its effect was measured
    targets = (is_named(name, table) for piece in pieces(statement.sql) for name in target(piece))
    return table in statement.used_within or _writes(statement, table) or any(targets)


def _writes(statement: StatementTrace, table: str) -> bool:
    return statement.locks.get(table) is LockMode.ROW_EXCLUSIVE or table in statement.rewritten


def _updates(statement: StatementTrace, table: str, column: str) -> bool:
    rows = statement.rows.get(table)
    pattern = mention(column, re.IGNORECASE)
    return rows is not None and bool(rows.updated) and pattern.search(statement.sql) is not None


def _valueless_tables(trace: RevisionTrace) -> set[str]:
    """Return the tables of which no stored column has a value in any row."""
    filled = names_of(trace.before, "column") - trace.valueless
    stored = (name for name in filled if not attributes(trace.before, "column", name).get("generated"))
    return {split(column)[0] for column in trace.valueless} - {split(name)[0] for name in stored}


def _type(trace: RevisionTrace, column: str) -> object:
    return attributes(trace.before, "column", column).get("type")


def _reason(trace: RevisionTrace, table: str) -> str:
    return f" ({trace.unfilled[table]})" if table in trace.unfilled else ""
