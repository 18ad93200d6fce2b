"""A table that gets another name or schema, and stays reachable by the old one."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, quoted


@dataclass(frozen=True)
class RenamedTable(Form):
    """A table that is renamed or moved behind a view of its old name, which Postgres can write.

    Attributes:
        old: Qualified name of the table.
        new: Its other qualified name.
    """

    old: str
    new: str

    @property
    def expand(self) -> Step:
        """The other name, and a view of the old one."""
        return Step((_moved(self.old, self.new), self._view), (execute(f"DROP VIEW {self.old}"), self._back))

    @property
    def contract(self) -> Step:
        """The end of the view."""
        return Step((execute(f"DROP VIEW {self.old}"),), (self._view,))

    @property
    def _view(self) -> str:
        return execute(f"CREATE VIEW {self.old} AS TABLE {self.new}")

    @property
    def _back(self) -> str:
        return _moved(self.new, self.old)


def _moved(source: str, target: str) -> str:
    if split(source)[0] != split(target)[0]:
        return execute(f"ALTER TABLE {source} SET SCHEMA {split(target)[0]}")
    return f"op.rename_table({quoted(bare(source))}, {quoted(bare(target))}{schema_argument(source)})"
