"""Earlier statements of an upgrade whose work proposed code does too, so that they go along with its own statement.

A constraint brings the new column that it is about, and takes the place of another one of its name. The code says which
statements to take out with it. Where something in between needs what they have done, it stands behind them instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.migration.names import mention, split
from domain.migration.trace import ChangedObject, RevisionTrace


@dataclass(frozen=True, order=True)
class TakenOver:
    """Work of an earlier statement.

    Attributes:
        statement: Index of the statement.
        work: The work in SQL, such as `ADD COLUMN x`.
    """

    statement: int
    work: str

    def __str__(self) -> str:
        """Return the comment for the reader of the code."""
        return f"# Take out {self.work} (statement {self.statement + 1})."


def comments(taken_over: Iterable[TakenOver]) -> str:
    """Return a line for each statement to take out; empty without any."""
    return "".join(f"{item}\n" for item in sorted({*taken_over}))


def on_table(constraint: str) -> ChangedObject:
    """Return a constraint as event triggers name it."""
    return ChangedObject("table constraint", "{1} on {0}".format(*split(constraint)))


def added_before(trace: RevisionTrace, statement: int, changed: ChangedObject) -> int | None:
    """Return the index of the statement before another one that created an object; None if there is none."""
    return _last(index for index in range(statement) if changed in trace.upgrade[index].created)


def other_addition(trace: RevisionTrace, statement: int | None, column: str) -> str:
    """Return the comment that takes out the addition of a column by another statement; empty without one."""
    changed = ChangedObject("table column", column)
    additions = [index for index, step in enumerate(trace.upgrade) if changed in step.created and index != statement]
    return comments(TakenOver(index, f"ADD COLUMN {split(column)[1]}") for index in additions[-1:])


def dropped_before(trace: RevisionTrace, statement: int, changed: ChangedObject) -> int | None:
    """Return the index of the statement before another one that dropped an object; None if there is none."""
    return _last(index for index in range(statement) if changed in trace.upgrade[index].dropped)


def is_named_between(trace: RevisionTrace, first: int, last: int, column: str) -> bool:
    """Return whether a statement between two others names a column, and so needs it."""
    pattern = mention(column)
    return any(pattern.search(step.sql) for step in trace.upgrade[first + 1 : last])


def can_stay(trace: RevisionTrace, table: str, first: int, last: int) -> bool:
    """Return whether an index or constraint that one statement drops could stay until another one.

    It could be in the way of rows that are written, of columns that change, and of what goes from other tables.
    """
    return not any(
        (table in step.rows and step.rows[table].total)
        or any(changed.kind == "table column" and split(changed.name)[0] == table for changed in step.altered)
        or any(not _is_constraint_or_index(trace, changed, table) for changed in step.dropped)
        for step in trace.upgrade[first:last]
    )


def _is_constraint_or_index(trace: RevisionTrace, changed: ChangedObject, table: str) -> bool:
    if changed.kind == "index":
        return trace.before is None or trace.before.objects.get(("index", changed.name), {}).get("table") == table
    return changed.kind == "table constraint" and changed.name.endswith(f" on {table}")


def _last(indexes: Iterable[int]) -> int | None:
    return max(indexes, default=None)
