"""A column or table is dropped and a similar one is added, so a rename would lose its values.

Autogenerate compares names only. A renamed attribute of a model becomes a DROP and an ADD, and the values of production
are lost with the old name. The safe way is to add the new column, to copy the values in batches while the code writes
both, and to drop the old column last:

    op.add_column("users", sa.Column("full_name", sa.Text()))
    # Next revisions: copy name into full_name in batches, let the code use it, drop name last.

If no code runs during the upgrade, a rename keeps the values:

    op.alter_column("users", "name", new_column_name="full_name")
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

from domain.migration.analysis.changes import (
    added,
    has_checked_type,
    is_inherited,
    is_table_made_anew,
    kept,
    removed,
    renamed_by,
    statement_of,
)
from domain.migration.analysis.moves import moved_to
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.taken_over import other_addition
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.column import Column
from domain.migration.forms.second_column import SecondColumn
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import quoted
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, RowCounts

CODE = "rename-by-drop-and-add"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    """
op.drop_column("users", "name")
op.add_column("users", sa.Column("full_name", sa.Text()))
""",
    """
op.drop_column("users", "full_name")
op.add_column("users", sa.Column("name", sa.Text()))
""",
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("full_name", sa.Text()))',
    'op.drop_column("users", "full_name")',
)
_ALIKE = 0.6  # lowest ratio of similar names, of at most 1 (difflib)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report dropped columns and tables for which a similar, empty one was added."""
    for table in kept(trace, "table"):
        for old, new in _similar_columns(trace, table):
            yield _diagnostic(trace, "column", old, new)
    for old in removed(trace, "table"):
        if moved_to(trace, "table", old) is not None:
            continue
        similar = [new for new in added(trace, "table") if _shape(trace, old, before=True) == _shape(trace, new)]
        is_renamed = len(similar) == 1 and renamed_by(trace, "table", old, similar[0]) is not None
        if len(similar) == 1 and not is_renamed and not _is_written(trace, similar[0]):
            yield _diagnostic(trace, "table", old, similar[0])


def _similar_columns(trace: RevisionTrace, table: str) -> Iterator[tuple[str, str]]:
    dropped_columns = [
        name for name in removed(trace, "column") if split(name)[0] == table and not is_inherited(trace.before, name)
    ]
    added_columns = [name for name in added(trace, "column") if split(name)[0] == table]
    if not (dropped_columns and added_columns) or _is_written(trace, table):
        return
    for old in dropped_columns:
        similar = [
            name
            for name in added_columns
            if _is_alike(trace, old, name, only=len(dropped_columns) == len(added_columns) == 1)
        ]
        if len(similar) == 1 and renamed_by(trace, "column", old, similar[0]) is None:
            yield old, similar[0]


def _is_alike(trace: RevisionTrace, old: str, new: str, *, only: bool) -> bool:
    """Return whether two columns have the same type, and a similar name or the same comment.

    Args:
        trace: Trace with the schema before and after the upgrade.
        old: Column that was dropped.
        new: Column that was added.
        only: Whether they are the only dropped and added columns of the table; then the type suffices.
    """
    before, after = attributes(trace.before, "column", old), attributes(trace.after, "column", new)
    if before["type"] != after["type"] or before.get("generated") or after.get("generated"):
        return False
    same_comment = before.get("comment") is not None and before.get("comment") == after.get("comment")
    return only or same_comment or SequenceMatcher(None, bare(old), bare(new)).ratio() >= _ALIKE


def _is_written(trace: RevisionTrace, table: str) -> bool:
    """Return whether the upgrade inserts or updates rows of a table, so that its author has cared for the values."""
    counts = (statement.rows.get(table, RowCounts()) for statement in trace.upgrade)
    return any(rows.inserted or rows.updated for rows in counts)


def _shape(trace: RevisionTrace, table: str, *, before: bool = False) -> dict[str, object]:
    state = trace.before if before else trace.after
    return {
        bare(name): attributes(state, "column", name)["type"]
        for name in names_of(state, "column")
        if split(name)[0] == table
    }


def _diagnostic(trace: RevisionTrace, kind: str, old: str, new: str) -> Diagnostic:
    table = split(old)[0] if kind == "column" else old
    return Diagnostic(
        CODE,
        SEVERITY,
        statement_of(trace, kind, old),
        table,
        f"The {kind} {old} is dropped, and the similar {new} is added empty. If this is meant as a rename, all values "
        "are lost.",
        f"To rename it, add {bare(new)}, copy the values in batches, and drop {bare(old)} last. If no code runs during "
        f"the upgrade, a rename keeps the values: {_rename(kind, old, new)}.",
        _expand(trace, old, new) if kind == "column" else None,
    )


def _expand(trace: RevisionTrace, old: str, new: str) -> str | None:
    if has_checked_type(trace.after, new) or is_table_made_anew(trace, split(new)[0]):
        return None  # no column of such a type comes without a rewrite, or the old one is in another table
    catalogs = trace.before, trace.after
    form = SecondColumn(Column.of(trace.before, old), Column.of(trace.after, new), catalogs=catalogs)
    return other_addition(trace, statement_of(trace, "column", old), new) + form.announced.fix


def _rename(kind: str, old: str, new: str) -> str:
    if kind == "table":
        return f"op.rename_table({quoted(bare(old))}, {quoted(bare(new))}{schema_argument(old)})"
    table = split(old)[0]
    names = f"{quoted(bare(old))}, new_column_name={quoted(bare(new))}"
    return f"op.alter_column({quoted(bare(table))}, {names}{schema_argument(table)})"
