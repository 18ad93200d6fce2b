"""The journal in the database, with a copy in a file."""

from dataclasses import dataclass

from application.migration.ports.journal import Journal
from domain.migration.deployment.journal import JournalEntry


@dataclass(frozen=True)
class BothJournals(Journal):
    """Two journals, of which the local one is written first, so that it also has what the database refuses.

    Attributes:
        local: The one beside the project.
        database: The one in the database.
    """

    local: Journal
    database: Journal

    def write(self, entry: JournalEntry) -> None:
        """Append an entry to both."""
        self.local.write(entry)
        self.database.write(entry)

    def read(self) -> tuple[JournalEntry, ...]:
        """Return the entries of the database, with those that only the local journal has, oldest first."""
        entries = {_key(entry): entry for entry in (*self.local.read(), *self.database.read())}
        return tuple(sorted(entries.values(), key=lambda entry: entry.at))

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:
        """Keep the file of a revision in both."""
        self.local.keep_file(revision, sha256, content)
        self.database.keep_file(revision, sha256, content)

    def kept_file(self, sha256: str) -> bytes | None:
        """Return a kept file from the database; from the local journal where only that has it."""
        kept = self.database.kept_file(sha256)
        return self.local.kept_file(sha256) if kept is None else kept


def _key(entry: JournalEntry) -> tuple[object, ...]:
    return entry.deployment, entry.revision, entry.attempt, entry.event, entry.at
