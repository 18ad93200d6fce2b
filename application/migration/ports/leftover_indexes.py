"""Invalid indexes that an earlier attempt of a deployment has left."""

from abc import abstractmethod
from typing import Protocol

from domain.migration.deployment.leftovers import Leftover


class LeftoverIndexes(Protocol):
    """Drops invalid indexes beside the traffic."""

    @abstractmethod
    def drop(self, leftover: Leftover) -> bool:
        """Drop an index if it is still invalid, and on the table that the revision builds it on; return whether it did.

        Raises:
            MigrationError: The database refuses that.
        """
