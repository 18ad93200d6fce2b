"""Databases at revisions of a project, for its tests."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol, Self

from domain.migration.history import History
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot


class ProjectDatabase(Protocol):
    """A database at revisions of a project; as a context manager it is dropped behind the block.

    Attributes:
        url: Its URL.
    """

    url: str

    @abstractmethod
    def snapshot(self) -> SchemaSnapshot:
        """Return its catalog, without the tables in which versions are written."""

    @abstractmethod
    def upgrade(self, revision: str) -> str:
        """Upgrade to a revision, and return the message of the error; empty without one."""

    @abstractmethod
    def downgrade(self, revision: str) -> str:
        """Downgrade to a revision, and return the message of the error; empty without one."""

    @abstractmethod
    def drop(self) -> None:
        """Drop the database."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Return the database itself."""

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Drop the database."""


@dataclass(frozen=True)
class ModelComparison:
    """The comparison of a project's models with its revisions.

    Attributes:
        difference: What the revisions make differently; None without models, or when they cannot be compared.
        error: Why they cannot be compared; empty when they can, or without models.
    """

    difference: SchemaDifference | None
    error: str = ""


class ProjectDatabases(Protocol):
    """Databases at revisions of a project, for tests."""

    @abstractmethod
    def history(self) -> History:
        """Return the revisions of the project.

        Raises:
            MigrationError: They cannot be read.
        """

    @abstractmethod
    def create(self, revision: str = "heads", rows: int = 0) -> ProjectDatabase:
        """Create a database at a revision.

        Args:
            revision: The name of a revision in Alembic's syntax.
            rows: The number of rows that fill each table.

        Raises:
            MigrationError: The revision is unknown, or cannot be reached.
        """

    @abstractmethod
    def compare_models(self) -> ModelComparison:
        """Return the comparison of the models with a database at the heads."""
