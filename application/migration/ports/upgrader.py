"""Upgrades of a database that is in use."""

from abc import abstractmethod
from typing import Protocol

from application.migration.ports.migrated_project import MigratedProject


class Upgrader(Protocol):
    """Runs the upgrades of a project on a real database."""

    @abstractmethod
    def upgrade(self) -> MigratedProject:
        """Bring the database to the head, and return the project with which that was done.

        An error says where the database is then.
        """
