"""New names of objects: what statements renamed, as the server reported it by OID."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.migration.names import split
from domain.migration.statement_trace import StatementTrace

_CONTAINERS = ("table", "view", "type")  # kinds whose names the names of columns begin with; also of foreign tables, …


@dataclass(frozen=True)
class NewName:
    """The name of an object after some statements.

    Attributes:
        name: Qualified name.
        statement: Index of the first statement that gave the object itself another name; None where only its table has
            another name.
    """

    name: str
    statement: int | None


class NewNames:
    """The new names of the objects of one kind after some statements."""

    def __init__(self, statements: Iterable[StatementTrace], kind: str) -> None:
        """Collect the renames and the drops.

        Args:
            statements: The statements.
            kind: Kind of the objects, such as `table` or `column`.
        """
        kinds = (kind, *_CONTAINERS)
        steps = (
            (
                index,
                {item.old: item.new for item in statement.renamed if item.kind.endswith(kinds)},
                {changed.name for changed in statement.dropped if changed.kind.endswith(kinds)},
            )
            for index, statement in enumerate(statements)
        )
        self._steps = [step for step in steps if step[1] or step[2]]

    def of(self, name: str, since: int = 0) -> NewName | None:
        """Return the name of an object after the statements; None for an object that was dropped.

        Args:
            name: Qualified name of the object before a statement.
            since: Index of that statement.
        """
        renaming: int | None = None
        for index, new_names, dropped in self._steps:
            if index < since:
                continue
            table, own = split(name)
            if name in dropped or table in dropped:
                return None
            if name in new_names:
                name, renaming = new_names[name], index if renaming is None else renaming
            elif table in new_names:
                name = f"{new_names[table]}.{own}"
        return NewName(name, renaming)
