"""The trace of a revision: what Postgres reported while it ran in the sandbox. Rules and reports read it."""

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
    """The numbers of rows that a statement wrote to one table."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        """Number of all rows that were written."""
        return self.inserted + self.updated + self.deleted

    def __add__(self, other: "RowCounts") -> "RowCounts":
        """Return the sum of two counts."""
        return RowCounts(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)


@dataclass(frozen=True)
class ChangedObject:
    """An object that a statement created, altered or dropped.

    Attributes:
        kind: Kind as Postgres names it: `table`, `index`, `table column`, `table constraint`, `type`, …
        name: Qualified name, such as `public.users` or `public.users.email`.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class StatementTrace:
    """The trace of one statement.

    Relations are qualified names (`public.users`). `locks` has only relations that existed before the revision; the
    other attributes include new relations, too.

    Attributes:
        sql: Text of the statement.
        line: Line of the revision file that executed it; None if it is not known.
        operation: Alembic operation that emitted it, such as `create_index`; None for the author's own SQL.
        transaction: Number of its transaction in this run of the revision, from 1; None if it committed on its own.
        locks: Strongest lock mode that it took on each relation, including ACCESS SHARE. A lock that an earlier
            statement of the transaction holds is listed again only if this statement needs a stronger mode.
        rewritten: Tables and indexes that were rewritten to a new file.
        indexes_built: Indexes that it built.
        built_on: Table of each built index, by the name before the revision, or at the time of the build.
        scanned: Number of rows that it read in sequential scans, by table.
        rows: Numbers of rows that it wrote, by table.
        locked: Number of rows that it locked without writing them, as SELECT … FOR UPDATE does, by table.
        most_written: Highest number of existing rows that one of its transactions updated or deleted, by table. Empty
            for a statement in a single transaction, for which `rows` has the number.
        most_locked: Highest number of rows that one of its transactions locked, likewise.
        created: Objects that it created.
        altered: Objects that it altered.
        dropped: Objects that it dropped.
        wal_bytes: Write-ahead log that it wrote, in bytes.
        duration_ms: Duration in the sandbox, in milliseconds.
        lock_timeout: Value of `lock_timeout` as Postgres shows it, such as `2s`; `0` for none.
        count: Number of consecutive runs that were folded into this trace; all figures are sums over them.
        transactions: Number of transactions of these runs; a run that commits on its own counts as one.
        error: Message of its error; None if it succeeded.
        sqlstate: SQLSTATE of its error; None if it succeeded.
        cannot_run_in_transaction: Whether Postgres refuses it inside a transaction block.
        sought: Plan of a statement that looked for rows and found none, as EXPLAIN (VERBOSE, FORMAT JSON) returns it;
            empty for other statements.
        compared: Plans of an UPDATE, whether it found rows or not, one for each set of values that it ran with, up to
            `MOST_COMPARED`; empty for other statements.
        used_within: Tables that were read or written by statements within it, as a DO block, a procedure, a function or
            a script has them; empty for other statements.
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
    compared: tuple[str, ...] = ()
    used_within: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableFacts:
    """A table in the sandbox before the revision.

    Attributes:
        rows: Number of rows that the sandbox has inserted.
        bytes: Size of its heap, in bytes.
    """

    rows: int
    bytes: int


@dataclass(frozen=True)
class CalibrationRun:
    """Another run of the upgrade, on tables of another size.

    Attributes:
        rows: Number of rows before the run, by table; only tables that existed before the revision.
        durations_ms: Duration of each statement of `RevisionTrace.upgrade`, in milliseconds, in the same order.
    """

    rows: Mapping[str, int]
    durations_ms: tuple[float, ...]


@dataclass(frozen=True)
class SmallerRun:
    """Another run of the upgrade, on fewer rows: a batch has the same size there, but a share of a table is smaller.

    Attributes:
        rows: Number of rows before the run, by table.
        upgrade: Statements of the run, in order.
    """

    rows: Mapping[str, int]
    upgrade: tuple[StatementTrace, ...]


@dataclass(frozen=True)
class SequenceBehind:
    """A sequence whose next values are already used as keys.

    Attributes:
        table: Qualified name of the table.
        column: Quoted name of the unique column that the sequence fills.
        sequence: Qualified name of the sequence.
        following: Next value of the sequence.
        largest: Largest key among the rows that the upgrade wrote.
    """

    table: str
    column: str
    sequence: str
    following: int
    largest: int


@dataclass(frozen=True)
class ZoneRun:
    """Another run of the upgrade and the downgrade, in sessions with another TimeZone.

    Attributes:
        here: TimeZone of the trace itself.
        there: TimeZone of this run.
        upgrade: Statements of this run, in order.
        lost: Tables and columns whose values the downgrade does not bring back there.
    """

    here: str
    there: str
    upgrade: tuple[StatementTrace, ...]
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RevisionTrace:
    """The trace of one revision: its upgrade and its downgrade.

    Attributes:
        revision: Id of the revision.
        down_revision: Ids of the revisions that it follows.
        path: File of the revision, relative to the project if possible.
        message: First line of its docstring.
        docstring: The whole docstring.
        upgrade: Statements of the upgrade, in order.
        downgrade: Statements of the downgrade; None if it was not run because the upgrade failed.
        error: Error of the upgrade outside of a statement; None if there was none.
        downgrade_error: Error or refusal of the downgrade; None if it succeeded.
        downgrade_error_type: Class of the exception that ended the downgrade, such as `NotImplementedError`; None if
            there was none.
        tables: Tables that existed before, as the sandbox filled them.
        before: Schema before the upgrade.
        after: Schema after the upgrade; None if it failed.
        restored: Schema after the downgrade; None if it failed or was not run.
        safety_assured: Codes that the revision suppresses, with the reasons.
        lossy_downgrade: Losses of the downgrade that the revision declares, with the reasons.
        irreversible: Why there is no way back, as the revision declares; empty where it does not.
        source: Text of the revision's file.
        unfilled: Tables that got fewer rows than requested, with the reason.
        unread: Tables whose rows could not be read and were not compared, with the reason.
        unmade_edges: Columns of the touched tables without rows at the edges of their type, with the reason. A loss of
            such values was not measured. Filled only if a proof requests it.
        valueless: Columns without a value in any row before the upgrade, so that a loss of values was not measured.
        unchanged: Tables in which the upgrade changed no value.
        foreign_tables: Foreign tables before or after the upgrade; the sandbox neither fills nor reads them.
        refused_rows: Error of the upgrade on made-up rows, if this is its trace on rows made to fit; otherwise empty.
        not_run: Reason why the revision could not be run, such as a failing earlier revision; empty if it was run.
        rows_error: Error of the upgrade on all made-up rows, if this is its trace without rows; otherwise empty.
        went_on: Whether statements failed because of rows, each in a savepoint, and the upgrade continued.
        matched: Texts of the statements that found rows only after rows had been made to match them.
        merged: Columns whose values the downgrade loses only in rows that had, before the upgrade, a value which only
            an UPDATE of the downgrade compares with: whether there are such rows is not known.
        stamped: Columns that are not as before after the downgrade because a trigger of the table keeps the time of the
            last UPDATE in them.
        refused_matches: Reason why the upgrade was not traced on rows made to match, by the text of the statement: it
            fails on them, or does something else.
        calibration: Runs of the upgrade on tables of growing size, the trace itself first; empty if none were made.
        smaller: Run of the upgrade on fewer rows, if one of its batches may be a whole table; otherwise None.
        compatibility: Statements of the old code on the new schema; None if the upgrade failed.
        sequences_behind: Sequences that were not advanced beyond keys that the upgrade wrote.
        other_zone: Run of the upgrade under another TimeZone, if the zone may decide what it does; otherwise None.
        refused_settings: Settings of the target that the sandbox refuses, by name.
        undone: Difference of the rows before the upgrade and after the downgrade; None if either failed.
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
    irreversible: str = ""
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
    merged: frozenset[str] = frozenset()
    stamped: frozenset[str] = frozenset()
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
        """Cached results of functions of this trace, by key, because many rules need the same ones."""
        return {}

    @property
    def lost_in_other_zone(self) -> dict[str, str]:
        """A sentence for each table or column that the downgrade restores in the zone of the trace only."""
        if self.other_zone is None:
            return {}
        losses = {change.subject for change in self.undone.losses} if self.undone else set[str]()
        return {
            name: f"{name} differs in sessions whose TimeZone is {self.other_zone.there}, where clocks skip an hour "
            "and repeat one"
            for name in sorted(self.other_zone.lost - losses)
        }

    @property
    def locks(self) -> dict[str, LockMode]:
        """Strongest lock mode of the upgrade on each table that existed before, without ACCESS SHARE."""
        strongest: dict[str, LockMode] = {}
        for statement in self.upgrade:
            for relation, mode in statement.locks.items():
                if relation in self.tables and mode > LockMode.ACCESS_SHARE:
                    strongest[relation] = max(mode, strongest.get(relation, mode))
        return dict(sorted(strongest.items()))

    @property
    def rewritten(self) -> list[str]:
        """Tables that existed before and that the upgrade rewrote."""
        return sorted({name for statement in self.upgrade for name in statement.rewritten if name in self.tables})


