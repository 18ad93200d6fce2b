"""The files of a project's revisions."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.migration.trial.databases import RevisionDatabases
from application.migration.ports.revision_files import RevisionFiles
from domain.migration.history import HistoryEntry
from domain.migration.verification.round_trip import Declaration


@dataclass(frozen=True)
class ListedRevisionFiles(RevisionFiles):
    """Files of revisions that the agent has listed.

    Attributes:
        databases: Have the history.
    """

    databases: RevisionDatabases

    def sha256(self, entry: HistoryEntry) -> str:
        """Return the SHA-256 of a revision's file, in hexadecimal."""
        return hashlib.sha256(self.content(entry)).hexdigest()

    def content(self, entry: HistoryEntry) -> bytes:
        """Return a revision's file."""
        return Path(entry.path).read_bytes()

    def declaration(self, entry: HistoryEntry) -> Declaration:
        """Return the losses and the irreversibility that a revision declares for its own downgrade.

        Raises:
            CertificateError: The declaration cannot be read.
        """
        listed = self.databases.listed(entry.revision)
        return Declaration.read(entry.revision, listed.lossy_downgrade, listed.irreversible)
