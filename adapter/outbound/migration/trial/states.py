"""The databases of one trial: before the revision, behind it, and the one that the next revision starts on."""

from dataclasses import dataclass

from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts
from adapter.outbound.migration.trial.database import Database
from domain.migration.snapshot import SchemaSnapshot


@dataclass(frozen=True)
class KnownState:
    """What is known of a database before a revision.

    Attributes:
        schema: Its catalog; None when it is not known.
        counts: The rows that its tables have, when they are known.
    """

    schema: SchemaSnapshot | None = None
    counts: RowCounts = NOT_COUNTED


NOTHING_KNOWN = KnownState()


@dataclass
class TrialDatabases:
    """The databases of one trial.

    Attributes:
        before: A database at the parents of the revision, with rows; it stays as it is. None when none is kept.
        after: A database at the revision; None before its upgrade, or when the upgrade failed.
        onward: The database that the next revision starts on, when `before` and `after` have rows that were made for
            this revision only; None otherwise, and the next revision starts on `after`.
        schema: The catalog behind the revision; None before its upgrade, or when the upgrade failed.
        refused: Whether the upgrade failed on the usual rows; it may have succeeded on other rows.
    """

    before: Database | None = None
    after: Database | None = None
    onward: Database | None = None
    schema: SchemaSnapshot | None = None
    refused: bool = False

    def move_aside(self, before: Database | None) -> None:
        """Replace the database before the revision by another one, or by none."""
        if self.before is not None and self.before is not before:
            self.before.drop()
        self.before = before

    def move_to_matching(self, before: Database, after: Database | None) -> None:
        """Replace the databases by others, on which the next revision does not start."""
        self.move_aside(before)
        if self.onward is None:
            self.onward = self.after
        elif self.after is not None:
            self.after.drop()
        self.after = after

    def end(self) -> Database | None:
        """Drop the databases, but for the one that the next revision can start on, and return that one."""
        if self.onward is not None and self.after is not None:
            self.after.drop()
        self.move_aside(None)
        return self.onward or self.after
