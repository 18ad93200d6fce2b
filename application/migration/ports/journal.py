"""The journal of deployments."""

from abc import abstractmethod
from typing import Protocol

from domain.migration.deployment.journal import JournalEntry


class Journal(Protocol):
    """What was done to a database, entry after entry; nothing in it is changed or removed.

    Each method raises a `JournalError` if the journal cannot be read or written.
    """

    @abstractmethod
    def write(self, entry: JournalEntry) -> None:
        """Append an entry; it is on the disk when this returns."""

    @abstractmethod
    def read(self) -> tuple[JournalEntry, ...]:
        """Return all entries, oldest first; none if nobody has written any."""

    @abstractmethod
    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:
        """Keep the file of a revision that is applied, so that it can be downgraded when its code is gone.

        Args:
            revision: Id of the revision.
            sha256: SHA-256 of the file, in hexadecimal; a file that is kept already is not kept twice.
            content: The file.
        """

    @abstractmethod
    def kept_file(self, sha256: str) -> bytes | None:
        """Return the file with a SHA-256; None if it was not kept."""
