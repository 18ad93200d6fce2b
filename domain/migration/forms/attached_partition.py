"""A partition of a table in use."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step
from domain.migration.op_code import execute


@dataclass(frozen=True)
class AttachedPartition(Form):
    """A table that is created by itself and attached, which blocks neither reads nor writes of its parent.

    Attributes:
        table: Qualified name of the partition.
        parent: Qualified name of the partitioned table.
        bound: Its bound, such as `FOR VALUES FROM (1000) TO (2000)`.
        key: How it is partitioned itself, such as `LIST (kind)`; None if it is not.
        unlogged: Whether it is not written to the write-ahead log.
        options: Its storage parameters, such as `fillfactor=70`; may be empty.
        constraints: Definitions of constraints that only it has, with their names.
    """

    table: str
    parent: str
    bound: str
    key: str | None = None
    unlogged: bool = False
    options: str = ""
    constraints: tuple[tuple[str, str], ...] = ()

    @property
    def expand(self) -> Step:
        """The table, and its place among the partitions."""
        partitioned = f" PARTITION BY {self.key}" if self.key else ""
        options = f" WITH ({self.options})" if self.options else ""
        head = f"CREATE {'UNLOGGED ' * self.unlogged}TABLE {self.table}"
        return Step(
            (
                # A partition takes over the identity of its parent.
                execute(f"{head} (LIKE {self.parent} INCLUDING ALL EXCLUDING IDENTITY){partitioned}{options}"),
                *(execute(f"ALTER TABLE {self.table} ADD CONSTRAINT {' '.join(item)}") for item in self.constraints),
                execute(f"ALTER TABLE {self.parent} ATTACH PARTITION {self.table} {self.bound}"),
            ),
            (execute(f"DROP TABLE {self.table}"),),
        )
