"""Digests of the rows in a database, and the differences between two such states.

A digest is the sum, modulo 2**64, of one hash for each row. It does not depend on the order of the rows. In a table
with a primary key, the hash of a value is seeded with the key of its row, so a swap of values between rows is detected.
Without a primary key, each column is a bag of values, and one more digest covers whole rows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.migration.data_difference import DataChange, DataChangeKind, DataDifference

__all__ = [
    "LARGE_OBJECTS",
    "ColumnDigest",
    "DataChange",
    "DataChangeKind",
    "DataDifference",
    "DataDigest",
    "TableDigest",
    "compare",
    "filled_nulls",
    "unchanged",
]


LARGE_OBJECTS = "pg_catalog.pg_largeobject"
"""Name of the large objects among the tables of a digest, which has it only if there are any."""


@dataclass(frozen=True)
class ColumnDigest:
    """The digest of one column.

    Attributes:
        values: Number of rows with a value other than NULL.
        digest: Digest over these values, each with the primary key of its row if the table has one.
        objects: The same over JSON objects only; None for a column of another type than JSON.
    """

    values: int
    digest: int
    objects: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class TableDigest:
    """The digest of one table.

    Attributes:
        rows: Number of rows.
        columns: Digest of each stored column, by name. Generated columns are left out, as they follow from the others.
        key: Digest over the primary keys; None without a primary key.
        whole: Digest over whole rows; None with a primary key, where the digests of the columns suffice.
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
    """The digest of a database.

    Attributes:
        tables: Digest of each table, by its qualified and quoted name. A partitioned table includes its partitions.
        counters: Last value of each sequence; None if it has not returned a value yet.
        unread: Tables that could not be read, with the reason; they are not compared.
        behind: Sequences whose next number a row of their table has already, or a later one.
        free: Ascending sequences that no column draws from: only their counter says which numbers were given.
    """

    tables: Mapping[str, TableDigest]
    counters: Mapping[str, int | None] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    behind: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Copy the tables and the counters, so that nobody can change them afterwards."""
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))
        object.__setattr__(self, "counters", MappingProxyType(dict(self.counters)))

    @property
    def valueless(self) -> frozenset[str]:
        """Qualified names of the columns that have no value in any row."""
        return frozenset(
            f"{table}.{column}"
            for table, table_digest in self.tables.items()
            for column, column_digest in table_digest.columns.items()
            if not column_digest.values
        )


def unchanged(before: DataDigest, after: DataDigest) -> frozenset[str]:
    """Return the tables in which no value has changed and no column with values was added."""
    return frozenset(table for table, digest in before.tables.items() if _is_unchanged(digest, after.tables.get(table)))


def _is_unchanged(before: TableDigest, after: TableDigest | None) -> bool:
    if after is None or (after.key, after.whole) != (before.key, before.whole):
        return False
    added = (column for name, column in after.columns.items() if name not in before.columns)
    same = (after.columns.get(name, column) == column for name, column in before.columns.items())
    return all(same) and not any(column.values for column in added)


def filled_nulls(before: DataDigest, after: DataDigest) -> dict[str, int]:
    """Return the columns whose NULLs have become values, all but a few of them, with the number of these NULLs."""
    counts: dict[str, int] = {}
    for table, digest in before.tables.items():
        later = after.tables.get(table)
        if later is None or later.rows != digest.rows:
            continue
        for name in digest.columns.keys() & later.columns.keys():
            nulls = digest.rows - digest.columns[name].values
            if nulls and digest.rows - later.columns[name].values <= nulls * _LEFT:
                counts[f"{table}.{name}"] = nulls
    return counts


_LEFT = 0.1  # share of the NULLs of a column that may stay when an UPDATE has filled it


def compare(expected: DataDigest, actual: DataDigest) -> DataDifference:
    """Return the difference from the rows of `expected` to the rows of `actual`.

    Missing tables and columns without any value are left out, because the difference of the schemas has them. A column
    counts as renamed if it is missing and a new column has the same values in the same rows. The same holds for tables.
    """
    unread = expected.unread.keys() | actual.unread.keys()
    tables_before = {name: table for name, table in expected.tables.items() if name not in unread}
    tables_after = {name: table for name, table in actual.tables.items() if name not in unread}
    if LARGE_OBJECTS in tables_before.keys() ^ tables_after.keys():  # the catalog is there without any of them
        columns = dict.fromkeys((tables_before | tables_after)[LARGE_OBJECTS].columns, ColumnDigest(0, 0))
        for tables in (tables_before, tables_after):
            tables.setdefault(LARGE_OBJECTS, TableDigest(0, columns, 0))
    renamed = _renamed_tables(tables_before, tables_after)
    changes = [DataChange(old, DataChangeKind.TABLE_RENAMED, other=new) for old, new in renamed.items()]
    for name, before in tables_before.items():
        after = tables_after.get(renamed.get(name, name))
        if after is not None:
            changes += _table_changes(name, before, after)
        elif before.rows:
            changes.append(DataChange(name, DataChangeKind.TABLE_GONE, before.rows, before.rows))
    changes += (
        DataChange(name, DataChangeKind.TABLE_NEW, after.rows)
        for name, after in tables_after.items()
        if name not in tables_before and name not in renamed.values() and after.rows
    )
    # A sequence that came anew under its old name starts again; that does harm where its next number is taken, which
    # nobody can tell of a sequence without a column.
    gone_back = {name for name in actual.free & expected.counters.keys() if _went_back(name, expected, actual)}
    changes += (
        DataChange(name, DataChangeKind.COUNTER_BACK, before, other=f"{actual.counters[name] or 0:,}")
        for name, before in expected.counters.items()
        if before is not None and name in gone_back | (actual.behind - expected.behind)
    )
    return DataDifference(_sorted(changes))


def _went_back(name: str, expected: DataDigest, actual: DataDigest) -> bool:
    before, after = expected.counters[name], actual.counters.get(name)
    return before is not None and (after is None or after < before)


def _sorted(changes: Iterable[DataChange]) -> tuple[DataChange, ...]:
    order = list(DataChangeKind)
    return tuple(sorted(changes, key=lambda change: (change.subject, order.index(change.kind), change.other)))


def _renamed_tables(expected: Mapping[str, TableDigest], actual: Mapping[str, TableDigest]) -> dict[str, str]:
    """Return the new name of each missing table of which a new table has the same rows in the same columns."""
    new_tables = [name for name in sorted(actual) if name not in expected]
    renamed = {}
    for name in sorted(expected.keys() - actual.keys()):
        same = next((new for new in new_tables if expected[name].rows and actual[new] == expected[name]), None)
        if same is not None:
            renamed[name] = same
            new_tables.remove(same)
    return renamed


def _table_changes(table: str, before: TableDigest, after: TableDigest) -> Iterator[DataChange]:
    same_rows = before.rows == after.rows
    if after.rows < before.rows:
        missing = before.rows - after.rows
        yield DataChange(table, DataChangeKind.ROWS_GONE, missing, before.rows, at_least=bool(after.rows))
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
    new_columns = [name for name in sorted(after.columns) if name not in before.columns]
    renamed = {}
    for name in sorted(before.columns.keys() - after.columns.keys()):
        digest = before.columns[name]
        same = next((new for new in new_columns if digest.values and after.columns[new] == digest), None)
        if same is not None:
            renamed[name] = same
            new_columns.remove(same)
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
            # Missing rows take their values along. Only values beyond these are known to be lost.
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
        # More values may be lost, with others in their place, unless no value is left.
        lost = old.values - new.values
        return DataChange(column, DataChangeKind.VALUES_GONE, lost, old.values, at_least=bool(new.values))
    if new.values > old.values and not old.values:
        return DataChange(column, DataChangeKind.VALUES_NEW, new.values)
    are_objects_kept = bool(old.objects) and old.objects == new.objects
    return DataChange(column, DataChangeKind.NO_OBJECTS_CHANGED if are_objects_kept else DataChangeKind.VALUES_CHANGED)
