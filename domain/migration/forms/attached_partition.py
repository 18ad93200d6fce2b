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
    """

    table: str
    parent: str
    bound: str
    key: str | None = None

    @property
    def expand(self) -> Step:
        """The table, and its place among the partitions."""
        partitioned = f" PARTITION BY {self.key}" if self.key else ""
        return Step(
            (
                # A partition takes over the identity of its parent.
                execute(
                    f"CREATE TABLE {self.table} (LIKE {self.parent} INCLUDING ALL EXCLUDING IDENTITY){partitioned}"
                ),
                execute(f"ALTER TABLE {self.parent} ATTACH PARTITION {self.table} {self.bound}"),
            ),
            (execute(f"DROP TABLE {self.table}"),),
        )
