"""How large and how busy the tables of the target database are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

BIG_ROWS = 1_000
"""Tables of so many rows and more count as big: work that grows with their size takes time that users notice."""


@dataclass(frozen=True)
class TableStatistics:
    """One table of the target database.

    Attributes:
        rows: Rows, as the planner estimates them.
        bytes: Size of the heap with TOAST.
        index_bytes: Size of all its indexes.
        scans_per_second: Sequential and index scans; None when it is not known.
        writes_per_second: Rows inserted, updated and deleted; None when it is not known.
    """

    rows: int
    bytes: int = 0
    index_bytes: int = 0
    scans_per_second: float | None = None
    writes_per_second: float | None = None


@dataclass(frozen=True)
class Statistics(Mapping[str, TableStatistics]):
    """Statistics by table, as `public.users`.

    A table that is not among them has an unknown size, and unknown counts as big.

    Attributes:
        tables: What is known.
    """

    tables: Mapping[str, TableStatistics] = field(default_factory=dict)

    @classmethod
    def unknown(cls) -> "Statistics":
        """Give the statistics of a target that nobody named: every table counts as big."""
        return cls()

    def is_big(self, table: str) -> bool:
        """Tell whether work that grows with this table's size counts."""
        known = self.tables.get(table)
        return known is None or known.rows >= BIG_ROWS

    def __getitem__(self, table: str) -> TableStatistics:
        """Look a table up.

        Raises:
            KeyError: Nothing is known of it.
        """
        return self.tables[table]

    def __iter__(self) -> Iterator[str]:
        """Go through the names of tables."""
        return iter(self.tables)

    def __len__(self) -> int:
        """Count the tables that are known."""
        return len(self.tables)
