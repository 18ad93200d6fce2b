"""The trace of one statement: what Postgres reported while it ran in the sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.migration.locks import LockMode


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
class RenamedObject:
    """An object that a statement renamed.

    Attributes:
        kind: Kind as in `ChangedObject`.
        old: Qualified name before the statement.
        new: Qualified name after it.
    """

    kind: str
    old: str
    new: str


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
        renamed: Objects that it renamed; columns only if their own names have changed.
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
        never: Whether the server knows by constraints that it finds no row, whatever rows there are.
        searched: Plan of a statement of the downgrade that looked for rows and only read; empty for other statements.
        compared: Plans of an UPDATE or DELETE with a condition, or of those within the statement, whether they found
            rows or not, one for each set of values, up to `MOST_COMPARED`; empty for other statements.
        used_within: Tables that were read or written by statements within it, as a DO block, a procedure, a function or
            a script has them; empty for other statements.
        unexplained: Those of them of which rows were deleted by a condition that is not known.
        waited_ms: Time before it, in milliseconds, in which the process of the revision did nothing. A busy machine is
            no part of it.
        slept_ms: Time, in milliseconds, in which the server slept for it.
        catalogs: System catalogs that it wrote as tables, such as `pg_constraint`.
        analyzed: Tables of which it read a sample, as ANALYZE does.
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
    renamed: tuple[RenamedObject, ...] = ()
    wal_bytes: int = 0
    duration_ms: float = 0.0
    lock_timeout: str = "0"
    count: int = 1
    transactions: int = 1
    error: str | None = None
    sqlstate: str | None = None
    cannot_run_in_transaction: bool = False
    sought: str = ""
    never: bool = False
    searched: str = ""
    compared: tuple[str, ...] = ()
    used_within: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    waited_ms: float = 0.0
    slept_ms: float = 0.0
    catalogs: tuple[str, ...] = ()
    analyzed: tuple[str, ...] = ()


MOST_COMPARED = 20
