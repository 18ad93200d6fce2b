"""The lock that lets one deployment at a time change a database."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class DeploymentLock(Protocol):
    """Lets one deployment at a time change a database."""

    @abstractmethod
    def held(self) -> AbstractContextManager[Callable[[], bool]]:
        """Return a block in which no other deployment of the database runs, and what tells whether that is still so.

        Raises:
            MigrationError: Another one has not ended in time.
        """
