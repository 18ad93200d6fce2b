"""A table that gets another name or schema, and stays reachable by the old one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from domain.migration.forms.form import Form, Step
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, quoted
from domain.migration.repair.definitions import texts
from domain.migration.repair.privileges import privileges
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of


@dataclass(frozen=True)
class RenamedTable(Form):
    """A table that is renamed or moved behind a view of its old name, which Postgres can write.

    Attributes:
        old: Qualified name of the table.
        new: Its other qualified name.
        has_row_security: Whether rows of the table are hidden from some roles. A view reads as its owner, and would
            show them, unless it is told to read as the role that asks.
        grants: Statements that give other roles the privileges on the view that they have on the table.
    """

    old: str
    new: str
    has_row_security: bool = False
    grants: tuple[str, ...] = ()

    @classmethod
    def of(cls, snapshot: SchemaSnapshot | None, old: str, new: str) -> Self:
        """Return the other name of a table of a schema."""
        entry = attributes(snapshot, "table", old)
        of_owner = tuple(item for item in texts(entry.get("acl")) if item.startswith(f"{entry.get('owner')}="))
        columns = sorted(name for name in names_of(snapshot, "column") if split(name)[0] == old)
        grants = [
            *privileges("view", old, {}, entry.get("acl"), of_owner),
            *(grant for name in columns for grant in _of_column(snapshot, name)),
        ]
        return cls(old, new, bool(entry.get("row_security")), tuple(grants))

    @property
    def expand(self) -> Step:
        """The other name, and a view of the old one."""
        return Step((*_moved(self.old, self.new), *self._view), (self._no_view, *_moved(self.new, self.old)))

    @property
    def contract(self) -> Step:
        """The end of the view."""
        return Step((self._no_view,), self._view)

    @property
    def _view(self) -> tuple[str, ...]:
        options = " WITH (security_invoker)" * self.has_row_security
        created = execute(f"CREATE VIEW {self.old}{options} AS TABLE {self.new}")
        return created, *map(execute, self.grants)

    @property
    def _no_view(self) -> str:
        return execute(f"DROP VIEW {self.old}")


def _of_column(snapshot: SchemaSnapshot | None, column: str) -> Iterator[str]:
    return privileges("column", column, {}, attributes(snapshot, "column", column).get("acl"), ())


def _moved(source: str, target: str) -> tuple[str, ...]:
    """Return operations that move a table to another schema, and then give it another name there."""
    schema = split(target)[0]
    there = f"{schema}.{split(source)[1]}" if schema else split(source)[1]
    moved = () if split(source)[0] == schema else (execute(f"ALTER TABLE {source} SET SCHEMA {schema}"),)
    renamed = f"op.rename_table({quoted(bare(source))}, {quoted(bare(target))}{schema_argument(target)})"
    return moved if there == target else (*moved, renamed)