def fold(statements: Iterable[StatementTrace]) -> tuple[StatementTrace, ...]:
    """Return the statements with those of a loop folded into one trace for each statement of its body.

    Two statements are the same if their line and text are the same. Literals in the text may differ in statements that
    only read or write rows.
    """
    folded: list[_Folded] = []
    for statement in statements:
        folded.append(_Folded(statement, statement.transaction, _written(statement), statement.locked))
        for turn in range(1, min(_LONGEST_TURN, len(folded) // 2) + 1):
            earlier, later = folded[-2 * turn : -turn], folded[-turn:]
            pairs = list(zip(earlier, later, strict=True))
            if all(_same(first.statement, second.statement) for first, second in pairs):
                folded[-2 * turn :] = [_joined(first, second) for first, second in pairs]
                break
    return tuple(item.statement for item in folded)


class _Folded(NamedTuple):
    """A folded statement, with the rows that its last transaction has written and locked so far."""

    statement: StatementTrace
    last_transaction: int | None
    written: Mapping[str, int]
    locked: Mapping[str, int]


def _written(statement: StatementTrace) -> Mapping[str, int]:
    """Return the number of existing rows that one transaction of a statement wrote, by table."""
    if statement.most_written:
        return statement.most_written
    return {name: rows.updated + rows.deleted for name, rows in statement.rows.items()}


MOST_COMPARED = 20
MERGED = (
    "the downgrade also changes rows that had the new value before the upgrade, if there are any: it cannot tell them "
    "from those that the upgrade changed"
)
_LONGEST_TURN = 6  # longest body of a loop that is folded, in statements
_VALUES = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")


def _same(first: StatementTrace, second: StatementTrace) -> bool:
    if (first.line, first.transaction is None, first.error, second.error) != (
        second.line,
        second.transaction is None,
        None,
        None,
    ):
        return False
    return first.sql == second.sql or (
        first.line is not None
        and not (_changes_schema(first) or _changes_schema(second))
        and _VALUES.sub("?", first.sql) == _VALUES.sub("?", second.sql)
    )


def _changes_schema(statement: StatementTrace) -> bool:
    return bool(
        statement.created or statement.altered or statement.dropped or statement.rewritten or statement.indexes_built
    )


def _joined(first: _Folded, second: _Folded) -> _Folded:
    same_transaction = first.last_transaction is not None and first.last_transaction == second.last_transaction
    written = _sum(first.written, second.written) if same_transaction else second.written
    locked = _sum(first.locked, second.locked) if same_transaction else second.locked
    joined = replace(
        _join(first.statement, second.statement),
        transactions=first.statement.transactions + second.statement.transactions - same_transaction,
        most_written=_larger(first.statement.most_written or first.written, written),
        most_locked=_larger(first.statement.most_locked or first.locked, locked),
    )
    return _Folded(joined, second.last_transaction, written, locked)


def _sum(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def _larger(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in {**first, **second}}


def _join(first: StatementTrace, second: StatementTrace) -> StatementTrace:
    none = RowCounts()
    return StatementTrace(
        sql=first.sql,
        line=first.line,
        operation=first.operation,
        transaction=first.transaction,
        locks={
            relation: max(mode for mode in (first.locks.get(relation), second.locks.get(relation)) if mode is not None)
            for relation in {**first.locks, **second.locks}
        },
        rewritten=tuple(dict.fromkeys(first.rewritten + second.rewritten)),
        indexes_built=tuple(dict.fromkeys(first.indexes_built + second.indexes_built)),
        built_on={**first.built_on, **second.built_on},
        scanned=_sum(first.scanned, second.scanned),
        rows={name: first.rows.get(name, none) + second.rows.get(name, none) for name in {**first.rows, **second.rows}},
        locked=_sum(first.locked, second.locked),
        created=tuple(dict.fromkeys(first.created + second.created)),
        altered=tuple(dict.fromkeys(first.altered + second.altered)),
        dropped=tuple(dict.fromkeys(first.dropped + second.dropped)),
        wal_bytes=first.wal_bytes + second.wal_bytes,
        duration_ms=first.duration_ms + second.duration_ms,
        lock_timeout=first.lock_timeout,
        count=first.count + second.count,
        cannot_run_in_transaction=first.cannot_run_in_transaction,
        sought=first.sought if second.sought else "",
        compared=tuple(dict.fromkeys(first.compared + second.compared))[:MOST_COMPARED],
        used_within=tuple(dict.fromkeys(first.used_within + second.used_within)),
    )
