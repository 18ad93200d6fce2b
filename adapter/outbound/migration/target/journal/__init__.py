"""The journal of deployments: in a file beside the project, and in the database."""

from dataclasses import dataclass

from application.migration.ports.journal import Journal
from domain.migration.deployment.journal import JournalEntry


@dataclass(frozen=True)
class BothJournals(Journal):
    """Writes to two journals, the first of which has everything, also what the second refuses.

    Attributes:
        local: The one that is written first.
        shared: The one that is read, because others write it, too.
    """

    local: Journal
    shared: Journal

    def write(self, entry: JournalEntry) -> None:
        """Append an entry to both."""
        self.local.write(entry)
        self.shared.write(entry)

    def read(self) -> tuple[JournalEntry, ...]:
        """Return the entries of the shared one."""
        return self.shared.read()

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:
        """Keep the file of a revision in both."""
        self.local.keep_file(revision, sha256, content)
        self.shared.keep_file(revision, sha256, content)

    def kept_file(self, sha256: str) -> bytes | None:
        """Return the file that either has."""
        return self.shared.kept_file(sha256) or self.local.kept_file(sha256)
