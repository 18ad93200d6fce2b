"""Checks of a database before a deployment."""

from abc import abstractmethod
from collections.abc import Collection
from typing import Protocol

from domain.migration.deployment.leftovers import Leftover
from domain.migration.deployment.plan import Plan
from domain.migration.deployment.preflight import Finding


class TargetChecks(Protocol):
    """Checks that ask the database itself; it is only read."""

    @abstractmethod
    def run(self, plan: Plan | None, leftovers: Collection[Leftover] = ()) -> tuple[Finding, ...]:
        """Return what each check found, at least one finding a check.

        Args:
            plan: The plan that will be carried out; None if there is none.
            leftovers: Invalid indexes that earlier attempts have left, and that the deployment drops.
        """
