"""The databases along a line of revisions, each made of the one before."""

from adapter.outbound.migration.trial.database import RevisionDatabase
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.history import HistoryEntry


class RevisionLine:
    """Goes from revision to revision: each begins on the database that the one before has left, where that fits.

    Attributes:
        databases: Makes the databases.
        before: A database at the parents of the revision that one is at, with rows; it stays as it is.
        after: The same with the revision; None until there is one.
        refused: The revision, when it failed on these rows; on others it may have run.
        onward: What the next revision begins on instead, where these have rows for this revision only; None elsewhere.
    """

    def __init__(self, databases: RevisionDatabases) -> None:
        """Begin nowhere."""
        self.databases = databases
        self.before: RevisionDatabase | None = None
        self.after: RevisionDatabase | None = None
        self.refused: str | None = None
        self.onward: RevisionDatabase | None = None
        self._at: HistoryEntry | None = None

    def move_to(self, entry: HistoryEntry) -> tuple[RevisionDatabase, bool]:
        """Have a database at a revision's parents, with rows.

        Returns:
            The database, and whether it is the one that the revision before has left.

        Raises:
            CannotBuildError: The parents cannot be applied.
        """
        applied = self.databases.history().ancestors(entry.parents)
        old, after, refused = self.before, self._left(), self.refused
        self.before = self.refused = None
        self.databases.drop(old)
        goes_on = not self.databases.is_landing(entry.parents)
        fits = goes_on and refused is None and after is not None and after.applied == applied
        if after is not None and fits:
            self.before = self.databases.filled(after)
        else:
            self.databases.drop(after)
            # behind a revision that failed on rows they are made anew, as they are where it is not in the range
            self.before = self.databases.at(entry.parents, at_once=goes_on and (refused,) == entry.parents)
        self._at = entry
        return self.before, fits

    def move_aside(self, database: RevisionDatabase) -> None:
        """Be at the same revision on another database."""
        self.databases.drop(self.before)
        self.before = database

    def _left(self) -> RevisionDatabase | None:
        """Take what the next revision can begin on."""
        after, onward = self.after, self.onward
        self.after = self.onward = None
        if onward is not None:
            self.databases.drop(after)
        return onward or after

    def close(self) -> None:
        """Keep what the next analysis can begin with."""
        after = self._left()
        if after is not None and self._at is not None and self.refused is None:
            self.databases.keep(after, self._at.revision)
