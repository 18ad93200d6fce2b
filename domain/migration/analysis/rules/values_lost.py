"""The upgrade deletes values: it empties a table, or recreates a table or column under its old name.

The old code still finds the table and the column, but no values in them. The causes are TRUNCATE, a DELETE of all rows,
DROP and CREATE of the same table, DROP COLUMN and ADD COLUMN of the same column, a new column or table that takes the
name of a renamed one, and an empty partition that takes the place of a detached one. DETACH PARTITION and NO INHERIT
alone take rows out of the parent, where the old code looks for them, and are a warning. A downgrade that refuses is
honest about it, but does not bring the values back. A table that is replaced by a copy of its rows loses the writes
between the copy and the drop, unless a lock or a trigger prevents that. Where the old table is only renamed, these
writes are still in it, and this is a warning. The safe way is to keep the old values beside the new ones until nobody
needs them:

    op.add_column("users", sa.Column("name_new", sa.Text()))
    # Next revisions: fill it in batches, let the code use it, drop the old one last.

If nobody uses the values any more, declare the revision with a line `Phase: contract` in its docstring; then this is a
warning.
"""

import re
from collections.abc import Iterable, Iterator

from domain.migration.analysis.changes import (
    added,
    has_checked_type,
    is_inherited,
    is_table_made_anew,
    kept,
    new_name,
    renamed_by,
    statement_of,
)
from domain.migration.analysis.impact import is_big, truncated
from domain.migration.analysis.lock_windows import lock_windows
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rows_taken_out import empty_successor, taken_out
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.taken_over import other_addition
from domain.migration.analysis.wording import label, listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.changed_type import ChangedType
from domain.migration.names import escaped, split
from domain.migration.revision import Phase, declared_phase
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RevisionTrace, RowCounts

CODE = "values-lost"
_WHOLE_ROWS = frozenset({"json", "jsonb", "hstore"})
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.EXPAND_MIGRATE_CONTRACT
BAD = Example(
    USERS,
    """
op.drop_column("users", "name")
op.add_column("users", sa.Column("name", sa.Text()))
""",
    'raise NotImplementedError("the names are gone; restore the backup")',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("name_new", sa.Text()))',
    'op.drop_column("users", "name_new")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report tables and columns that exist after the upgrade and have lost their values."""
    if trace.after is None:
        return
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    for kind, name, statement in _lost(trace):
        table = split(name)[0] if kind == "column" else name
        yield Diagnostic(
            CODE,
            Severity.WARNING if contract else SEVERITY,
            statement if statement is not None else statement_of(trace, kind, name),
            table,
            _message(trace, kind, name, statement),
            "Take a backup of the values before the upgrade."
            if contract
            else "Keep the old values beside the new ones until nobody needs them, or declare `Phase: contract`.",
            _fix(trace, name, statement) if kind == "column" else None,
        )
    yield from _rows_taken_out(trace, contract=contract)
    yield from _unguarded_copies(trace, statistics)


def _message(trace: RevisionTrace, kind: str, name: str, statement: int | None) -> str:
    """Return what happens to the values: another name has them, other tables have the rows, or they are gone."""
    state = "has other values" if attributes(trace.after, kind, name).get("not_null") else "is empty"
    renamed = _replacement(trace, kind, name)
    if renamed is not None and renamed[0] == statement:
        return f"The {kind} {name} is now called {renamed[1]}, and a new one has its name and {state}."
    receivers = _receivers(trace, name, statement) if kind == "table" and statement is not None else []
    if receivers:
        receiving = listed(receivers)
        return f"The upgrade moves the rows of the table {name} to {receiving}; {name} exists afterwards but {state}."
    return f"The upgrade deletes the values of the {kind} {name}, which exists afterwards but {state}."


def _receivers(trace: RevisionTrace, table: str, last: int) -> list[str]:
    """Return the other tables that got at least half of a table's rows, up to the statement that empties it.

    The statements read the table.
    """
    inserted: dict[str, int] = {}
    for statement in trace.upgrade[: last + 1]:
        if table in statement.scanned or statement.rows.get(table, RowCounts()).deleted:
            for name, counts in statement.rows.items():
                if name != table:
                    inserted[name] = inserted.get(name, 0) + counts.inserted
    return [name for name, count in inserted.items() if count >= trace.tables[table].rows / 2]


def _rows_taken_out(trace: RevisionTrace, *, contract: bool) -> Iterator[Diagnostic]:
    """Report partitions and children whose rows are no longer found in their parent."""
    for child, parent in taken_out(trace):
        successor = empty_successor(trace, child)
        message = f"The upgrade takes {child} out of {parent}, in which the old code no longer finds its rows."
        remedy = "Make sure that no deployed code needs these rows any more."
        if successor is not None:
            message = (
                f"{parent} loses the rows of its partition {child}, which is a table of its own afterwards: "
                f"{successor} takes its place with the same bounds and is empty."
            )
            remedy = "Copy the rows into the new partition, or declare `Phase: contract` when no code reads them there."
        yield Diagnostic(
            CODE,
            SEVERITY if successor is not None and not contract else Severity.WARNING,
            statement_of(trace, "table", child),
            parent if successor is None else child,
            message,
            remedy,
        )


