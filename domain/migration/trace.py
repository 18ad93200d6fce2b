"""What Postgres reported while a revision ran in the sandbox: plain values, read by rules and reports."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from domain.migration.compatibility import Compatibility
from domain.migration.digest import DataDifference
from domain.migration.locks import LockMode
from domain.migration.snapshot import SchemaSnapshot


@dataclass(frozen=True)
class RowCounts:
    """Rows that a statement wrote to one table."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.inserted + self.updated + self.deleted

    def __add__(self, other: "RowCounts") -> "RowCounts":
        """Sum two counts."""
        return RowCounts(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)


@dataclass(frozen=True)
class ChangedObject:
    """An object that a statement created, altered or dropped.

    Attributes:
        kind: As Postgres names it: `table`, `index`, `table column`, `table constraint`, `type`, …
        name: Its identity, schema-qualified: `public.users`, `public.users.email`.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class StatementTrace:
    """One statement, and what Postgres said of it.

    Relations are schema-qualified names (`public.users`). Locks are those on relations that existed before the
    revision; everything else counts new relations, too.

    Attributes:
        sql: Its text.
        line: Line of the revision file that executed it; None where that is not known.
        operation: The Alembic operation that made it, such as `create_index`; None for SQL of the author's own.
        transaction: Number of its transaction within this run of the revision, from 1; None when it committed by
            itself.
        locks: Strongest mode that it took on each relation, ACCESS SHARE included; those that an earlier statement of
            its transaction holds already are not named again unless it needed more.
        rewritten: Tables and indexes that got another file.
        indexes_built: Indexes that it made.
        built_on: The table of each of them, by the name that it had before the revision, or when it was made.
        scanned: Rows that it read in sequential scans, by table.
        rows: Rows that it wrote, by table.
        locked: Rows that it locked and did not write, by table: those of a SELECT … FOR UPDATE.
        most_written: Most existing rows that one of its transactions updated or deleted, by table, where it ran in
            several, or begins and ends transactions itself; empty elsewhere, as `rows` says it.
        most_locked: The same for `locked`.
        created: Objects that it made.
        altered: Objects that it changed.
        dropped: Objects that it dropped.
        wal_bytes: Bytes of write-ahead log.
        duration_ms: Milliseconds, in the sandbox.
        lock_timeout: The setting in force, as Postgres shows it: `2s`, `0` for none.
        count: How many times it ran in a row, alone or as a part of a loop; the figures are sums.
        transactions: Over how many transactions these runs were spread; each run that commits by itself is one.
        error: What the server said when it failed.
        sqlstate: The code of that error.
        cannot_run_in_transaction: The server refuses it inside a transaction block.
        sought: Where it looked for rows of a table and found none, its plan as EXPLAIN (VERBOSE, FORMAT JSON) gives it;
            empty elsewhere.
        used_within: Where it may run other statements within it, as a block, a procedure, a function or a text of
            several do: the tables that it read or wrote. Empty elsewhere.
    """

    sql: str
    line: int | None = None
    operation: str | None = None
    transaction: int | None = None
    locks: Mapping[str, LockMode] = field(default_factory=dict)
    rewritten: tuple[str, ...] = ()
    indexes_built: tuple[str, ...] = ()
    built_on: Mapping[str, str] = field(default_factory=dict)
    scanned: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, RowCounts] = field(default_factory=dict)
    locked: Mapping[str, int] = field(default_factory=dict)
    most_written: Mapping[str, int] = field(default_factory=dict)
    most_locked: Mapping[str, int] = field(default_factory=dict)
    created: tuple[ChangedObject, ...] = ()
    altered: tuple[ChangedObject, ...] = ()
    dropped: tuple[ChangedObject, ...] = ()
    wal_bytes: int = 0
    duration_ms: float = 0.0
    lock_timeout: str = "0"
    count: int = 1
    transactions: int = 1
    error: str | None = None
    sqlstate: str | None = None
    cannot_run_in_transaction: bool = False
    sought: str = ""
    used_within: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableFacts:
    """A table as it was in the sandbox before the revision.

    Attributes:
        rows: Rows that the sandbox put in.
        bytes: Size of its heap.
    """

    rows: int
    bytes: int


@dataclass(frozen=True)
class CalibrationRun:
    """The upgrade once more, on tables of another size.

    Attributes:
        rows: Rows that each table had before it, of those that existed before the revision.
        durations_ms: Milliseconds of each statement of `RevisionTrace.upgrade`, in the same order.
    """

    rows: Mapping[str, int]
    durations_ms: tuple[float, ...]


@dataclass(frozen=True)
class SmallerRun:
    """The upgrade on fewer rows than those of the trace: a batch is as large there, a share of a table is not.

    Attributes:
        rows: Rows of each table.
        upgrade: Statements, in order.
    """

    rows: Mapping[str, int]
    upgrade: tuple[StatementTrace, ...]


@dataclass(frozen=True)
class SequenceBehind:
    """A sequence that will count to a key which a row has.

    Attributes:
        table: The table, and below it the unique column that the sequence feeds.
        column: That column, quoted.
        sequence: The sequence, qualified.
        following: Its next value.
        largest: The largest key among the rows that the upgrade wrote.
    """

    table: str
    column: str
    sequence: str
    following: int
    largest: int


@dataclass(frozen=True)
class ZoneRun:
    """The upgrade once more, in sessions of another TimeZone.

    Attributes:
        here: The TimeZone of the trace itself.
        there: That of this run.
        upgrade: Statements of this run, in order.
    """

    here: str
    there: str
    upgrade: tuple[StatementTrace, ...]


@dataclass(frozen=True)
class RevisionTrace:
    """One revision, run up and down.

    Attributes:
        revision: Its id.
        down_revision: Ids that it follows.
        path: Its file, relative to the project where that can be.
        message: First line of its docstring.
        docstring: The whole of it.
        upgrade: Statements of the upgrade, in order.
        downgrade: Statements of the downgrade; None when it was not run, as the upgrade failed.
        error: Why the upgrade failed, when no statement did.
        downgrade_error: Why the downgrade failed or refused.
        downgrade_error_type: Class of the exception that ended the downgrade, such as `NotImplementedError`; None where
            there was none.
        tables: Tables that existed before, as the sandbox filled them.
        before: Catalog before the upgrade.
        after: Catalog after it; None when it failed.
        restored: Catalog after the downgrade; None when it failed or was not run.
        safety_assured: Codes that the revision suppresses, with their reasons.
        lossy_downgrade: Losses of its downgrade that it declares, with their reasons.
        source: Text of its file.
        unfilled: Tables that got fewer rows than asked for, with the reason.
        unread: Tables whose rows could not be read and were not compared, with the reason.
        unmade_edges: Values at the edges of types that no row had in tables which the revision touches, with the
            reason, by column: what is lost there alone was not seen. Only where a proof asks for it.
        valueless: Columns that had no value in any row before the upgrade: what becomes of values there was not seen.
        unchanged: Tables of which no value became another by the upgrade.
        foreign_tables: Foreign tables before or after: the sandbox neither fills nor reads them.
        refused_rows: What was said when the upgrade failed on made-up rows; this is its trace on rows made to fit.
            Empty where it had no such trouble, or fails on all.
        not_run: Why it could not be tried, such as a revision before it that fails; empty where it was.
        rows_error: What was said when the upgrade failed on all made-up rows, and not without rows; this is its trace
            without rows. Empty elsewhere.
        went_on: Statements failed because of rows, each in a savepoint, and the upgrade went on behind them.
        matched: Texts of the statements that found rows only after these had been made for them.
        refused_matches: By the text of a statement for which rows were made: why the upgrade is not traced on them, as
            it fails there, or does something else.
        calibration: The upgrade on tables of growing size, the trace itself first; empty when nothing was measured so.
        smaller: The upgrade on fewer rows, where one of its batches seemed to be a whole table; None elsewhere.
        compatibility: Statements of the code before, on the schema after; None when the upgrade failed.
        sequences_behind: Sequences that do not know of keys which the upgrade wrote.
        other_zone: The upgrade once more under another TimeZone, where that may decide what it does; None elsewhere.
        refused_settings: Settings of the target that the sandbox does not take, by name.
        undone: What separates the rows after the downgrade from those before the upgrade; None when either failed.
    """

    revision: str
    down_revision: tuple[str, ...]
    path: str
    message: str
    docstring: str = ""
    upgrade: tuple[StatementTrace, ...] = ()
    downgrade: tuple[StatementTrace, ...] | None = None
    error: str | None = None
    downgrade_error: str | None = None
    downgrade_error_type: str | None = None
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    before: SchemaSnapshot | None = None
    after: SchemaSnapshot | None = None
    restored: SchemaSnapshot | None = None
    safety_assured: Mapping[str, str] = field(default_factory=dict)
    lossy_downgrade: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    unfilled: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    unmade_edges: Mapping[str, str] = field(default_factory=dict)
    valueless: frozenset[str] = frozenset()
    unchanged: frozenset[str] = frozenset()
    foreign_tables: tuple[str, ...] = ()
    refused_rows: str = ""
    not_run: str = ""
    rows_error: str = ""
    went_on: bool = False
    matched: tuple[str, ...] = ()
    refused_matches: Mapping[str, str] = field(default_factory=dict)
    calibration: tuple[CalibrationRun, ...] = ()
    smaller: SmallerRun | None = None
    compatibility: Compatibility | None = None
    undone: DataDifference | None = None
    sequences_behind: tuple[SequenceBehind, ...] = ()
    other_zone: ZoneRun | None = None
    refused_settings: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def memo(self) -> dict[str, Any]:
        """What functions of this value have found, by their names: many rules ask for the same of every statement."""
        return {}

    @property
    def locks(self) -> dict[str, LockMode]:
        """Strongest mode of the upgrade on each table that existed before, ACCESS SHARE left out."""
        found: dict[str, LockMode] = {}
        for statement in self.upgrade:
            for relation, mode in statement.locks.items():
                if relation in self.tables and mode > LockMode.ACCESS_SHARE:
                    found[relation] = max(mode, found.get(relation, mode))
        return dict(sorted(found.items()))

    @property
    def rewritten(self) -> list[str]:
        """Tables that existed before and that the upgrade rewrote."""
        return sorted({name for statement in self.upgrade for name in statement.rewritten if name in self.tables})


def fold(statements: Iterable[StatementTrace]) -> tuple[StatementTrace, ...]:
    """Join what a loop executes again and again, up to some statements a turn, into one statement each with a count.

    Statements are the same when line and text are; values written into the text may differ where only rows are read or
    written.
    """
    folded: list[_Folded] = []
    for statement in statements:
        folded.append(_Folded(statement, statement.transaction, _written(statement), statement.locked))
        for turn in range(1, min(_LONGEST_TURN, len(folded) // 2) + 1):
            earlier, later = folded[-2 * turn : -turn], folded[-turn:]
            if all(_same(one.statement, other.statement) for one, other in zip(earlier, later, strict=True)):
                folded[-2 * turn :] = [_joined(one, other) for one, other in zip(earlier, later, strict=True)]
                break
    return tuple(one.statement for one in folded)


class _Folded(NamedTuple):
    """Statements that were joined, with what the last transaction of theirs has written and locked so far."""

    statement: StatementTrace
    last_transaction: int | None
    written: Mapping[str, int]
    locked: Mapping[str, int]


def _written(statement: StatementTrace) -> Mapping[str, int]:
    """Return how many existing rows one transaction of a statement wrote, by table."""
    if statement.most_written:
        return statement.most_written
    return {name: rows.updated + rows.deleted for name, rows in statement.rows.items()}


_LONGEST_TURN = 6  # statements in a loop's body
_VALUES = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")


def _same(one: StatementTrace, other: StatementTrace) -> bool:
    if (one.line, one.transaction is None, one.error, other.error) != (
        other.line,
        other.transaction is None,
        None,
        None,
    ):
        return False
    return one.sql == other.sql or (
        one.line is not None
        and not (_changes_schema(one) or _changes_schema(other))
        and _VALUES.sub("?", one.sql) == _VALUES.sub("?", other.sql)
    )


def _changes_schema(statement: StatementTrace) -> bool:
    return bool(
        statement.created or statement.altered or statement.dropped or statement.rewritten or statement.indexes_built
    )


def _joined(one: _Folded, other: _Folded) -> _Folded:
    again = one.last_transaction is not None and one.last_transaction == other.last_transaction
    written = _sum(one.written, other.written) if again else other.written
    locked = _sum(one.locked, other.locked) if again else other.locked
    joined = replace(
        _join(one.statement, other.statement),
        transactions=one.statement.transactions + other.statement.transactions - again,
        most_written=_larger(one.statement.most_written or one.written, written),
        most_locked=_larger(one.statement.most_locked or one.locked, locked),
    )
    return _Folded(joined, other.last_transaction, written, locked)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _larger(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def _join(one: StatementTrace, other: StatementTrace) -> StatementTrace:
    none = RowCounts()
    return StatementTrace(
        sql=one.sql,
        line=one.line,
        operation=one.operation,
        transaction=one.transaction,
        locks={
            relation: max(mode for mode in (one.locks.get(relation), other.locks.get(relation)) if mode is not None)
            for relation in {**one.locks, **other.locks}
        },
        rewritten=tuple(dict.fromkeys(one.rewritten + other.rewritten)),
        indexes_built=tuple(dict.fromkeys(one.indexes_built + other.indexes_built)),
        built_on={**one.built_on, **other.built_on},
        scanned=_sum(one.scanned, other.scanned),
        rows={name: one.rows.get(name, none) + other.rows.get(name, none) for name in {**one.rows, **other.rows}},
        locked=_sum(one.locked, other.locked),
        created=tuple(dict.fromkeys(one.created + other.created)),
        altered=tuple(dict.fromkeys(one.altered + other.altered)),
        dropped=tuple(dict.fromkeys(one.dropped + other.dropped)),
        wal_bytes=one.wal_bytes + other.wal_bytes,
        duration_ms=one.duration_ms + other.duration_ms,
        lock_timeout=one.lock_timeout,
        count=one.count + other.count,
        cannot_run_in_transaction=one.cannot_run_in_transaction,
        sought=one.sought if other.sought else "",
        used_within=tuple(dict.fromkeys(one.used_within + other.used_within)),
    )
