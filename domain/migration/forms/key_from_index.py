"""A unique or primary key that adopts an index, which is built while reads and writes go on."""

from dataclasses import dataclass

from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.forms.form import Form, Step
from domain.migration.forms.made_names import with_suffix
from domain.migration.forms.validated_constraint import dropped_constraint
from domain.migration.names import split
from domain.migration.op_code import execute

NEW = "_new"


@dataclass(frozen=True)
class KeyFromIndex(Form):
    """A key whose index is built concurrently.

    Attributes:
        table: Qualified name of the table.
        name: Name of the key and its index, quoted where SQL needs that.
        kind: `UNIQUE` or `PRIMARY KEY`.
        index: CREATE UNIQUE INDEX statement, with the name of the key.
        options: What follows the columns in the definition of the key, such as ` DEFERRABLE`; may be empty.
        replaces: Whether it takes the place of a key of the same name.
        restoration: Operations that restore that one.
        new_index: Name of its index meanwhile; empty for its own name with the suffix `_new`.
    """

    table: str
    name: str
    kind: str
    index: str
    options: str = ""
    replaces: bool = False
    restoration: tuple[str, ...] = ()
    new_index: str = ""

    @property
    def expand(self) -> Step:
        """The index, and the key that adopts it."""
        index, definition, drop = self.name, self.index, ""
        if self.replaces:
            # The old index keeps its name until the new one takes its place.
            index, drop = self.new_index or with_suffix(self.name, NEW), f"DROP CONSTRAINT IF EXISTS {self.name}, "
            definition = definition.replace(f"INDEX {self.name} ON", f"INDEX {index} ON", 1)
        build = ConcurrentIndex(f"{split(self.table)[0]}.{index}", self.table, definition).expand
        addition = f"{drop}ADD CONSTRAINT {self.name} {self.kind} USING INDEX {index}{self.options}"
        return Step(
            (*build.upgrade, execute(f"ALTER TABLE {self.table} {addition}")),
            self.restoration or (dropped_constraint(self.table, self.name),),
        )
