"""The databases along a line of revisions, each made from the one before."""

from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.history import HistoryEntry


class RevisionLine:
    """A position in a history, which moves from revision to revision.

    A revision starts on the database that the previous revision has left, when that database is at its parents.

    Attributes:
        databases: Makes the databases.
        before: A database at the parents of the current revision, with rows; it stays as it is. None before the first
            revision, or when no such database is kept.
        after: A database at the current revision; None before its upgrade, or when the upgrade failed.
        refused: The current revision, when it failed on the usual rows; it may have succeeded on other rows.
        onward: The database that the next revision starts on, when `before` and `after` have rows that were made for
            the current revision only; None otherwise, and the next revision starts on `after`.
    """

    def __init__(self, databases: RevisionDatabases) -> None:
        """Create a line without a current revision.

        Args:
            databases: Makes the databases.
        """
        self.databases = databases
        self.before: Database | None = None
        self.after: Database | None = None
        self.refused: str | None = None
        self.onward: Database | None = None
        self._current: HistoryEntry | None = None

    def move_to(self, entry: HistoryEntry) -> tuple[Database, bool]:
        """Make a revision the current one, and return a database at its parents, with rows.

        Args:
            entry: The revision.

        Returns:
            The database, and whether it is the one that the previous revision has left.

        Raises:
            CannotBuildError: The parents cannot be applied.
        """
        applied = self.databases.history().ancestors(entry.parents)
        previous_before, after, refused = self.before, self._take_starting_point(), self.refused
        self.before = self.refused = None
        if previous_before is not None:
            previous_before.drop()
        goes_on = not self.databases.is_landing(entry.parents)
        is_reusable = goes_on and refused is None and after is not None and after.applied == applied
        if after is not None and is_reusable:
            self.databases.fill(after)
            self.before = after
        else:
            if after is not None:
                after.drop()
            # after a revision that failed on its rows, new rows are made, as in a range that starts behind it
            self.before = self.databases.at(entry.parents, at_once=goes_on and (refused,) == entry.parents)
        self._current = entry
        return self.before, is_reusable

    def move_aside(self, database: Database) -> None:
        """Replace the database before the current revision by another one."""
        if self.before is not None:
            self.before.drop()
        self.before = database

    def move_to_matching(self, before: Database, after: Database | None) -> None:
        """Replace the databases of the current revision by others, on which the next revision does not start."""
        self.move_aside(before)
        if self.onward is None:
            self.onward = self.after
        elif self.after is not None:
            self.after.drop()
        self.after = after

    def _take_starting_point(self) -> Database | None:
        """Return the database that the next revision can start on, and forget it; None without one."""
        after, onward = self.after, self.onward
        self.after = self.onward = None
        if onward is not None and after is not None:
            after.drop()
        return onward or after

    def close(self) -> None:
        """Save the database that the next revision would start on as a template, for the next analysis."""
        after = self._take_starting_point()
        if after is not None and self._current is not None and self.refused is None:
            self.databases.keep(after, self._current.revision)
