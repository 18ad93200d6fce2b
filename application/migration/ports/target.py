"""A database that is in use."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from domain.migration.deployment.plan import Destroyed, TargetIdentity
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.status import TargetState


class Target(Protocol):
    """A database that is in use; it is only read."""

    @abstractmethod
    def state(self, version_tables: Collection[str]) -> TargetState:
        """Return what it says of itself.

        Args:
            version_tables: Where the project writes its versions, as `schema.table`, or as `table` for the one that the
                search path finds.
        """

    @abstractmethod
    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return its catalog without those tables."""

    @abstractmethod
    def identity(self) -> TargetIdentity:
        """Return what tells it from all other databases."""

    @abstractmethod
    def count(self, destroyed: Iterable[Destroyed]) -> Mapping[str, int | None]:
        """Return how many rows tables have, and how many values columns, by name; None if that takes too long."""
