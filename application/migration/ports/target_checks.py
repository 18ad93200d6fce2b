"""Checks of a database before a deployment."""

from abc import abstractmethod
from typing import Protocol

from domain.migration.deployment.plan import Plan
from domain.migration.deployment.preflight import Finding


class TargetChecks(Protocol):
    """Checks that ask the database itself; it is only read."""

    @abstractmethod
    def run(self, plan: Plan | None) -> tuple[Finding, ...]:
        """Return what each check found, at least one finding a check.

        Args:
            plan: The plan that will be carried out; None if there is none.
        """
