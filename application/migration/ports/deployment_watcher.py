"""What hears of a deployment while it works."""

from abc import abstractmethod
from typing import Protocol

from domain.migration.deployment.backup import Backup
from domain.migration.deployment.deployment import Attempted
from domain.migration.deployment.leftovers import Leftover
from domain.migration.deployment.plan import Step


class DeploymentWatcher(Protocol):
    """Hears of the steps of a deployment, and of their attempts."""

    @abstractmethod
    def backs_up(self, done: int, count: int, name: str) -> None:
        """Hear that a table is copied: the number of those that are, of all, and its name."""

    @abstractmethod
    def backed_up(self, backup: Backup) -> None:
        """Hear that the backup is complete."""

    @abstractmethod
    def dropped(self, leftover: Leftover) -> None:
        """Hear that an invalid index of an earlier attempt was dropped."""

    @abstractmethod
    def step_begins(self, step: Step, number: int, steps: int) -> None:
        """Hear that a step begins, with its number from 1 and the number of all steps."""

    @abstractmethod
    def attempt_ended(self, step: Step, attempt: Attempted, number: int) -> None:
        """Hear how an attempt ended, with its number from 1."""

    @abstractmethod
    def verifies(self) -> None:
        """Hear that all steps are applied, and that the database is looked at."""
