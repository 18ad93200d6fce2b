"""What the tables hold, as a few numbers a column, and what separates two such states in words.

A digest is the sum, modulo 2**64, of one hash a row. It does not depend on the order of the rows. In a table with a
primary key the hash of a value is seeded with the key of its row, so that two rows that swapped their values are seen;
without one, each column is a bag of values, and one more digest takes the rows whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType


@dataclass(frozen=True)
class ColumnDigest:
    """The values of one column.

    Attributes:
        values: How many rows have a value, that is not NULL.
        digest: Over those values, each with its row's primary key where the table has one.
    """

    values: int
    digest: int


@dataclass(frozen=True)
class TableDigest:
    """The rows of one table.

    Attributes:
        rows: How many.
        columns: Each stored column by name; generated ones follow from the others and are left out.
        key: Digest over the primary keys; None without a primary key.
        whole: Digest over whole rows; None with a primary key, where the columns say it all.
    """

    rows: int
    columns: Mapping[str, ColumnDigest]
    key: int | None = None
    whole: int | None = None

    def __post_init__(self) -> None:
        """Copy the columns, so that nobody can change them afterwards."""
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))


@dataclass(frozen=True)
class DataDigest:
    """What a database holds.

    Attributes:
        tables: Each table by its qualified name, quoted as SQL needs it; a partitioned table with all its partitions.
        counters: The last value of each sequence; None when it has not given one yet.
        unread: Tables that could not be read, with the reason; they are not compared.
        behind: Sequences whose next number a row of their table has already, or a later one.
    """

    tables: Mapping[str, TableDigest]
    counters: Mapping[str, int | None] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    behind: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Copy both, so that nobody can change them afterwards."""
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))
        object.__setattr__(self, "counters", MappingProxyType(dict(self.counters)))

    @property
    def valueless(self) -> frozenset[str]:
        """The columns that have no value in any row, with their table."""
        return frozenset(
            f"{table}.{column}"
            for table, rows in self.tables.items()
            for column, held in rows.columns.items()
            if not held.values
        )


def unchanged(before: DataDigest, after: DataDigest) -> frozenset[str]:
    """Return the tables of which no value is another and no column has come with values."""
    return frozenset(table for table, rows in before.tables.items() if _is_unchanged(rows, after.tables.get(table)))


def _is_unchanged(before: TableDigest, after: TableDigest | None) -> bool:
    if after is None or (after.key, after.whole) != (before.key, before.whole):
        return False
    came = (held for name, held in after.columns.items() if name not in before.columns)
    same = (after.columns.get(name, held) == held for name, held in before.columns.items())
    return all(same) and not any(held.values for held in came)


class DataChangeKind(Enum):
    """What happened to rows or values. The value is the sentence; `{rest}` is a number of rows or values in words."""

    TABLE_GONE = "gone with {rest}"
    TABLE_NEW = "new table with {rest}"
    TABLE_RENAMED = "rows kept as {other}"
    ROWS_GONE = "{rest} gone"
    ROWS_NEW = "{rest} more"
    ROWS_REPLACED = "rows with other primary keys"
    ROWS_MIXED = "values moved between rows"
    ROWS_UNKNOWN = "rows not compared, for the primary key came or went"
    COLUMN_GONE = "{rest} gone with the column"
    COLUMN_NEW = "new column with {rest}"
    COLUMN_RENAMED = "values kept as {other}"
    VALUES_GONE = "{rest} gone, NULL now"
    VALUES_NEW = "{rest} where NULL was"
    VALUES_CHANGED = "{rest} changed"
    COUNTER_BACK = "counts on from {other}, after {rest}"

    @property
    def loses(self) -> bool:
        """Whether something is not there any more that was there before."""
        return self not in _KEEPS

    @property
    def rank(self) -> int:
        """Where it stands among others; the worst is the smallest. The kinds stand above in that order."""
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
    """One thing that differs.

    Attributes:
        subject: The table, column or sequence, by the name it had before.
        kind: What happened to it.
        count: How many rows or values; None when only that it happened is known. Of a counter: its value before.
        total: How many there were before.
        other: The name it has now, or the value of the counter now.
        at_least: Whether there can be more of them than `count`.
    """

    subject: str
    kind: DataChangeKind
    count: int | None = None
    total: int | None = None
    other: str = ""
    at_least: bool = False

    def __str__(self) -> str:
        """Return it as a sentence, `public.users.email: 2,000 values changed`."""
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
    """What separates the rows of one state from those of another; false when nothing does.

    A rename is told, and counts as no difference: the values were kept.

    Attributes:
        changes: All of it, sorted by table, column and kind.
    """

    changes: tuple[DataChange, ...] = ()

    def __bool__(self) -> bool:
        """Return whether rows or values differ."""
        return any(change.kind not in _RENAMED for change in self.changes)

    @property
    def losses(self) -> tuple[DataChange, ...]:
        """What is not there any more, the worst first."""
        return tuple(sorted((one for one in self.changes if one.kind.loses), key=lambda one: one.kind.rank))

    @property
    def additions(self) -> tuple[DataChange, ...]:
        """What was not there before."""
        return tuple(change for change in self.changes if not change.kind.loses and change.kind not in _RENAMED)

    def __str__(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self.sentences()) or "no difference"

    def sentences(self) -> Iterator[str]:
        """Return what differs, one sentence a change."""
        yield from map(str, self.changes)


