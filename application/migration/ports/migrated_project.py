"""A project beside which a database is put."""

from abc import abstractmethod
from typing import Protocol

from application.migration.ports.target import Target
from domain.migration.history import History
from domain.migration.status import Drift, TargetState


class MigratedProject(Protocol):
    """A project beside which a database is put."""

    @abstractmethod
    def history(self) -> History:
        """Return its revisions.

        Raises:
            MigrationError: They cannot be read.
        """

    @abstractmethod
    def version_tables(self) -> tuple[str, ...]:
        """Return where it writes its versions, as `Target.state` takes it."""

    @abstractmethod
    def needs_pgvector(self) -> bool:
        """Return whether a model is known to have a column of pgvector's types."""

    @abstractmethod
    def drift(self, target: Target, state: TargetState) -> Drift:
        """Return what differs between the project and a database that is at its heads.

        Args:
            target: The database.
            state: What it says of itself.
        """
