"""What the use cases of migrations need from outside."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol, Self

from domain.migration.history import History, HistoryEntry
from domain.migration.trace import RevisionTrace


class Sandbox(Protocol):
    """A Postgres server where anything may be tried: databases that live as long as the sandbox is open.

    A template is a database that outlives the sandbox, so that what it holds is made only once. Its key says what went
    into it: the same key, the same contents.
    """

    @property
    @abstractmethod
    def server_version(self) -> int:
        """The server's version as libpq numbers it: 180006 is 18.6."""

    @abstractmethod
    def create(self, template: str | None = None) -> str:
        """Create a database and give its URL.

        Args:
            template: Key of the template to copy; without one the database is empty.
        """

    @abstractmethod
    def drop(self, database: str) -> None:
        """Drop a database of this sandbox, named by its URL or its name, whoever is connected to it."""

    @abstractmethod
    def has_template(self, key: str) -> bool:
        """Tell whether there is a template with this key."""

    @abstractmethod
    def save_template(self, database: str, key: str) -> None:
        """Make a database of this sandbox a template; it is no database of the sandbox any more.

        When somebody else saved that template meanwhile, theirs stays and this one is dropped.
        """

    @abstractmethod
    def close(self) -> None:
        """Drop all databases of this sandbox; templates stay."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Give the sandbox itself."""

    @abstractmethod
    def __exit__(self, *exception: object) -> None:
        """Close it."""


@dataclass(frozen=True)
class Versions:
    """What a sandbox runs on.

    Attributes:
        postgres: Version of the server, such as `18.6`.
        pgvector: Version of the extension in the traced databases; None where it was not created.
    """

    postgres: str
    pgvector: str | None


class RevisionTracer(Protocol):
    """A project's history, and a place to run it in."""

    @abstractmethod
    def history(self) -> History:
        """Read the revisions.

        Raises:
            MigrationError: They cannot be read.
        """

    @abstractmethod
    def trace(self, entry: HistoryEntry) -> RevisionTrace:
        """Run one revision up and down on a database at its parents with rows in every table."""

    @abstractmethod
    def versions(self) -> Versions:
        """Tell what it ran on."""
