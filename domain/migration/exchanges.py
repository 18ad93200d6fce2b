"""Objects that have exchanged their names: each keeps its rows or values, and code that names one meets another."""

from collections.abc import Iterator, Sequence

from domain.migration.data_difference import DataChange, DataChangeKind, DataDifference
from domain.migration.names import split
from domain.migration.new_names import NewNames
from domain.migration.snapshot import SchemaSnapshot, names_of
from domain.migration.statement_trace import StatementTrace


def exchanged(before: SchemaSnapshot | None, statements: Sequence[StatementTrace], kind: str) -> dict[str, str]:
    """Return the new names of the objects that have exchanged names with others, by the names before.

    Args:
        before: Schema before the statements.
        statements: The statements.
        kind: Kind of the objects, such as `table` or `column`. The columns of a renamed table keep its old name here.
    """
    if before is None or not any(statement.renamed for statement in statements):
        return {}
    renames = NewNames(statements, kind)
    names = ((old, renames.of(old)) for old in names_of(before, kind))
    new_names = {old: _in_table_of(old, new.name, kind) for old, new in names if new is not None}
    in_use = {*new_names.values()}
    return {old: new for old, new in sorted(new_names.items()) if old != new and new in new_names and old in in_use}


def circles(new_names: dict[str, str]) -> Iterator[list[str]]:
    """Return the groups of objects that have exchanged their names among each other."""
    left = dict(new_names)
    while left:
        name, following = left.popitem()
        circle = [name]
        while following in left:
            circle.append(following)
            following = left.pop(following)
        yield sorted(circle)


def with_exchanges(
    difference: DataDifference, before: SchemaSnapshot | None, statements: Sequence[StatementTrace]
) -> DataDifference:
    """Return a difference with the tables and columns that have exchanged names and are alike in the sandbox.

    Args:
        difference: Difference of the rows.
        before: Schema before the statements.
        statements: Statements of the upgrade and the downgrade.
    """
    subjects = {change.subject for change in difference.changes}
    subjects |= {split(subject)[0] for subject in subjects}
    changes = [
        DataChange(new, DataChangeKind.EXCHANGED, other=old)
        for kind in ("table", "column")
        for old, new in exchanged(before, statements, kind).items()
        if new not in subjects
    ]
    return DataDifference((*difference.changes, *changes)) if changes else difference


def _in_table_of(old: str, new: str, kind: str) -> str:
    return f"{split(old)[0]}.{split(new)[1]}" if kind == "column" else new
