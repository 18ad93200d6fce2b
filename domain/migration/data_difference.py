"""The differences between two states of the rows, as values and as sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class DataChangeKind(Enum):
    """The kind of a change of rows or values. Its value is the sentence; `{rest}` is a number of rows or values."""

    TABLE_GONE = "gone with {rest}"
    TABLE_NEW = "new table with {rest}"
    TABLE_RENAMED = "rows kept as {other}"
    ROWS_GONE = "{rest} gone"
    ROWS_NEW = "{rest} more"
    ROWS_REPLACED = "rows with other primary keys"
    ROWS_MIXED = "values moved between rows"
    EXCHANGED = "has what was in {other}"
    ROWS_UNKNOWN = "rows not compared, for the primary key came or went"
    COLUMN_GONE = "{rest} gone with the column"
    COLUMN_NEW = "new column with {rest}"
    COLUMN_RENAMED = "values kept as {other}"
    VALUES_GONE = "{rest} gone, NULL now"
    VALUES_NEW = "{rest} where NULL was"
    VALUES_CHANGED = "{rest} changed"
    NO_OBJECTS_CHANGED = "{rest} changed that are no JSON objects"
    COUNTER_BACK = "counts on from {other}, after {rest}"

    @property
    def loses(self) -> bool:
        """Whether rows or values are lost."""
        return self not in _KEEPS

    @property
    def rank(self) -> int:
        """Position in the order of the kinds above, in which the worst comes first."""
        return list(DataChangeKind).index(self)


_KEEPS = frozenset(
    {
        DataChangeKind.TABLE_NEW,
        DataChangeKind.TABLE_RENAMED,
        DataChangeKind.ROWS_NEW,
        DataChangeKind.ROWS_UNKNOWN,
        DataChangeKind.COLUMN_NEW,
        DataChangeKind.COLUMN_RENAMED,
        DataChangeKind.VALUES_NEW,
    }
)


NO_OBJECTS = (
    "every JSON object of the sandbox comes back as it was; whether your rows have other values, such as a null or an "
    "array, is not known, unless a CHECK of the type says so"
)


_OF_ROWS = frozenset(
    {
        DataChangeKind.TABLE_GONE,
        DataChangeKind.TABLE_NEW,
        DataChangeKind.ROWS_GONE,
        DataChangeKind.ROWS_NEW,
    }
)


@dataclass(frozen=True)
class DataChange:
    """One difference between two states of the rows.

    Attributes:
        subject: Table, column or sequence, by the name it had before.
        kind: Kind of the change.
        count: Number of rows or values; None if it is not known. For a sequence, its value before.
        total: Number of rows or values before the change; None if it does not matter.
        other: New name of a renamed table or column, or new value of a sequence.
        at_least: Whether the real number may be higher than `count`.
    """

    subject: str
    kind: DataChangeKind
    count: int | None = None
    total: int | None = None
    other: str = ""
    at_least: bool = False

    def __str__(self) -> str:
        """Return the change as a sentence, such as `public.users.email: 2,000 values changed`."""
        return f"{self.subject}: {self.kind.value.format(rest=self._rest(), other=self.other)}"

    def _rest(self) -> str:
        if self.kind is DataChangeKind.COUNTER_BACK:
            return f"{self.count:,}"
        noun = "row" if self.kind in _OF_ROWS else "value"
        if self.count is None:
            return f"{noun}s"
        if self.count == self.total and self.count > 1:
            return f"all {self.count:,} {noun}s"
        of = f" of {self.total:,}" if self.total is not None and self.total > self.count else ""
        plural = "s" if (self.total if of else self.count) != 1 else ""
        return f"{'at least ' if self.at_least else ''}{self.count:,}{of} {noun}{plural}"


@dataclass(frozen=True)
class DataDifference:
    """The difference between two states of the rows; false if there is none.

    A rename is listed, but does not count as a difference, because the values are kept.

    Attributes:
        changes: All changes, sorted by table, column and kind.
    """

    changes: tuple[DataChange, ...] = ()

    def __bool__(self) -> bool:
        """Return whether rows or values differ."""
        return any(change.kind not in _RENAMED for change in self.changes)

    @property
    def losses(self) -> tuple[DataChange, ...]:
        """Changes that lose rows or values, the worst first."""
        losses = (change for change in self.changes if change.kind.loses)
        return tuple(sorted(losses, key=lambda change: change.kind.rank))

    @property
    def additions(self) -> tuple[DataChange, ...]:
        """Changes that add rows or values."""
        return tuple(change for change in self.changes if not change.kind.loses and change.kind not in _RENAMED)

    def __str__(self) -> str:
        """Return one sentence for each change, each on its own line."""
        return "\n".join(self.sentences()) or "no difference"

    def sentences(self) -> Iterator[str]:
        """Return one sentence for each change."""
        yield from map(str, self.changes)


_RENAMED = frozenset({DataChangeKind.TABLE_RENAMED, DataChangeKind.COLUMN_RENAMED})
