"""Bring a database to the head of its project."""

from dataclasses import dataclass

from application.migration.ports.target import Target
from application.migration.ports.upgrader import Upgrader
from application.migration.read_status import ReadStatus
from domain.migration.status import DatabaseStatus


@dataclass(frozen=True)
class Upgrade:
    """Upgrades a database, and reads where it stands then.

    Attributes:
        upgrader: Runs the revisions.
        target: The database.
    """

    upgrader: Upgrader
    target: Target

    def __call__(self) -> DatabaseStatus:
        """Run the pending revisions and return the state of the database.

        Raises:
            MigrationError: The history cannot be read.
        """
        return ReadStatus(self.upgrader.upgrade(), self.target)()