def _lost(trace: RevisionTrace) -> Iterator[tuple[str, str, int | None]]:
    for table in kept(trace, "table"):
        if not (table in trace.tables and trace.tables[table].rows):
            continue
        statement = _emptied_by(trace, table)
        if statement is not None:
            if not _filled_after(trace, table, statement):
                yield "table", table, statement
            elif not _written_after(trace, table, statement):
                yield from (("column", column, statement) for column in _left_out(trace, table))
            continue
        replaced = _replaced_by(trace, "table", table)
        if replaced is not None and not _filled_after(trace, table, 0):
            yield "table", table, replaced
            continue
        yield from (("column", column, index) for column, index in _lost_columns(trace, table))


def _lost_columns(trace: RevisionTrace, table: str) -> Iterator[tuple[str, int]]:
    for column in _grouped(trace, "kept columns", kept(trace, "column")).get(table, ()):
        if attributes(trace.before, "column", column).get("generated"):
            continue
        dropped = _dropped_by(trace, "table column", column)
        taken = _is_taken_over(trace, "column", column)
        if dropped is not None and not taken and not _is_filled_again(trace, column, dropped):
            yield column, dropped
        replaced = _replaced_by(trace, "column", column)
        if replaced is not None and not _filled_after(trace, table, 0):
            yield column, replaced


def _is_filled_again(trace: RevisionTrace, column: str, dropped: int) -> bool:
    """Return whether the values of a column that is dropped and exists again are written, or copied to a new table."""
    table = split(column)[0]
    if _written_after(trace, table, _filled_from(trace, column, dropped)):
        return True
    return bool(_copies(trace, table)) and column not in _left_out(trace, table)


def _replaced_by(trace: RevisionTrace, kind: str, name: str) -> int | None:
    """Return the number of the statement that renames an object whose name a new object has after the upgrade.

    The rows are not lost where the old object is a partition of the new one. None stands for no such statement.
    """
    replacement = _replacement(trace, kind, name)
    return None if replacement is None else replacement[0]


def _replacement(trace: RevisionTrace, kind: str, name: str) -> tuple[int, str] | None:
    """Return the statement of `_replaced_by`, with the new name of the object."""
    if attributes(trace.after, kind, name).get("generated"):
        return None
    for renamed in added(trace, kind):
        parents = attributes(trace.after, kind, renamed).get("parents")
        if split(renamed)[0] != split(name)[0] or (isinstance(parents, tuple) and name in parents):
            continue
        statement = renamed_by(trace, kind, name, renamed)
        if statement is not None and not _is_taken_over(trace, kind, name):
            return statement, renamed
    return None


def _is_taken_over(trace: RevisionTrace, kind: str, name: str) -> bool:
    """Return whether the upgrade gives a name to another object of the same table or schema that existed before."""
    return any(renamed_by(trace, kind, sibling, name) is not None for sibling in _beside(trace, kind, name))


def _beside(trace: RevisionTrace, kind: str, name: str) -> list[str]:
    """Return the other objects of the same kind that the table or schema had before the upgrade."""
    siblings = _grouped(trace, f"{kind}s before", names_of(trace.before, kind)).get(split(name)[0], ())
    return [sibling for sibling in siblings if sibling != name]


def _grouped(trace: RevisionTrace, key: str, names: Iterable[str]) -> dict[str, list[str]]:
    """Return names grouped by their table or schema; the memo of the trace keeps this linear in a large schema."""
    if key not in trace.memo:
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(split(name)[0], []).append(name)
        trace.memo[key] = groups
    grouped: dict[str, list[str]] = trace.memo[key]
    return grouped


