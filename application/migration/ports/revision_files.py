"""What the files of revisions say without being run."""

from abc import abstractmethod
from typing import Protocol

from domain.migration.history import HistoryEntry
from domain.migration.verification.round_trip import Declaration


class RevisionFiles(Protocol):
    """The files of a project's revisions."""

    @abstractmethod
    def sha256(self, entry: HistoryEntry) -> str:
        """Return the SHA-256 of a revision's file, in hexadecimal."""

    @abstractmethod
    def content(self, entry: HistoryEntry) -> bytes:
        """Return a revision's file."""

    @abstractmethod
    def declaration(self, entry: HistoryEntry) -> Declaration:
        """Return what a revision declares about its own downgrade.

        Raises:
            CertificateError: The declaration cannot be read.
        """