_RENAMED = frozenset({DataChangeKind.TABLE_RENAMED, DataChangeKind.COLUMN_RENAMED})


def compare(expected: DataDigest, actual: DataDigest) -> DataDifference:
    """Find what happened to the rows of `expected` on the way to `actual`.

    Tables and columns without a single value are not missed; the schema's difference tells of them. A column that
    vanished while another came with the same values in the same rows was renamed; likewise a table.
    """
    unread = expected.unread.keys() | actual.unread.keys()
    was = {name: table for name, table in expected.tables.items() if name not in unread}
    now = {name: table for name, table in actual.tables.items() if name not in unread}
    renamed = _renamed_tables(was, now)
    changes = [DataChange(old, DataChangeKind.TABLE_RENAMED, other=new) for old, new in renamed.items()]
    for name, before in was.items():
        after = now.get(renamed.get(name, name))
        if after is not None:
            changes += _table_changes(name, before, after)
        elif before.rows:
            changes.append(DataChange(name, DataChangeKind.TABLE_GONE, before.rows, before.rows))
    changes += (
        DataChange(name, DataChangeKind.TABLE_NEW, after.rows)
        for name, after in now.items()
        if name not in was and name not in renamed.values() and after.rows
    )
    # A sequence that came anew under its old name starts again; that does harm where its next number is taken.
    changes += (
        DataChange(name, DataChangeKind.COUNTER_BACK, before, other=f"{actual.counters[name] or 0:,}")
        for name, before in expected.counters.items()
        if before is not None and name in actual.behind - expected.behind
    )
    return DataDifference(_sorted(changes))


def refine(difference: DataDifference, exact: Mapping[str, Iterable[DataChange]]) -> DataDifference:
    """Put what a second look found in the place of what was known of each table in `exact`."""
    kept = [
        change
        for change in difference.changes
        if change.kind not in _COUNTED or not any(_is_of(change.subject, table) for table in exact)
    ]
    return DataDifference(_sorted([*kept, *(change for found in exact.values() for change in found)]))


_COUNTED = frozenset(
    {
        DataChangeKind.ROWS_GONE,
        DataChangeKind.ROWS_NEW,
        DataChangeKind.ROWS_REPLACED,
        DataChangeKind.VALUES_GONE,
        DataChangeKind.VALUES_NEW,
        DataChangeKind.VALUES_CHANGED,
    }
)


def _is_of(subject: str, table: str) -> bool:
    return subject == table or subject.startswith(f"{table}.")


def _sorted(changes: Iterable[DataChange]) -> tuple[DataChange, ...]:
    order = list(DataChangeKind)
    return tuple(sorted(changes, key=lambda change: (change.subject, order.index(change.kind), change.other)))


def _renamed_tables(expected: Mapping[str, TableDigest], actual: Mapping[str, TableDigest]) -> dict[str, str]:
    """Pair tables that vanished with tables that came and hold the same rows in the same columns."""
    came = [name for name in sorted(actual) if name not in expected]
    renamed = {}
    for name in sorted(expected.keys() - actual.keys()):
        same = next((new for new in came if expected[name].rows and actual[new] == expected[name]), None)
        if same is not None:
            renamed[name] = same
            came.remove(same)
    return renamed


