"""The lock that lets one deployment at a time change a database."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol


class DeploymentLock(Protocol):
    """Lets one deployment at a time change a database."""

    @abstractmethod
    def held(self) -> AbstractContextManager[None]:
        """Return a block in which no other deployment of the database runs.

        Raises:
            MigrationError: Another one has not ended in time.
        """
