"""The trace of a revision: what Postgres reported while it ran in the sandbox. Rules and reports read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from domain.migration.compatibility import Compatibility
from domain.migration.data_difference import DataDifference
from domain.migration.folding import fold
from domain.migration.locks import LockMode
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statement_trace import ChangedObject, RenamedObject, RowCounts, StatementTrace

__all__ = [
    "DELETED",
    "MERGED",
    "CalibrationRun",
    "ChangedObject",
    "Contradiction",
    "RenamedObject",
    "RevisionTrace",
    "RowCounts",
    "SequenceBehind",
    "SmallerRun",
    "StatementTrace",
    "TableFacts",
    "UnfitRows",
    "ZoneRun",
    "fold",
]


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
        largest: Largest key among the rows that the upgrade wrote; among all where the sequence is new to the column.
        is_given: Whether the upgrade lets the column draw from the sequence.
    """

    table: str
    column: str
    sequence: str
    following: int
    largest: int
    is_given: bool = False


@dataclass(frozen=True)
class UnreportedChange:
    """A change of a table that the server shows after the upgrade, and that no traced statement made.

    Attributes:
        table: Qualified name of the table; empty where it is not known which tables changed.
        change: The change, as a sentence without its full stop.
    """

    table: str
    change: str


@dataclass(frozen=True)
class Contradiction:
    """Something that the catalog calls valid and that rows break after the upgrade.

    Attributes:
        table: Qualified name of the table.
        sentence: What is broken, as a sentence without its full stop.
    """

    table: str
    sentence: str


@dataclass(frozen=True)
class UnfitRows:
    """Rows that break a new constraint which is not validated, so that no UPDATE of them succeeds.

    Attributes:
        table: Qualified name of the table.
        constraint: Name of the constraint.
        rows: Number of the rows.
    """

    table: str
    constraint: str
    rows: int


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
        downgrade_raised: Whether a `raise` or `assert` in a file of the project ended the downgrade, or `sys.exit`;
            None if there was no error, or if that is not known.
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
        filled_nulls: Columns that were NULL in some rows before the upgrade and have values there after it, with the
            number of these rows.
        foreign_tables: Foreign tables before or after the upgrade; the sandbox neither fills nor reads them.
        refused_rows: Error of the upgrade on made-up rows, if this is its trace on rows made to fit; otherwise empty.
        undo_refused_rows: Error of the downgrade on made-up rows, if this is the trace on rows without documents and
            bytes, or on none, where it succeeds; otherwise empty.
        not_run: Reason why the revision could not be run, such as a failing earlier revision; empty if it was run.
        rows_error: Error of the upgrade on all made-up rows, if this is its trace without rows; otherwise empty.
        went_on: Whether statements failed because of rows, each in a savepoint, and the upgrade continued.
        matched: Texts of the statements that found rows only after rows had been made to match them.
        unmatchable: Texts of the statements that find no row, whatever rows there are: by constraints, or because a
            column that the upgrade has added has the same value in all rows.
        merged: Columns whose values, and tables whose rows, the downgrade loses only where rows had a value before the
            upgrade which only the downgrade compares with: whether there are such rows is not known.
        unmade_matches: By table, a condition of the downgrade on its rows for which nobody knows values.
        stamped: Columns that are not as before after the downgrade because a trigger of the table keeps the time of the
            last UPDATE in them.
        refused_matches: Reason why the upgrade was not traced on rows made to match, by the text of the statement: it
            fails on them, or does something else.
        calibration: Runs of the upgrade on tables of growing size, the trace itself first; empty if none were made.
        smaller: Run of the upgrade on fewer rows, if one of its batches may be a whole table; otherwise None.
        compatibility: Statements of the old code on the new schema; None if the upgrade failed.
        sequences_behind: Sequences that are not beyond keys that the upgrade wrote, or that their new column has.
        unreported: Changes of existing tables that no statement made.
        waited_ms: Time, in milliseconds, in which the process of the upgrade did nothing behind the last statement,
            while its transaction was open.
        contradictions: What the catalog calls valid after the upgrade, and rows break.
        unfit_rows: Rows that break constraints which the upgrade leaves without validation.
        other_passwords: Roles whose stored password after the downgrade is not the one from before the upgrade.
        drawn: Sequences that existed before and of which the upgrade drew numbers.
        fails_fresh: Error of the upgrade on a database that has only what the earlier revisions made; empty if it
            succeeds there or was not tried.
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
    downgrade_raised: bool | None = None
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
    filled_nulls: Mapping[str, int] = field(default_factory=dict)
    foreign_tables: tuple[str, ...] = ()
    refused_rows: str = ""
    undo_refused_rows: str = ""
    not_run: str = ""
    rows_error: str = ""
    went_on: bool = False
    matched: tuple[str, ...] = ()
    unmatchable: tuple[str, ...] = ()
    merged: frozenset[str] = frozenset()
    unmade_matches: Mapping[str, str] = field(default_factory=dict)
    stamped: frozenset[str] = frozenset()
    refused_matches: Mapping[str, str] = field(default_factory=dict)
    calibration: tuple[CalibrationRun, ...] = ()
    smaller: SmallerRun | None = None
    compatibility: Compatibility | None = None
    undone: DataDifference | None = None
    sequences_behind: tuple[SequenceBehind, ...] = ()
    unreported: tuple[UnreportedChange, ...] = ()
    waited_ms: float = 0.0
    contradictions: tuple[Contradiction, ...] = ()
    unfit_rows: tuple[UnfitRows, ...] = ()
    other_passwords: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    fails_fresh: str = ""
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

    def merging(self, subject: str) -> str:
        """Return why a table or column in `merged` may lose something, as a sentence without its full stop."""
        return DELETED if subject in self.tables else MERGED

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


MERGED = (
    "the downgrade also changes rows that had the new value before the upgrade, if there are any, because it cannot "
    "tell them from those that the upgrade changed"
)
DELETED = (
    "the downgrade also deletes rows that met its condition before the upgrade, if there are any, because it cannot "
    "tell them from those that the upgrade inserted"
)