def _table_changes(table: str, before: TableDigest, after: TableDigest) -> Iterator[DataChange]:
    same_rows = before.rows == after.rows
    if after.rows < before.rows:
        gone = before.rows - after.rows
        yield DataChange(table, DataChangeKind.ROWS_GONE, gone, before.rows, at_least=bool(after.rows))
    elif after.rows > before.rows:
        yield DataChange(table, DataChangeKind.ROWS_NEW, after.rows - before.rows, at_least=bool(before.rows))
    elif (before.key is None) != (after.key is None):
        yield from [DataChange(table, DataChangeKind.ROWS_UNKNOWN)] if before.rows else []
    elif before.key != after.key:
        yield DataChange(table, DataChangeKind.ROWS_REPLACED)
    comparable = same_rows and before.key == after.key
    renamed = _renamed_columns(before, after) if comparable else {}
    columns = list(_column_changes(table, before, after, renamed, comparable=comparable))
    yield from columns
    bags = None not in {before.whole, after.whole} and before.columns.keys() == after.columns.keys()
    if same_rows and bags and not columns and before.whole != after.whole:
        yield DataChange(table, DataChangeKind.ROWS_MIXED)


def _renamed_columns(before: TableDigest, after: TableDigest) -> dict[str, str]:
    came = [name for name in sorted(after.columns) if name not in before.columns]
    renamed = {}
    for name in sorted(before.columns.keys() - after.columns.keys()):
        digest = before.columns[name]
        same = next((new for new in came if digest.values and after.columns[new] == digest), None)
        if same is not None:
            renamed[name] = same
            came.remove(same)
    return renamed


def _column_changes(
    table: str, before: TableDigest, after: TableDigest, renamed: Mapping[str, str], *, comparable: bool
) -> Iterator[DataChange]:
    for name, old in before.columns.items():
        column = f"{table}.{name}"
        new = after.columns.get(name)
        if name in renamed:
            yield DataChange(column, DataChangeKind.COLUMN_RENAMED, other=renamed[name])
        elif new is None:
            if old.values:
                yield DataChange(column, DataChangeKind.COLUMN_GONE, old.values, old.values)
        elif comparable and old != new:
            yield _values_change(column, old, new)
        elif not comparable:
            # The rows that went take their values along; only more than that is known to be lost.
            lost = old.values - new.values - max(0, before.rows - after.rows)
            if lost > 0:
                yield DataChange(column, DataChangeKind.VALUES_GONE, lost, old.values, at_least=True)
    yield from (
        DataChange(f"{table}.{name}", DataChangeKind.COLUMN_NEW, new.values)
        for name, new in after.columns.items()
        if name not in before.columns and name not in renamed.values() and new.values
    )


def _values_change(column: str, old: ColumnDigest, new: ColumnDigest) -> DataChange:
    if new.values < old.values:
        # Others may have changed, or have come in the place of more that went, unless none is left.
        gone = old.values - new.values
        return DataChange(column, DataChangeKind.VALUES_GONE, gone, old.values, at_least=bool(new.values))
    if new.values > old.values and not old.values:
        return DataChange(column, DataChangeKind.VALUES_NEW, new.values)
    return DataChange(column, DataChangeKind.VALUES_CHANGED)


def changes_of_rows(
    table: str,
    rows: tuple[int, int],
    counts: Mapping[str, tuple[int, int, int]],
    totals: Mapping[str, int],
    total_rows: int,
) -> Iterator[DataChange]:
    """Return what was counted row by row.

    Args:
        table: Its name.
        rows: How many rows are gone, how many are new, by primary key.
        counts: Of each column, in the rows that stayed: how many values are gone, came where NULL was, and changed.
        totals: Of each column: how many values there were.
        total_rows: How many rows there were.
    """
    gone, new = rows
    yield from _counted(table, DataChangeKind.ROWS_GONE, gone, total_rows)
    yield from _counted(table, DataChangeKind.ROWS_NEW, new, None)
    for column, (lost, came, changed) in counts.items():
        subject, total = f"{table}.{column}", totals[column]
        yield from _counted(subject, DataChangeKind.VALUES_GONE, lost, total)
        yield from _counted(subject, DataChangeKind.VALUES_NEW, came, None)
        yield from _counted(subject, DataChangeKind.VALUES_CHANGED, changed, total)


def _counted(subject: str, kind: DataChangeKind, count: int, total: int | None) -> Iterator[DataChange]:
    if count:
        yield replace(DataChange(subject, kind), count=count, total=total)
