"""The application of single revisions to a database that is in use."""

from abc import abstractmethod
from typing import Protocol

from domain.migration.deployment.deployment import Attempted
from domain.migration.deployment.plan import Step


class Applier(Protocol):
    """Applies the revisions of a project to a database, one at a time, under a lock policy."""

    @abstractmethod
    def apply(self, step: Step) -> Attempted:
        """Try to apply a revision once; what it has learned of locks serves the next attempt of the same step.

        A failure raises nothing: it is a part of the result. So does Ctrl-C, once the attempt has ended in order.
        """