def _unguarded_copies(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report tables that were copied while others could write them, and replaced by the copy."""
    for table in kept(trace, "table"):
        dropped = _dropped_by(trace, "table", table)
        removal = _renamed_away(trace, table) if dropped is None else dropped
        rows = trace.tables[table].rows if table in trace.tables else 0
        if removal is None or not rows or not is_big(trace, statistics, table) or _mirrored(trace, table, removal):
            continue
        locks = [window for window in lock_windows(trace) if window.table == table and window.blocks_writes]
        for index, statement in enumerate(trace.upgrade[:removal]):
            copies = statement.scanned.get(table, 0) >= rows / 2 and _fills_new(trace, table, index, removal)
            if copies and not any(window.covers(index) and window.covers(removal) for window in locks):
                yield Diagnostic(
                    CODE,
                    Severity.WARNING if dropped is None else SEVERITY,  # the renamed table has them still
                    removal,
                    table,
                    f"{label(trace, removal)} {'renames' if dropped is None else 'drops'} the table that "
                    f"{label(trace, index)} has copied: what others write to {table} in between is lost.",
                    "Change the table in place with ALTER TABLE, or let a trigger write both tables until the names "
                    "are exchanged.",
                )
                break


def _renamed_away(trace: RevisionTrace, table: str) -> int | None:
    """Return the number of the statement that renames a table whose name a new table has after the upgrade."""
    new = new_name(trace, "table", table)
    is_beside = new is not None and new.name in added(trace, "table") and split(new.name)[0] == split(table)[0]
    return new.statement if new is not None and is_beside else None


def _fills_new(trace: RevisionTrace, table: str, index: int, removal: int) -> bool:
    """Return whether a statement fills a new table, or those after it fill the one that takes the table's name."""
    if any(name not in trace.tables and counts.inserted for name, counts in trace.upgrade[index].rows.items()):
        return True
    later = {name for traced in trace.upgrade[index:removal] for name, counts in traced.rows.items() if counts.inserted}
    new_tables = later - trace.tables.keys()
    return any(renamed_by(trace, "table", name, table, since=index) is not None for name in new_tables)


def _mirrored(trace: RevisionTrace, table: str, before: int) -> bool:
    """Return whether a trigger of the table may write later changes to the copy."""
    trigger = re.compile(rf"\bCREATE\b.*\bTRIGGER\b.*\bON\b.*(?<!\w){escaped(table)}(?!\w)", re.DOTALL | re.IGNORECASE)
    return any(trigger.search(statement.sql) for statement in trace.upgrade[:before])


def _emptied_by(trace: RevisionTrace, table: str) -> int | None:
    deleted = 0
    for index, statement in enumerate(trace.upgrade):
        deleted += statement.rows.get(table, RowCounts()).deleted
        is_dropped = ChangedObject("table", table) in statement.dropped
        if is_dropped or table in truncated(statement) or deleted >= trace.tables[table].rows:
            return index
    return None


def _dropped_by(trace: RevisionTrace, kind: str, name: str) -> int | None:
    changed = ChangedObject(kind, name)
    return next((index for index, statement in enumerate(trace.upgrade) if changed in statement.dropped), None)


def _filled_from(trace: RevisionTrace, column: str, dropped: int) -> int:
    """Return the statement from which on writes count as filling a column that was dropped and exists again.

    If no statement added it after the drop, another column took its name. That column may have been filled earlier.
    """
    later = trace.upgrade[dropped + 1 :]
    return dropped if any(ChangedObject("table column", column) in statement.created for statement in later) else 0


def _filled_after(trace: RevisionTrace, table: str, statement: int) -> bool:
    """Return whether at least half of the former rows are written afterwards, or copied into a new table."""
    return _written_after(trace, table, statement) or bool(_copies(trace, table))


def _written_after(trace: RevisionTrace, table: str, statement: int) -> bool:
    """Return whether at least half of the former rows of a table are written from a statement on."""
    later = [traced.rows.get(table, RowCounts()) for traced in trace.upgrade[statement:]]
    return sum(rows.inserted + rows.updated for rows in later) >= trace.tables[table].rows / 2


def _copies(trace: RevisionTrace, table: str) -> list[str]:
    """Return the new tables that got at least half as many rows as a table had."""
    filled: dict[str, int] = {}
    for statement in trace.upgrade:
        for name, counts in statement.rows.items():
            if name not in trace.tables:
                filled[name] = filled.get(name, 0) + counts.inserted
    return [name for name, count in filled.items() if count >= trace.tables[table].rows / 2]


def _left_out(trace: RevisionTrace, table: str) -> list[str]:
    """Return the columns of a table with values that its copies have under no name.

    A column of a copy with another name and the same type may be a renamed one. A copy that is gone by the end, as it
    has another name then, is taken to have all of them.
    """
    copies = _copies(trace, table)
    if not names_of(trace.after, "table").issuperset(copies):
        return []
    theirs = [name for name in names_of(trace.after, "column") if split(name)[0] in copies]
    own = [name for name in sorted(names_of(trace.before, "column")) if split(name)[0] == table]
    own_names, their_names = {split(name)[1] for name in own}, {split(name)[1] for name in theirs}
    others = [attributes(trace.after, "column", name).get("type") for name in theirs if split(name)[1] not in own_names]
    if {*_WHOLE_ROWS, table, split(table)[1]} & {*map(str, others)}:
        return []  # a document, or a value of the table's own type, may have all of them
    left_out = []
    for name in own:
        entry = attributes(trace.before, "column", name)
        if split(name)[1] in their_names or entry.get("generated") or name in trace.valueless:
            continue
        if entry.get("type") in others:
            others.remove(entry.get("type"))
        elif attributes(trace.after, "column", name):
            left_out.append(name)
    return left_out


def _fix(trace: RevisionTrace, column: str, statement: int | None) -> str | None:
    is_of_another_table = is_inherited(trace.before, column) or is_table_made_anew(trace, split(column)[0])
    if is_of_another_table or has_checked_type(trace.after, column):
        return None  # no column of such a type comes without a rewrite
    changed_type = ChangedType.of(trace.before, trace.after, column, converted=False)
    return other_addition(trace, statement, column) + changed_type.announced.fix
