"""What the revisions of a project make."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from domain.migration.snapshot import SchemaSnapshot


class ExpectedSchema(Protocol):
    """The schema that the revisions of a project make, on the target's major version."""

    @abstractmethod
    def schema_at(self, revisions: Sequence[str]) -> SchemaSnapshot:
        """Return the catalog of a database at some revisions, without the tables in which versions are written.

        Raises:
            MigrationError: They cannot be reached.
        """
